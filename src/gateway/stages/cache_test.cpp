// The cache in a gateway on real sockets: what is answered from memory, what never is, and who never gets whose answer.
#include "gateway/stages/cache.h"

#include "gateway/stages/cache_purge.h"
#include "gateway/stages/rewrite.h"
#include "gateway/stages/stage_fixture.h"

namespace gatehouse::gateway {
namespace {

struct CacheTest : StageFixture {
  CacheStores stores{house.random()};

  void start(CacheConfig config = {}, std::string policy = "public") {
    open({cache(std::move(config))}, std::move(policy));
  }
  std::shared_ptr<Stage> cache(CacheConfig config) {
    return made(make_cache_stage(std::move(config), stores, house.clock));
  }
  void says(std::string control, std::string body = "app") {
    app.reply = net::Reply::text(200, std::move(body)).with("Cache-Control", std::move(control));
  }
  // Does the same question, asked again, reach the upstream?
  bool asks_again(const std::vector<std::string>& lines = {}, std::string_view line = "GET /") {
    ask(line, lines);
    const int before = app.asked;
    ask(line, lines);
    return app.asked != before;
  }
  std::string state(const HttpAnswer& answer) { return answer.header("Cache-Status"); }
};

TEST_F(CacheTest, what_is_fresh_is_answered_without_the_upstream) {
  says("max-age=60");
  app.reply.with("ETag", "\"1\"").with("X-App", "yes");
  start();
  const auto first = get();
  EXPECT_EQ(state(first), "gatehouse; fwd=uri-miss; fwd-status=200; stored; ttl=60");
  EXPECT_EQ(first.header("Age"), "");
  house.clock.advance(Seconds(20));
  const auto second = get();
  EXPECT_EQ(state(second), "gatehouse; hit; ttl=40");
  EXPECT_EQ(second.header("Age"), "20");
  EXPECT_EQ(second.header("X-App"), "yes");
  EXPECT_EQ(second.header("Date"), first.header("Date"));
  EXPECT_EQ(second.body, "app");
  EXPECT_EQ(app.asked, 1);
  EXPECT_EQ(get({"If-None-Match: W/\"1\""}).status, 304);
  const auto head = ask("HEAD /");
  EXPECT_EQ(head.header("Content-Length"), "3");
  EXPECT_EQ(head.body, "");
  EXPECT_EQ(app.asked, 1);
  house.clock.advance(Seconds(40));
  EXPECT_TRUE(state(get()).starts_with("gatehouse; fwd=stale; fwd-status=200; stored"));
  EXPECT_EQ(app.asked, 2);
}

TEST_F(CacheTest, age_counts_from_the_upstreams_date_and_others_caches) {
  const auto date = to_http_date(house.clock.now() - Seconds(30));
  says("max-age=60");
  app.reply.with("Date", date).with("Age", "40");
  start();
  const auto first = get();
  EXPECT_EQ(first.all("Date"), std::vector<std::string>{date});
  EXPECT_EQ(first.header("Age"), "40");
  house.clock.advance(Seconds(5));
  const auto hit = get();
  EXPECT_EQ(hit.header("Age"), "45");
  EXPECT_EQ(hit.all("Date"), std::vector<std::string>{date});
  house.clock.advance(Seconds(15));
  EXPECT_FALSE(state(get()).contains("hit"));
}

TEST_F(CacheTest, those_who_miss_together_ask_once) {
  says("max-age=60", "once");
  start();
  std::vector<std::jthread> clients;
  std::atomic<int> good = 0;
  for (int i = 0; i < 20; ++i) clients.emplace_back([&] { good += get().body == "once" ? 1 : 0; });
  clients.clear();
  EXPECT_EQ(good, 20);
  EXPECT_EQ(app.asked, 1);
}

TEST_F(CacheTest, an_upstream_that_is_gone_is_bridged) {
  says("max-age=10, stale-if-error=60", "good");
  start();
  get();
  house.clock.advance(Seconds(20));
  RawClient kept(house.port());
  app_server.reset();
  for (int i = 0; i < 3; ++i) {  // on one connection: bridging costs nobody theirs
    kept.send("GET / HTTP/1.1\r\nHost: app.test\r\n\r\n");
    EXPECT_EQ(kept.read().body, "good");
  }
}

TEST_F(CacheTest, what_is_rewritten_is_kept_as_what_was_asked_and_taken_out_by_its_own_names) {
  RequestRewrite rewrite;
  rewrite.path.strip_prefix = "/api";
  rewrite.rename = {{"X-Lang", "Accept-Language"}};
  open({made(make_rewrite_stage(rewrite)), cache({})});
  says("max-age=60", "in german");
  app.reply.with("Vary", "Accept-Language");
  ask("GET /api/items/1", {"X-Lang: de"});
  app.reply.body = "in english";
  EXPECT_EQ(ask("GET /api/items/1", {"X-Lang: en"}).body, "in english");  // what selects is what the upstream was sent
  EXPECT_EQ(ask("GET /api/items/1", {"X-Lang: de"}).body, "in german");
  app.reply = net::Reply::empty(201).with("Location", "/items/1");
  ask("POST /api/items", {}, "x");
  says("max-age=60", "new");
  EXPECT_EQ(ask("GET /api/items/1", {"X-Lang: de"}).body, "new");
}

TEST_F(CacheTest, an_old_answer_is_good_again_when_the_upstream_says_so) {
  says("max-age=10", "page");
  app.reply.with("ETag", "\"1\"").with("X-Old", "1");
  start();
  get();
  house.clock.advance(Seconds(11));
  app.reply = net::Reply::empty(304).with("Cache-Control", "max-age=100").with("ETag", "\"1\"").with("X-New", "1");
  const auto again = get({"If-None-Match: \"of-the-client\""});
  EXPECT_EQ(app.all("if-none-match"), std::vector<std::string>{"\"1\""});
  EXPECT_EQ(again.status, 200);
  EXPECT_EQ(again.body, "page");
  EXPECT_EQ(state(again), "gatehouse; fwd=stale; fwd-status=304; ttl=100");
  EXPECT_EQ(again.header("X-New") + again.header("X-Old"), "11");
  EXPECT_EQ(get({"If-None-Match: \"1\""}).status, 304);
  EXPECT_EQ(app.asked, 2);
}

TEST_F(CacheTest, a_304_about_something_else_is_not_believed) {
  says("max-age=10", "page");
  app.reply.with("ETag", "\"1\"");
  start();
  get();
  house.clock.advance(Seconds(11));
  app.reply = net::Reply::empty(304).with("ETag", "\"2\"");
  const auto again = get();
  EXPECT_EQ(app.asked, 3);  // asked once more without the condition; what comes then is the upstream's own affair
  EXPECT_TRUE(app.all("if-none-match").empty());
  EXPECT_EQ(again.status, 304);
}

TEST_F(CacheTest, what_must_not_be_kept_is_not) {
  start();
  for (const auto* words : {"no-store", "private, max-age=60", "max-age=0", "max-age=x", "no-cache"}) {
    says(words);
    EXPECT_TRUE(asks_again()) << words;
  }
  app.reply = net::Reply::text(200, "says nothing")
                  .with("ETag", "\"1\"")
                  .with("Last-Modified", to_http_date(house.clock.now() - std::chrono::hours(1000)));
  EXPECT_TRUE(asks_again());
  says("max-age=60");
  app.reply.with("Set-Cookie", "session=1");
  EXPECT_TRUE(asks_again());
  says("max-age=60");
  EXPECT_TRUE(asks_again({"Range: bytes=0-1"}));
  EXPECT_TRUE(asks_again({"Cache-Control: no-store"}));
  EXPECT_TRUE(asks_again({}, "OPTIONS /"));
  app.reply.status = 206;
  EXPECT_TRUE(asks_again());
}

// CPDoS (oversize or illegal fields that make an application answer 400): never kept for the next one.
TEST_F(CacheTest, errors_are_not_kept_unless_the_route_says_so) {
  CacheConfig config;
  config.rules.errors = {404};
  start(config);
  says("max-age=60, public");
  for (const int status : {400, 413, 431, 500, 503}) {
    app.reply.status = status;
    EXPECT_TRUE(asks_again()) << status;
  }
  app.reply.status = 404;
  EXPECT_FALSE(asks_again());
}

// Web cache deception: a page of somebody under a name that looks like a file.
TEST_F(CacheTest, what_was_authorised_for_one_is_not_shared_by_default) {
  says("max-age=60, public", "account of ada");
  start({}, "named");
  const auto first = ask("GET /account/x.css", {"X-Who: ada"});
  EXPECT_EQ(state(first), "gatehouse; fwd=bypass; detail=authorised");
  app.reply.body = "account of bob";
  EXPECT_EQ(ask("GET /account/x.css", {"X-Who: bob"}).body, "account of bob");
  EXPECT_EQ(ask("GET /account/x.css").status, 401);
}

TEST_F(CacheTest, each_subject_has_its_own_answers) {
  CacheConfig config;
  config.per_subject = true;
  start(config, "named");
  says("max-age=60", "of ada");
  get({"X-Who: ada"});
  says("max-age=60, public", "of bob");
  EXPECT_EQ(get({"X-Who: bob"}).body, "of bob");
  EXPECT_EQ(get({"X-Who: ada"}).body, "of ada");
  EXPECT_EQ(app.asked, 2);
  // Another token of the same subject may stand for less.
  says("max-age=60", "of ada, with less scope");
  EXPECT_EQ(get({"X-Who: ada", "Authorization: Bearer narrow"}).body, "of ada, with less scope");
  EXPECT_EQ(get({"X-Who: ada", "Cookie: app_session=2"}).body, "of ada, with less scope");
  EXPECT_EQ(app.asked, 4);
  // Whoever is not let in gets nothing of it.
  EXPECT_EQ(get().status, 401);
}

TEST_F(CacheTest, the_authorised_share_only_what_says_so_itself) {
  CacheConfig config;
  config.share_authorised = true;
  start(config, "named");
  says("max-age=60", "private after all");
  get({"X-Who: ada"});
  says("max-age=60, public", "for all");
  EXPECT_EQ(get({"X-Who: bob"}).body, "for all");
  says("max-age=60", "later");
  EXPECT_EQ(get({"X-Who: ada"}).body, "for all");
  EXPECT_EQ(app.asked, 2);
}

// The upstream may name the fields that the gateway adds; their values are those that it was sent.
TEST_F(CacheTest, vary_sees_the_identity_that_was_injected) {
  CacheConfig config;
  config.share_authorised = true;
  start(config, "named");
  says("max-age=60, public", "of ada");
  app.reply.with("Vary", "X-Remote-User");
  get({"X-Who: ada"});
  app.reply.body = "of bob";
  EXPECT_EQ(get({"X-Who: bob"}).body, "of bob");
  EXPECT_EQ(get({"X-Who: ada"}).body, "of ada");
  EXPECT_EQ(app.asked, 2);
}

// CVE-2026-44457: a cache that ignored Vary: Authorization.
TEST_F(CacheTest, vary_on_credentials_is_obeyed) {
  CacheConfig config;
  config.share_authorised = true;
  start(config);
  says("max-age=60, public", "with a");
  app.reply.with("Vary", "Authorization, Cookie");
  get({"Authorization: Bearer a"});
  app.reply.body = "with b";
  EXPECT_EQ(get({"Authorization: Bearer b"}).body, "with b");
  EXPECT_EQ(get({"Authorization: bearer a"}).body, "with b");  // not normalised: scheme and token are the application's
  EXPECT_EQ(get({"Authorization: Bearer a"}).body, "with a");
  EXPECT_EQ(get({"Authorization: Bearer a", "Cookie: s=1"}).body, "with b");
  EXPECT_EQ(get().body, "with b");
}

TEST_F(CacheTest, credentials_of_the_application_count_as_well) {
  CacheConfig config;
  config.credentials = {"X-Partner"};
  start(config);
  says("max-age=60, public");
  for (const auto* line : {"Authorization: Basic eA==", "Cookie: session=1", "X-Api-Key: 1", "X-Partner: 1"})
    EXPECT_TRUE(asks_again({line})) << line;
  EXPECT_FALSE(asks_again());
  // And an answer that nobody in particular got is not given to somebody.
  says("max-age=60", "other");
  EXPECT_EQ(get({"Cookie: session=1"}).body, "other");
}

TEST_F(CacheTest, what_is_negotiated_is_kept_apart) {
  start();
  says("max-age=60", "plain");
  app.reply.with("Vary", "Accept-Encoding, X-Lang");
  get({"Accept-Encoding: gzip, br"});
  app.reply.body = "other";
  EXPECT_EQ(get({"Accept-Encoding:  GZIP,br "}).body, "plain");
  EXPECT_EQ(get({"Accept-Encoding: gzip", "Accept-Encoding: br"}).body, "plain");
  EXPECT_EQ(get({"Accept-Encoding: gzip"}).body, "other");
  EXPECT_EQ(get({"Accept-Encoding: gzip, br", "X-Lang: de"}).body, "other");
  EXPECT_EQ(get({"Accept-Encoding: gzip, br"}).body, "plain");
}

// Cross-origin poisoning: an echoed origin is not for other pages, and a coding not for who cannot read it.
TEST_F(CacheTest, what_an_answer_plainly_depends_on_selects_it) {
  start();
  says("max-age=60", "for a");
  app.reply.with("Access-Control-Allow-Origin", "https://a.example").with("Content-Encoding", "gzip");
  get({"Origin: https://a.example", "Accept-Encoding: gzip"});
  EXPECT_EQ(state(get({"Origin: https://b.example", "Accept-Encoding: gzip"})),
            "gatehouse; fwd=vary-miss; fwd-status=200; stored; ttl=60");
  get({"Origin: https://a.example"});
  EXPECT_EQ(app.asked, 3);
  get({"Origin: https://a.example", "Accept-Encoding: gzip"});
  EXPECT_EQ(app.asked, 3);
}

// Poisoning by what is not in the key: names of forwarding never come from a client, and a host with a port is another
// one.
TEST_F(CacheTest, no_field_of_a_client_speaks_for_another) {
  start();
  says("max-age=60");
  for (const auto* line : {"X-Forwarded-Host: evil.example", "X-Forwarded-Scheme: nothttps", "X-Original-URL: /admin",
                           "X-HTTP-Method-Override: POST", "X-Forwarded-Prefix: /evil"}) {
    get({line});
    const std::string name(line, std::string_view(line).find(':'));
    for (const auto& value : app.all(to_lower(name))) EXPECT_FALSE(std::string_view(line).contains(value)) << line;
  }
  EXPECT_EQ(app.asked, 1);
  EXPECT_EQ(get({"X_Forwarded_Host: evil.example"}).status, 400);
  house.ask("GET /", "app.test:1234");
  EXPECT_EQ(app.asked, 2);
  ask("GET /?utm=1");
  ask("GET /?");
  ask("GET /%41");
  ask("GET /A");
  EXPECT_EQ(app.asked, 5);
}

TEST_F(CacheTest, a_request_with_a_body_is_never_answered_from_memory) {
  start();
  says("max-age=60");
  get();
  ask("GET /", {}, "a=b");
  EXPECT_EQ(app.asked, 2);
}

TEST_F(CacheTest, changes_take_out_what_they_changed) {
  start();
  says("max-age=60");
  for (const auto* line : {"GET /a", "GET /b", "GET /c", "GET /d"}) ask(line);
  app.reply = net::Reply::empty(201).with("Location", "/b").with("Content-Location", "http://app.test/c");
  EXPECT_EQ(state(ask("POST /a", {}, "x")), "gatehouse; fwd=method");
  says("max-age=60", "new");
  EXPECT_EQ(ask("GET /a").body + ask("GET /b").body + ask("GET /c").body + ask("GET /d").body, "newnewnewapp");
  app.reply = net::Reply::text(403, "no").with("Location", "http://other.test/d");
  ask("DELETE /d");
  app.reply = net::Reply::empty(204).with("Location", "http://other.test/d");
  ask("PUT /x", {}, "x");
  EXPECT_EQ(ask("GET /d").body, "app");
}

TEST_F(CacheTest, clients_may_ask_for_more_and_for_less) {
  start();
  says("max-age=60");
  EXPECT_EQ(get({"Cache-Control: only-if-cached"}).status, 504);
  get();
  house.clock.advance(Seconds(30));
  get({"Cache-Control: max-age=30"});
  EXPECT_EQ(app.asked, 1);
  get({"Cache-Control: max-age=29"});
  EXPECT_EQ(app.asked, 2);
  get({"Pragma: no-cache"});
  EXPECT_EQ(app.asked, 3);
  house.clock.advance(Seconds(65));
  EXPECT_EQ(state(get({"Cache-Control: max-stale=10"})), "gatehouse; hit; ttl=-5");
  EXPECT_EQ(app.asked, 3);
}

TEST_F(CacheTest, a_route_may_turn_a_deaf_ear_to_clients) {
  CacheConfig config;
  config.obey_clients = false;
  config.tell = false;
  start(config);
  says("max-age=60");
  EXPECT_EQ(state(get()), "");
  get({"Cache-Control: no-cache", "Pragma: no-cache"});
  EXPECT_EQ(app.asked, 1);
}

TEST_F(CacheTest, large_and_cut_answers_pass_through_and_are_not_kept) {
  CacheConfig config;
  config.store.object_max = 1000;
  start(config);
  says("max-age=60", std::string(1001, 'x'));
  EXPECT_TRUE(asks_again());
  EXPECT_EQ(get().body.size(), 1001u);
  app.pieces = {std::string(600, 'a'), std::string(600, 'b')};
  EXPECT_TRUE(asks_again());
  EXPECT_EQ(get().body.size(), 1200u);
  app.pieces = {std::string(400, 'a'), std::string(600, 'b')};
  EXPECT_FALSE(asks_again());
  EXPECT_EQ(get().body, std::string(400, 'a') + std::string(600, 'b'));
}

TEST_F(CacheTest, half_an_answer_is_never_kept) {
  const OddPeer cut("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 100000\r\n\r\nhalf");
  const OddPeer chunked(
      "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n");
  auto whole = config({cache({})});
  for (const auto* name : {"cut", "chunked"}) {
    whole.pools.push_back(whole.pools.front());
    whole.pools.back().name = name;
    whole.pools.back().targets = {name == std::string_view("cut") ? cut.url() : chunked.url()};
    auto route = whole.routes.front();
    route.path = std::string("/") + name;
    route.upstream = name;
    whole.routes.push_back(route);
  }
  open_all(whole);
  for (const auto* path : {"GET /cut", "GET /chunked"})
    for (int i = 0; i < 2; ++i) EXPECT_FALSE(state(ask(path)).contains("hit")) << path;
  EXPECT_EQ(stores.all().front()->counts().entries, 0u);
}

TEST_F(CacheTest, something_stale_is_answered_while_it_is_refreshed) {
  says("max-age=10, stale-while-revalidate=30", "old");
  start();
  get();
  house.clock.advance(Seconds(15));
  says("max-age=10, stale-while-revalidate=30", "new");
  const auto stale = get();
  EXPECT_EQ(stale.body, "old");
  EXPECT_EQ(state(stale), "gatehouse; hit; ttl=-5");
  while (stores.all().front()->counts().stored < 2) std::this_thread::yield();
  EXPECT_EQ(get().body, "new");
  EXPECT_EQ(app.asked, 2);
}

TEST_F(CacheTest, an_error_of_the_upstream_is_bridged_for_as_long_as_it_may) {
  says("max-age=10, stale-if-error=60", "good");
  start();
  get();
  house.clock.advance(Seconds(20));
  app.reply = net::Reply::text(503, "broken");
  const auto bridged = get();
  EXPECT_EQ(bridged.body, "good");
  EXPECT_EQ(state(bridged), "gatehouse; fwd=stale; fwd-status=503; ttl=-10; detail=stale-if-error");
  app.pieces = {"bro", "ken"};
  EXPECT_EQ(get().body, "good");
  house.clock.advance(Seconds(60));
  EXPECT_EQ(get().body, "broken");
}

TEST_F(CacheTest, cookies_reach_the_first_one_only) {
  says("public, max-age=60");
  app.reply.with("Set-Cookie", "session=of-the-first");
  start();
  EXPECT_EQ(get().header("Set-Cookie"), "session=of-the-first");
  EXPECT_EQ(get().header("Set-Cookie"), "");
  EXPECT_EQ(app.asked, 1);
}

TEST_F(CacheTest, operators_take_out_what_they_name) {
  start();
  says("max-age=60");
  const auto fill = [&] {
    for (const auto* line : {"GET /a", "GET /a?x=1", "GET /a/b", "GET /ab"}) ask(line);
  };
  fill();
  app.reply.with("Surrogate-Key", "one two");
  EXPECT_EQ(ask("GET /tagged").header("Surrogate-Key"), "");
  const auto gone = [&](Purge wanted) {
    const auto done = purge(stores, wanted);
    return done ? static_cast<int>(*done) : -1;
  };
  EXPECT_EQ(gone({.url = "http://app.test/a", .prefix = {}, .tag = {}, .route = {}}), 1);
  EXPECT_EQ(gone({.url = "http://APP.test:80/a?x=1", .prefix = {}, .tag = {}, .route = {}}), 1);
  fill();
  EXPECT_EQ(gone({.url = {}, .prefix = "http://app.test/a", .tag = {}, .route = {}}), 3);
  EXPECT_EQ(gone({.url = {}, .prefix = {}, .tag = "two", .route = "other"}), 0);
  EXPECT_EQ(gone({.url = {}, .prefix = {}, .tag = "two", .route = "app.test/"}), 1);
  EXPECT_EQ(gone({.url = {}, .prefix = {}, .tag = {}, .route = "app.test/"}), 1);
  for (const auto& wrong : {Purge{}, Purge{.url = "/a", .prefix = {}, .tag = {}, .route = {}},
                            Purge{.url = "http://app.test/a", .prefix = {}, .tag = "one", .route = {}},
                            Purge{.url = {}, .prefix = "http://app.test/a?x", .tag = {}, .route = {}},
                            Purge{.url = "http://app.test/..;/a", .prefix = {}, .tag = {}, .route = {}}})
    EXPECT_EQ(gone(wrong), -1);
}

TEST_F(CacheTest, what_is_kept_outlives_a_reload_and_belongs_to_its_route) {
  says("max-age=60");
  start();
  get();
  auto next = config({cache({})});
  house.gateway().swap(Snapshot::build(house.needs(*http), next, {}).value());
  get();
  EXPECT_EQ(app.asked, 1);
  next.routes.front().set_headers = {{"X-Env", "test"}};
  house.gateway().swap(Snapshot::build(house.needs(*http), next, {}).value());
  get();
  EXPECT_EQ(app.asked, 2);
  CacheConfig larger;
  larger.store.size *= 2;
  next.routes.front().stages = {cache(larger)};
  house.gateway().swap(Snapshot::build(house.needs(*http), next, {}).value());
  get();
  EXPECT_EQ(app.asked, 3);
}

TEST(CacheConfigTest, wrong_values_are_refused) {
  const auto told = [](auto change) {
    CacheConfig config;
    change(config);
    const auto good = validate(config);
    return good ? std::string() : good.error().message();
  };
  EXPECT_EQ(told([](auto&) {}), "");
  EXPECT_TRUE(told([](auto& config) { config.store.size = 1; }).contains("64KiB"));
  EXPECT_TRUE(told([](auto& config) { config.store.object_max = config.store.size; }).contains("an eighth"));
  EXPECT_TRUE(told([](auto& config) { config.vary = {"a b"}; }).contains("'a b'"));
  EXPECT_TRUE(told([](auto& config) { config.rules.errors = {401}; }).contains("401"));
}

}  // namespace
}  // namespace gatehouse::gateway
