// The whole gateway on real sockets. Attacks name their advisory.
#include <gtest/gtest.h>

#include "gateway/gateway_fixture.h"
#include "oauth/client/fake_issuer.h"

namespace gatehouse::gateway {
namespace {

// Somebody with fixed claims, so that identity headers can be looked at without a sign-in.
class KnownUser final : public Policy {
 public:
  explicit KnownUser(json::object claims) : claims_(std::make_shared<json::object>(std::move(claims))) {}
  std::vector<std::string> managed_headers() const override { return {"X-Remote-User", "X-Remote-Email", "X-Remote-Groups"}; }
  std::vector<std::string> own_cookies() const override { return {"gh_session"}; }
  bool has_pages() const override { return true; }
  Task<Verdict> check(net::Exchange&, const Demand&) override {
    const std::vector<IdentityHeader> headers{{"X-Remote-User", "user"}, {"X-Remote-Email", "email"}, {"X-Remote-Groups", "groups"}};
    Pass pass;
    pass.header_lines = std::make_shared<const std::string>(identity_lines(headers, *claims_));
    pass.attributes = claims_;
    co_return pass;
  }
  Task<net::Reply> page(net::Exchange& exchange) override {
    if (exchange.request().path != "/.gatehouse/here") return Policy::page(exchange);
    return own();
  }

 private:
  static Task<net::Reply> own() { co_return net::Reply::text(200, "own page"); }
  std::shared_ptr<json::object> claims_;
};

struct Gateways : testing::Test {
  House house;
  oauth::client::FakeIssuer issuer{house.clock};
  json::object claims{{"user", "ada"}, {"email", "ada@example.com"}, {"groups", json::array{"a", "b"}}};

  Config config() {
    Config out;
    PoolConfig pool;
    pool.name = "app";
    pool.targets = {house.app_url()};
    out.pools.push_back(pool);
    for (const auto& [path, policy] : std::vector<std::pair<std::string, std::string>>{{"/", "known"}, {"/public", "public"}}) {
      RouteConfig route;
      route.host = "wiki.test";
      route.path = path;
      route.policy = policy;
      route.upstream = "app";
      out.routes.push_back(route);
    }
    return out;
  }
  void open(const Config& with) {
    Policies policies;
    policies["known"] = std::make_shared<KnownUser>(claims);
    house.open(house.needs(issuer), with, policies);
  }
  void SetUp() override {
    if (open_at_once) open(config());
  }
  bool open_at_once = true;
  HttpAnswer get(std::string_view path, const std::vector<std::string>& lines = {}) { return house.ask("GET " + std::string(path), "wiki.test", lines); }
};
struct OddGateways : Gateways {
  OddGateways() { open_at_once = false; }
};

using List = std::vector<std::string>;

TEST_F(Gateways, a_request_goes_on_with_the_identity_and_comes_back) {
  const auto answer = get("/page?a=1", {"Accept: text/html", "X-Custom: 1"});
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "app");
  EXPECT_EQ(answer.header("X-App"), "yes");
  const auto seen = house.app.last();
  EXPECT_EQ(seen.target, "/page?a=1");
  EXPECT_EQ(seen.all("x-remote-user"), List{"ada"});
  EXPECT_EQ(seen.all("x-remote-groups"), List{"a,b"});
  EXPECT_EQ(seen.all("host"), List{"wiki.test"});
  EXPECT_EQ(seen.all("x-custom"), List{"1"});
  EXPECT_EQ(seen.all("x-forwarded-for"), List{"127.0.0.1"});
  EXPECT_EQ(seen.all("x-forwarded-host"), List{"wiki.test"});
  EXPECT_EQ(seen.all("x-forwarded-proto"), List{"http"});
  EXPECT_EQ(seen.all("via"), List{"1.1 gatehouse"});
}

// Section 3, 1 to 5: whatever the spelling, an upstream that folds names sees our value or nothing.
TEST_F(Gateways, no_spelling_of_an_identity_header_reaches_the_application) {
  for (const auto* name : {"X-Remote-User", "x-remote-user", "X_Remote_User", "X.Remote.User", "X-Remote_User", "x_remote.user", "X-REMOTE-USER"})
    for (const auto* path : {"/", "/public/x"}) {
      const auto before = house.app.seen().size();
      const auto answer = get(path, {std::string(name) + ": admin"});
      EXPECT_TRUE(answer.status == 200 || answer.status == 400) << name;
      const auto seen = house.app.seen();
      EXPECT_EQ(seen.size() - before, answer.status == 200 ? 1u : 0u);
      if (answer.status != 200) continue;
      EXPECT_EQ(seen.back().all("x-remote-user"), std::string_view(path) == "/" ? List{"ada"} : List{}) << name;
    }
}

// 4: CVE-2026-30851 (Caddy), CVE-2026-44087 (APISIX): an absent claim must not leave the client's value.
TEST_F(OddGateways, an_absent_or_unusable_claim_leaves_no_header) {
  for (const auto* value : {R"({"user":"ada"})", R"({"user":"ada","email":""})", R"({"user":"ada","email":null})", R"({"user":"ada","email":{"a":1}})",
                            R"({"user":"ada","email":"a@b\r\nX-Admin: 1"})", R"({"user":"ada","email":"a\u0085b"})"}) {
    claims = parse_json(value).value().as_object();
    KnownUser policy(claims);
    House fresh;
    Policies policies;
    policies["known"] = std::make_shared<KnownUser>(claims);
    auto with = config();
    with.pools[0].targets = {fresh.app_url()};
    fresh.open(fresh.needs(issuer), with, policies);
    EXPECT_EQ(fresh.ask("GET /", "wiki.test", {"X-Remote-Email: root@example.com"}).status, 200);
    EXPECT_EQ(fresh.app.last().all("x-remote-email"), List{}) << value;
    EXPECT_EQ(fresh.app.last().all("x-admin"), List{}) << value;
    EXPECT_EQ(fresh.app.last().all("x-remote-user"), List{"ada"}) << value;
  }
}

TEST(IdentityLines, an_entry_with_the_separator_does_not_become_two) {
  const std::vector<IdentityHeader> headers{{"X-Remote-Groups", "groups"}};
  EXPECT_EQ(identity_lines(headers, parse_json(R"({"groups":["a","b,Admins","c\n",7,true,null,"d"]})").value().as_object()), "X-Remote-Groups: a,7,true,d\r\n");
  EXPECT_EQ(identity_lines(headers, parse_json(R"({"groups":[",Admins"]})").value().as_object()), "");
}

// 6: mod_auth_openidc: CORS preflight, callback and error paths were not scrubbed.
TEST_F(Gateways, every_method_and_path_is_scrubbed) {
  for (const auto* line : {"OPTIONS /public/x", "HEAD /public/x", "DELETE /public/x", "PROPFIND /public/x"}) {
    EXPECT_EQ(house.ask(line, "wiki.test", {"X-Remote-User: admin", "Access-Control-Request-Method: GET"}).status, 200) << line;
    EXPECT_EQ(house.app.last().all("x-remote-user"), List{}) << line;
  }
}

// 7: CVE-2022-31813, CVE-2024-45410, CVE-2021-32813: Connection must not strip what the gateway adds or relies on.
TEST_F(Gateways, connection_cannot_take_away_what_the_gateway_says) {
  EXPECT_EQ(get("/", {"Connection: X-Remote-User, X-Forwarded-For, X-Forwarded-Proto, Host, Cookie, X-Mine, close", "X-Mine: 1", "Cookie: a=1"}).status, 200);
  const auto seen = house.app.last();
  EXPECT_EQ(seen.all("x-remote-user"), List{"ada"});
  EXPECT_EQ(seen.all("x-forwarded-for"), List{"127.0.0.1"});
  EXPECT_EQ(seen.all("x-forwarded-proto"), List{"http"});
  EXPECT_EQ(seen.all("host"), List{"wiki.test"});
  EXPECT_EQ(seen.all("cookie"), List{"a=1"});
  EXPECT_EQ(seen.all("x-mine"), List{});
}

// 8, 9: CVE-2026-40575, CVE-2026-76835, CVE-2023-27487: nobody is a trusted proxy by default.
TEST_F(Gateways, forged_forwarding_headers_are_replaced) {
  EXPECT_EQ(get("/", {"X-Forwarded-For: 1.2.3.4", "X-Forwarded-Host: evil", "X-Forwarded-Proto: https", "Forwarded: for=1.2.3.4", "X-Real-IP: 1.2.3.4",
                      "X-Original-URL: /public", "X-Forwarded-Uri: /public", "X-Envoy-Original-Path: /public", "X-HTTP-Method-Override: DELETE"}).status, 200);
  const auto seen = house.app.last();
  EXPECT_EQ(seen.all("x-forwarded-for"), List{"127.0.0.1"});
  EXPECT_EQ(seen.all("x-forwarded-host"), List{"wiki.test"});
  EXPECT_EQ(seen.all("x-forwarded-proto"), List{"http"});
  EXPECT_EQ(seen.all("x-remote-user"), List{"ada"}) << "the rule of the real path";
  for (const auto* name : {"forwarded", "x-real-ip", "x-original-url", "x-forwarded-uri", "x-envoy-original-path", "x-http-method-override"})
    EXPECT_EQ(seen.all(name), List{}) << name;
}

// 10: CVE-2026-34457: no identity from a User-Agent.
TEST_F(Gateways, a_health_checkers_name_opens_nothing) {
  EXPECT_EQ(house.ask("GET /", "unknown.test", {"User-Agent: GoogleHC/1.0"}).status, 421);
}

TEST_F(Gateways, what_no_rule_covers_is_refused_and_never_forwarded) {
  EXPECT_EQ(house.ask("GET /", "evil.test").status, 421);
  EXPECT_EQ(house.ask("TRACE /", "wiki.test").status, 501);
  EXPECT_EQ(get("/PUBLIC/x").status, 400);
  EXPECT_EQ(get("/public;a/x").status, 400);
  EXPECT_EQ(get("/x/../public").status, 400);
  EXPECT_EQ(get("/private?x=/public").status, 200);   // CVE-2025-54576: the query is no path
  EXPECT_EQ(house.app.last().all("x-remote-user"), List{"ada"});
  EXPECT_EQ(house.app.seen().size(), 1u);
}

TEST_F(Gateways, own_pages_are_never_forwarded) {
  EXPECT_EQ(get("/.gatehouse/here").body, "own page");
  EXPECT_EQ(get("/.gatehouse/nothing").status, 404);
  EXPECT_EQ(house.ask("GET /.gatehouse/here", "evil.test").status, 404);
  EXPECT_TRUE(house.app.seen().empty());
}

TEST_F(Gateways, our_cookies_stay_here_and_the_application_cannot_plant_them) {
  const auto answer = get("/", {"Cookie: gh_session=secret; theme=light"});
  EXPECT_EQ(house.app.last().all("cookie"), List{"theme=light"});
  EXPECT_EQ(answer.all("Set-Cookie"), List{"theme=dark"});
  EXPECT_EQ(answer.header("X-Remote-User"), "") << "managed names do not leave the house either";
}

TEST_F(Gateways, bodies_of_known_and_unknown_length_arrive_whole) {
  EXPECT_EQ(house.ask("POST /form", "wiki.test", {"Content-Type: text/plain"}, "hello").status, 200);
  EXPECT_EQ(house.app.last().body, "hello");
  EXPECT_EQ(house.app.last().all("content-length"), List{"5"});
  const std::string large(3'000'000, 'x');
  EXPECT_EQ(house.ask("PUT /form", "wiki.test", {}, large).status, 200);
  EXPECT_EQ(house.app.last().body, large);

  RawClient client(house.port());
  client.send("POST /form HTTP/1.1\r\nHost: wiki.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  client.send("2\r\nde\r\n0\r\n\r\n");
  EXPECT_EQ(client.read().status, 200);
  EXPECT_EQ(house.app.last().body, "abcde");
  EXPECT_EQ(house.app.last().all("transfer-encoding"), List{"chunked"});
}

TEST_F(Gateways, an_answer_may_flow_while_the_request_still_does) {
  RawClient client(house.port());
  const std::string body(8'000'000, 'e');
  std::jthread sender([&] {
    client.send("POST /echo HTTP/1.1\r\nHost: wiki.test\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n");
    client.send(body);
  });
  const auto answer = client.read();
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body.size(), body.size());
}

TEST_F(Gateways, an_answer_that_comes_before_the_body_has_ended_arrives) {
  for (int i = 0; i < 3; ++i) {
    RawClient client(house.port());
    const std::string body(8'000'000, 'e');
    std::jthread sender([&] {
      client.send("POST /early HTTP/1.1\r\nHost: wiki.test\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n");
      client.send(body);
    });
    EXPECT_EQ(client.read().status, 413);
  }
}

TEST_F(Gateways, one_hundred_continue_is_answered_here) {
  RawClient client(house.port());
  client.send("POST /form HTTP/1.1\r\nHost: wiki.test\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  client.send("ok");
  EXPECT_EQ(client.read().status, 200);
  EXPECT_EQ(house.app.last().body, "ok");
  EXPECT_EQ(house.app.last().all("expect"), List{});
}

TEST_F(Gateways, large_and_endless_answers_stream_and_trailers_pass_when_harmless) {
  EXPECT_EQ(get("/big").body.size(), 300'000u);
  const auto answer = get("/stream", {"TE: trailers"});
  EXPECT_EQ(answer.body, "one two");
  EXPECT_EQ(answer.header("X-Sum"), "12");
  EXPECT_EQ(answer.header("X-Remote-User"), "");
  EXPECT_EQ(answer.all("Content-Length"), List{});
}

TEST_F(Gateways, head_has_the_length_and_no_body) {
  const auto answer = house.ask("HEAD /big", "wiki.test");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.header("Content-Length"), "300000");
}

TEST_F(Gateways, many_requests_share_a_connection) {
  RawClient client(house.port());
  for (int i = 0; i < 50; ++i) {
    client.send("GET /n" + std::to_string(i) + " HTTP/1.1\r\nHost: wiki.test\r\n\r\n");
    ASSERT_EQ(client.read().status, 200) << i;
  }
  client.send("GET /a HTTP/1.1\r\nHost: wiki.test\r\n\r\nGET /b HTTP/1.1\r\nHost: wiki.test\r\n\r\n");
  EXPECT_EQ(client.read().status, 200);
  EXPECT_EQ(client.read().status, 200);
}

TEST_F(Gateways, an_upgrade_to_anything_but_websocket_ends_here) {
  EXPECT_EQ(get("/plain", {"Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk"}).status, 200);
  EXPECT_EQ(house.app.last().all("upgrade"), List{});
  EXPECT_EQ(house.app.last().all("http2-settings"), List{});
}

TEST_F(OddGateways, an_upstream_that_switches_unasked_hangs_up_or_talks_rubbish_is_a_bad_gateway) {
  for (const auto* answer : {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", "", "rubbish\r\n\r\n",
                             "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx"}) {
    OddPeer peer{std::string(answer)};
    House fresh;
    auto with = config();
    with.pools[0].targets = {peer.url()};
    Policies policies;
    policies["known"] = std::make_shared<KnownUser>(claims);
    fresh.open(fresh.needs(issuer), with, policies);
    const auto html = fresh.ask("GET /", "wiki.test", {"Accept: text/html"});
    EXPECT_EQ(html.status, 502) << answer;
    EXPECT_TRUE(html.body.contains("<h1>"));
    const auto data = fresh.ask("GET /", "wiki.test", {"Accept: application/json"});
    EXPECT_EQ(find_int(parse_json(data.body).value(), "status"), 502);
  }
}

TEST_F(OddGateways, half_an_answer_is_not_taken_for_a_whole_one) {
  OddPeer peer("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nonly this");
  auto with = config();
  with.pools[0].targets = {peer.url()};
  open(with);
  const auto answer = get("/");
  EXPECT_LT(answer.body.size(), 100'000u);
}

TEST_F(OddGateways, a_slow_upstream_is_a_timeout) {
  OddPeer peer(std::nullopt);
  auto with = config();
  with.pools[0].targets = {peer.url()};
  with.pools[0].read_timeout = std::chrono::milliseconds(50);
  open(with);
  EXPECT_EQ(get("/").status, 504);
}

TEST_F(OddGateways, targets_that_are_away_are_passed_over_and_left_alone_for_a_while) {
  auto with = config();
  with.pools[0].targets = {"http://127.0.0.1:1", house.app_url()};
  with.pools[0].ejection.failures = 1;
  open(with);
  for (int i = 0; i < 6; ++i) EXPECT_EQ(get("/").status, 200);
}

TEST_F(OddGateways, an_upstream_that_is_away_is_told_as_such) {
  auto with = config();
  with.pools[0].targets = {"http://127.0.0.1:1"};
  open(with);
  EXPECT_EQ(get("/").status, 502);
}

TEST_F(OddGateways, methods_and_conditions_of_a_rule_are_kept) {
  auto with = config();
  with.routes[0].methods = {"GET"};
  with.routes[0].rules = policy::Rules::make({policy::require({{"groups", {"admins"}}}).value(), policy::Rule{.name = "all"}}).value();
  open(with);
  const auto post = house.ask("POST /", "wiki.test", {}, "x");
  EXPECT_EQ(post.status, 405);
  EXPECT_EQ(post.header("Allow"), "GET");
  EXPECT_EQ(get("/").status, 403);
  EXPECT_TRUE(house.app.seen().empty());
}

TEST_F(Gateways, a_new_configuration_takes_effect_without_losing_a_connection) {
  RawClient client(house.port());
  client.send("GET / HTTP/1.1\r\nHost: wiki.test\r\n\r\n");
  EXPECT_EQ(client.read().status, 200);
  auto next = config();
  next.routes.erase(next.routes.begin());
  Policies policies;
  policies["known"] = std::make_shared<KnownUser>(claims);
  house.gateway().swap(Snapshot::build(house.needs(issuer), next, policies).value());
  client.send("GET / HTTP/1.1\r\nHost: wiki.test\r\n\r\nGET /public HTTP/1.1\r\nHost: wiki.test\r\n\r\n");
  EXPECT_EQ(client.read().status, 404);
  EXPECT_EQ(client.read().status, 200);
}

TEST_F(OddGateways, configurations_that_would_be_open_by_accident_are_refused) {
  const auto fails = [&](auto change) {
    auto with = config();
    change(with);
    Policies policies;
    policies["known"] = std::make_shared<KnownUser>(claims);
    return !Snapshot::build(house.needs(issuer), with, policies);
  };
  EXPECT_FALSE(fails([](Config&) {}));
  EXPECT_TRUE(fails([](Config& c) { c.routes[0].policy = ""; }));
  EXPECT_TRUE(fails([](Config& c) { c.routes[0].policy = "knwon"; }));
  EXPECT_TRUE(fails([](Config& c) { c.routes[0].upstream = "nowhere"; }));
  EXPECT_TRUE(fails([](Config& c) { c.routes[0].scopes = {ScopeRule{{}, {"x"}}}; })) << "its policy does not look at scopes";
  EXPECT_TRUE(fails([](Config& c) { c.routes[0].set_headers = {{"X-A", "1\r\nX-B: 2"}}; }));
  EXPECT_TRUE(fails([](Config& c) { c.pools[0].targets = {}; }));
  EXPECT_TRUE(fails([](Config& c) { c.pools[0].targets = {"http://h/path"}; }));
  EXPECT_TRUE(fails([](Config& c) { c.managed_headers = {"Content-Length"}; }));
}

}  // namespace
}  // namespace gatehouse::gateway
