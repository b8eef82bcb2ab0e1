// Browser sign-on from the first redirect to sign-out, on real sockets, against an issuer that signs for real.
#include "access/sso.h"

#include <gtest/gtest.h>

#include "access/cache.h"
#include "access/session.h"
#include "core/spawn.h"
#include "gateway/gateway_fixture.h"
#include "oauth/client/fake_issuer.h"

namespace gatehouse::access {
namespace {

using gateway::HttpAnswer;
using List = std::vector<std::string>;
constexpr std::string_view kWiki = "wiki.test";

struct SignOn : testing::Test {
  gateway::House house;
  oauth::client::FakeIssuer issuer{house.clock};
  std::unique_ptr<store::Database> database = store::open_sqlite({}).value();
  secrets::MasterKey key = secrets::MasterKey::ephemeral(house.random());
  std::map<std::string, std::string> jar;   // one browser

  SsoConfig sso() {
    SsoConfig out;
    out.name = "wiki-sso";
    out.issuer.issuer = issuer.issuer();
    out.issuer.client.client_id = "wiki";
    out.issuer.client.client_secret = Secret("s3cret-of-the-wiki");
    out.headers = {{"X-Remote-User", "preferred_username"}, {"X-Remote-Email", "email"}, {"X-Remote-Groups", "groups"}};
    return out;
  }
  gateway::Config routes() {
    gateway::Config out;
    gateway::PoolConfig pool;
    pool.name = "wiki";
    pool.targets = {house.app_url()};
    out.pools.push_back(pool);
    for (const auto* host : {"wiki.test", "blog.test"}) {
      gateway::RouteConfig route;
      route.host = host;
      route.policy = "wiki-sso";
      route.upstream = "wiki";
      out.routes.push_back(route);
    }
    out.routes.push_back(out.routes[0]);
    out.routes.back().path = "/open";
    out.routes.back().policy = "public";
    return out;
  }
  void SetUp() override {
    ASSERT_TRUE(run(store::migrate(*database, migrations())));
    house.open(house.needs(issuer), routes(), policies(sso()));
  }
  gateway::Policies policies(SsoConfig config) {
    gateway::Policies out;
    const SsoNeeds needs{*database, house.clock, house.random(), issuer, key, silent_log()};
    out["wiki-sso"] = make_sso(needs, OrgId::parse("org1").value(), std::move(config)).value();
    return out;
  }
  // A second program on the same store and key: a restart, or another node.
  void restart(SsoConfig config) { house.gateway().swap(gateway::Snapshot::build(house.needs(issuer), routes(), policies(std::move(config))).value()); }

  HttpAnswer go(std::string_view line, std::vector<std::string> lines = {"Sec-Fetch-Mode: navigate", "Accept: text/html"}, std::string_view host = kWiki, std::string_view body = {}) {
    std::string cookies;
    for (const auto& [name, value] : jar) cookies += (cookies.empty() ? "" : "; ") + name + "=" + value;
    if (!cookies.empty()) lines.push_back("Cookie: " + cookies);
    auto answer = house.ask(line, host, lines, body);
    for (const auto& cookie : answer.all("Set-Cookie")) {
      const auto equals = cookie.find('='), end = cookie.find(';');
      const auto value = cookie.substr(equals + 1, end - equals - 1);
      if (cookie.contains("Max-Age=0")) jar.erase(cookie.substr(0, equals));
      else jar[cookie.substr(0, equals)] = value;
    }
    return answer;
  }
  HttpAnswer get(const std::string& path) { return go("GET " + path); }
  // Follows a 302 to the issuer and comes back; the answer is that of the callback.
  HttpAnswer come_back(const HttpAnswer& away) { return get("/.gatehouse/callback?" + issuer.sign_in(away.header("Location"))); }
  HttpAnswer sign_in(const std::string& path = "/page") {
    const auto away = get(path);
    EXPECT_EQ(away.status, 302) << away.body;
    return come_back(away);
  }
  net::Form sent_to(const HttpAnswer& away) { return net::Form::parse(net::Url::parse(away.header("Location")).value().query).value(); }
};

TEST_F(SignOn, a_browser_signs_in_and_arrives_where_it_wanted_to_go) {
  const auto away = get("/page?a=1");
  EXPECT_EQ(away.status, 302);
  EXPECT_TRUE(away.header("Location").starts_with(issuer.issuer() + "/v1/authorize?"));
  EXPECT_EQ(away.header("Cache-Control"), "no-store");
  EXPECT_EQ(sent_to(away).get("redirect_uri"), "http://wiki.test/.gatehouse/callback");
  EXPECT_EQ(sent_to(away).get("code_challenge_method"), "S256");
  const auto back = come_back(away);
  EXPECT_EQ(back.status, 303);
  EXPECT_EQ(back.header("Location"), "http://wiki.test/page?a=1");
  EXPECT_TRUE(back.header("Set-Cookie").starts_with("gh_session="));
  EXPECT_TRUE(back.header("Set-Cookie").contains("; HttpOnly; SameSite=Lax"));

  EXPECT_EQ(get("/page?a=1").status, 200);
  const auto seen = house.app.last();
  EXPECT_EQ(seen.all("x-remote-user"), List{"ada@example.com"});
  EXPECT_EQ(seen.all("x-remote-groups"), List{"Everyone,Engineers"});
  EXPECT_EQ(seen.all("cookie"), List{}) << "neither session nor browser mark leaves the house";
  EXPECT_EQ(house.app.seen().size(), 1u) << "nothing reached the application before";
}

TEST_F(SignOn, scripts_and_unsafe_methods_are_told_401) {
  EXPECT_EQ(go("GET /api", {"Sec-Fetch-Mode: cors", "Accept: */*"}).status, 401);
  EXPECT_EQ(go("GET /api", {"Accept: application/json"}).status, 401);
  EXPECT_EQ(go("GET /api", {"X-Requested-With: XMLHttpRequest", "Accept: text/html"}).status, 401);
  EXPECT_EQ(go("POST /save", {"Sec-Fetch-Mode: navigate", "Accept: text/html"}, kWiki, "x=1").status, 401);
  EXPECT_TRUE(jar.empty()) << "a script's call leaves no cookie behind (mod_auth_openidc#331)";
  EXPECT_TRUE(house.app.seen().empty());
}

// apisix#12360, lua-resty-openidc#482: the second tab failed.
TEST_F(SignOn, many_tabs_sign_in_at_once_in_any_order) {
  std::vector<HttpAnswer> tabs;
  for (int i = 0; i < 20; ++i) tabs.push_back(get("/tab" + std::to_string(i)));
  EXPECT_EQ(jar.size(), 1u) << "one mark for all tabs: cookies do not pile up";
  for (const int i : {7, 19, 0, 12}) {
    const auto back = come_back(tabs[static_cast<std::size_t>(i)]);
    EXPECT_EQ(back.status, 303);
    EXPECT_EQ(back.header("Location"), "http://wiki.test/tab" + std::to_string(i));
  }
}

// Two tabs that both came without a mark: the second mark wins, and the first tab notices nothing.
TEST_F(SignOn, a_tab_whose_mark_was_overwritten_begins_again_by_itself) {
  const auto first = get("/first");
  jar.clear();
  const auto second = get("/second");
  EXPECT_EQ(come_back(second).status, 303);
  const auto back = come_back(first);
  EXPECT_EQ(back.status, 303);
  EXPECT_EQ(back.header("Location"), "http://wiki.test/first") << "the live session goes on";
}

TEST_F(SignOn, a_restart_in_the_middle_of_a_sign_in_is_not_noticed) {
  const auto away = get("/page");
  restart(sso());
  EXPECT_EQ(come_back(away).header("Location"), "http://wiki.test/page");
  restart(sso());
  EXPECT_EQ(get("/page").status, 200) << "nor does it end a session";
}

// Login CSRF: a stranger's answer must not sign this browser in as the stranger.
TEST_F(SignOn, an_answer_begun_in_another_browser_signs_nobody_in) {
  const auto strangers = get("/page");
  const auto callback = "/.gatehouse/callback?" + issuer.sign_in(strangers.header("Location"));
  for (const bool has_mark : {false, true}) {
    jar.clear();
    if (has_mark) (void)get("/other");
    const auto answer = get(callback);
    EXPECT_EQ(answer.status, 302) << "begins a sign-in of its own";
    EXPECT_FALSE(jar.contains("gh_session"));
  }
  EXPECT_TRUE(house.app.seen().empty());
}

TEST_F(SignOn, a_browser_without_cookies_does_not_go_round_in_circles) {
  auto away = get("/page");
  int rounds = 0;
  while (away.status == 302 && rounds < 10) {
    jar.clear();
    away = come_back(away);
    ++rounds;
  }
  EXPECT_EQ(away.status, 400);
  EXPECT_LE(rounds, kSignInAttempts);
  EXPECT_TRUE(away.body.contains("/.gatehouse/sign-in"));
}

TEST_F(SignOn, rubbish_at_the_callback_is_a_page_and_not_a_crash) {
  const auto away = get("/page");
  const auto state = sent_to(away).get("state").value();
  for (const auto& query : std::vector<std::string>{"", "?", "?state=", "?code=1", "?state=x&code=y", "?state=" + state, "?state=" + state + "&state=" + state + "&code=1",
                                                    "?state=" + state + "&code=1&code=2", "?state=" + state + "&error=access_denied", "?%zz", "?state=%00"}) {
    const auto answer = get("/.gatehouse/callback" + query);
    EXPECT_TRUE(answer.status == 400 || answer.status == 403) << query << " " << answer.status;
    EXPECT_FALSE(jar.contains("gh_session"));
  }
  EXPECT_EQ(go("POST /.gatehouse/callback", {}, kWiki, "code=1").status, 405);
}

TEST_F(SignOn, an_answer_used_twice_signs_in_once) {
  const auto away = get("/page");
  const auto callback = "/.gatehouse/callback?" + issuer.sign_in(away.header("Location"));
  EXPECT_EQ(get(callback).status, 303);
  const auto first = jar["gh_session"];
  EXPECT_EQ(get(callback).header("Location"), "http://wiki.test/page") << "the back button";
  EXPECT_EQ(jar["gh_session"], first);
  jar.erase("gh_session");
  EXPECT_EQ(get(callback).status, 302) << "no session comes of a spent code";
}

// RFC 9207, mod_auth_openidc "IDP mixup".
TEST_F(SignOn, an_answer_of_another_issuer_is_refused) {
  const auto away = get("/page");
  EXPECT_EQ(get("/.gatehouse/callback?" + issuer.sign_in(away.header("Location")) + "&iss=https%3A%2F%2Fevil.test").status, 400);
  EXPECT_EQ(issuer.asked["/v1/token"], 0) << "the code did not leave";
  EXPECT_EQ(get("/.gatehouse/callback?" + issuer.sign_in(away.header("Location")) + "&iss=" + percent_encode(issuer.issuer())).status, 303);
}

TEST_F(SignOn, an_issuer_that_names_itself_must_always_do_so) {
  issuer.metadata["authorization_response_iss_parameter_supported"] = true;
  EXPECT_EQ(sign_in().status, 400);
}

TEST_F(SignOn, an_id_token_that_is_not_ours_signs_nobody_in) {
  for (const auto* name : {"nonce", "aud", "iss", "at_hash", "sub"}) {
    issuer.id_overrides.clear();
    issuer.id_overrides[name] = "other";
    if (std::string_view(name) == "sub") issuer.id_overrides[name] = nullptr;
    EXPECT_EQ(sign_in().status, 403) << name;
    EXPECT_FALSE(jar.contains("gh_session"));
  }
}

// GHSA-f24x-5g9q-753f: session fixation.
TEST_F(SignOn, the_session_changes_at_sign_in) {
  jar["gh_session"] = "planted";
  EXPECT_EQ(sign_in().status, 303);
  const auto first = jar["gh_session"];
  EXPECT_NE(first, "planted");
  EXPECT_EQ(come_back(get("/.gatehouse/sign-in?to=/x")).header("Location"), "http://wiki.test/x");
  EXPECT_NE(jar["gh_session"], first);
  jar["gh_session"] = first;
  EXPECT_EQ(get("/page").status, 302) << "the one before has ended";
}

// lua-resty-openidc#526: session of tenant A at host B.
TEST_F(SignOn, a_session_is_good_at_its_own_host_only) {
  ASSERT_EQ(sign_in().status, 303);
  EXPECT_EQ(go("GET /", {"Sec-Fetch-Mode: navigate"}, "blog.test").status, 302);
  EXPECT_EQ(get("/").status, 200);
}

TEST_F(SignOn, bad_cookies_are_nobodys) {
  for (const std::string& bad : {std::string("x"), std::string(4000, 'a'), std::string("\"\""), std::string("a=b=c")}) {
    jar.clear();
    jar["gh_session"] = bad;
    EXPECT_EQ(get("/").status, 302) << bad.substr(0, 20);
  }
  jar.clear();
  ASSERT_EQ(sign_in().status, 303);
  const auto good = jar["gh_session"];
  jar.clear();
  EXPECT_EQ(go("GET /", {"Sec-Fetch-Mode: navigate", "Cookie: gh_session=" + good + "; gh_session=" + good}).status, 302) << "twice is two readings";
}

TEST_F(SignOn, sessions_end_idle_and_absolutely) {
  issuer.access_lifetime = 1'000'000;
  ASSERT_EQ(sign_in().status, 303);
  house.clock.advance(Seconds(2 * 3600 + 1));
  EXPECT_EQ(get("/").status, 302);
  ASSERT_EQ(sign_in().status, 303);
  for (int hour = 0; hour < 11; ++hour) {
    house.clock.advance(Seconds(3600));
    EXPECT_EQ(get("/").status, 200) << hour;
  }
  house.clock.advance(Seconds(3600));
  EXPECT_EQ(get("/").status, 302);
}

// Offboarding: who may not act any more is out within the time configured, from the cache too.
TEST_F(SignOn, a_deactivated_user_is_out_within_a_minute) {
  ASSERT_EQ(sign_in().status, 303);
  EXPECT_EQ(get("/").status, 200);
  issuer.active = false;
  for (int second = 0; second < 60; ++second) {
    house.clock.advance(Seconds(1));
    (void)get("/");
  }
  const auto before = house.app.seen().size();
  EXPECT_EQ(get("/").status, 302);
  EXPECT_EQ(house.app.seen().size(), before);
  issuer.active = true;
  EXPECT_EQ(get("/").status, 302) << "the session does not come back";
}

TEST_F(SignOn, a_user_who_was_away_is_checked_before_the_first_request) {
  ASSERT_EQ(sign_in().status, 303);
  issuer.active = false;
  house.clock.advance(Seconds(600));
  EXPECT_EQ(get("/").status, 302);
  EXPECT_TRUE(house.app.seen().empty());
}

TEST_F(SignOn, a_change_of_groups_arrives_within_a_minute) {
  ASSERT_EQ(sign_in().status, 303);
  issuer.user["groups"] = json::array{"Everyone"};
  house.clock.advance(Seconds(61));
  EXPECT_EQ(get("/").status, 200);
  EXPECT_EQ(house.app.last().all("x-remote-groups"), List{"Everyone"});
}

TEST_F(SignOn, an_issuer_that_is_away_ends_sessions_only_after_the_grace) {
  ASSERT_EQ(sign_in().status, 303);
  issuer.down = true;
  house.clock.advance(Seconds(61));
  EXPECT_EQ(get("/").status, 200);
  house.clock.advance(Seconds(290));
  EXPECT_EQ(get("/").status, 200);
  house.clock.advance(Seconds(30));
  EXPECT_EQ(get("/").status, 503) << "fail closed";
  issuer.down = false;
  house.clock.advance(Seconds(16));
  EXPECT_EQ(get("/").status, 200) << "the session was kept";
}

TEST_F(SignOn, without_a_grace_an_outage_closes_the_door_at_once) {
  auto strict = sso();
  strict.issuer_outage_grace = Seconds(0);
  restart(strict);
  ASSERT_EQ(sign_in().status, 303);
  issuer.down = true;
  house.clock.advance(Seconds(61));
  EXPECT_EQ(get("/").status, 503);
}

TEST_F(SignOn, an_access_token_that_runs_out_is_renewed_or_ends_the_session) {
  issuer.access_lifetime = 300;
  ASSERT_EQ(sign_in().status, 303);
  house.clock.advance(Seconds(301));
  EXPECT_EQ(get("/").status, 302) << "nothing to renew it with";
  issuer.gives_refresh = true;
  ASSERT_EQ(sign_in().status, 303);
  for (int i = 0; i < 5; ++i) {
    house.clock.advance(Seconds(301));
    EXPECT_EQ(get("/").status, 200) << i;
  }
  issuer.active = false;
  house.clock.advance(Seconds(301));
  EXPECT_EQ(get("/").status, 302);
}

TEST_F(SignOn, signing_out_ends_the_session_here_and_at_the_issuer) {
  ASSERT_EQ(sign_in().status, 303);
  const auto old = jar["gh_session"];
  EXPECT_EQ(get("/").status, 200);
  const auto out = go("GET /.gatehouse/sign-out", {"Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: navigate"});
  EXPECT_EQ(out.status, 303);
  EXPECT_TRUE(out.header("Location").starts_with(issuer.issuer() + "/v1/logout?"));
  EXPECT_EQ(sent_to(out).get("post_logout_redirect_uri"), "http://wiki.test/.gatehouse/signed-out");
  EXPECT_FALSE(sent_to(out).get("id_token_hint").value().empty());
  EXPECT_FALSE(jar.contains("gh_session"));
  jar["gh_session"] = old;
  EXPECT_EQ(get("/").status, 302) << "at once, not after the cache";
  EXPECT_EQ(get("/.gatehouse/signed-out").status, 200);
}

TEST_F(SignOn, another_site_cannot_sign_anybody_out) {
  ASSERT_EQ(sign_in().status, 303);
  for (const std::vector<std::string>& lines : {std::vector<std::string>{"Sec-Fetch-Site: cross-site"}, {"Sec-Fetch-Site: same-site"}, {"Referer: http://evil.test/"},
                                                {"Referer: http://wiki.test.evil.test/"}, {}}) {
    EXPECT_EQ(go("GET /.gatehouse/sign-out", lines).status, 200);
    EXPECT_EQ(go("POST /.gatehouse/sign-out", lines, kWiki, "token=guess").status, 200);
  }
  EXPECT_EQ(go("POST /.gatehouse/sign-out", {"Origin: http://evil.test"}, kWiki, "x=1").status, 200);
  EXPECT_EQ(get("/").status, 200);
  const auto page = go("GET /.gatehouse/sign-out", {"Sec-Fetch-Site: cross-site"});
  const auto begin = page.body.find("value=\"") + 7;
  const auto token = page.body.substr(begin, page.body.find('"', begin) - begin);
  EXPECT_EQ(go("POST /.gatehouse/sign-out", {"Origin: null"}, kWiki, "token=" + token).status, 303) << "the person said yes";
  EXPECT_EQ(get("/").status, 302);
}

// Two nodes on one store: what one ends, the other notices within a second.
TEST_F(SignOn, a_session_ended_elsewhere_is_noticed_within_a_second) {
  ASSERT_EQ(sign_in().status, 303);
  EXPECT_EQ(get("/").status, 200);
  store::Unit unit;
  unit.emplace_back("delete from access_sessions");
  ASSERT_TRUE(run(database->write(std::move(unit))));
  house.clock.advance(Millis(1000));
  EXPECT_EQ(get("/").status, 302);
}

// GHSA-59jp-rwph-878r: the body of a redirect or refusal has nothing of the application in it. 43: nor a token.
TEST_F(SignOn, refusals_carry_nothing_of_the_application_and_no_token) {
  EXPECT_EQ(get("/").body, "");
  EXPECT_FALSE(go("GET /", {"Sec-Fetch-Mode: cors"}).body.contains("app"));
  const auto back = sign_in();
  EXPECT_FALSE((back.head + back.body).contains("opaque-access"));
  EXPECT_FALSE((back.head + back.body).contains("eyJ"));
}

TEST_F(SignOn, nothing_in_the_store_can_be_used_as_it_is) {
  ASSERT_EQ(sign_in().status, 303);
  store::Statement all("select hash, claims, sealed from access_sessions");
  const auto rows = run(database->read(std::move(all))).value();
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_NE(rows[0].text(0), jar["gh_session"]);
  EXPECT_FALSE(rows[0].text(2).contains("opaque-access"));
  EXPECT_FALSE(rows[0].text(1).contains("opaque-access"));
}

TEST_F(SignOn, an_issuer_that_is_away_during_sign_in_is_a_503) {
  issuer.down = true;
  EXPECT_EQ(get("/").status, 503);
}

TEST(SessionCache, a_read_under_way_does_not_bring_an_ended_session_back) {
  SessionCache cache;
  const Timestamp now(Millis(5000));
  const auto before = cache.endings("h");
  cache.erase("h");
  cache.insert("h", std::make_shared<Session>(), now, before);
  EXPECT_FALSE(cache.find("h", now));
}

TEST(SessionCache, one_caller_refreshes_while_the_others_go_on) {
  SessionCache cache;
  const Timestamp now(Millis(5000));
  cache.insert("h", std::make_shared<Session>(), now, cache.endings("h"));
  EXPECT_TRUE(cache.find("h", now + Millis(400)));
  EXPECT_FALSE(cache.find("h", now + Millis(600)));
  EXPECT_TRUE(cache.find("h", now + Millis(600)));
  EXPECT_FALSE(cache.find("h", now + Millis(1000)));
}

// OpenID Connect Core §3.1.2.1: acr_values are "voluntary": an issuer may answer with less.
struct StrongerSignOn : SignOn {
  void SetUp() override {
    SignOn::SetUp();
    auto config = routes();
    auto when = policy::Condition::all({policy::Condition::acr({"phr", "phrh"}).value(), policy::Condition::max_age(Seconds(600)).value()}).value();
    config.routes[0].rules = policy::Rules::make({policy::Rule{.name = "strong", .when = std::move(when)}}).value();
    house.gateway().swap(gateway::Snapshot::build(house.needs(issuer), config, policies(sso())).value());
    issuer.id_overrides = {{"acr", "pwd"}, {"auth_time", to_seconds(house.clock.now())}};
    EXPECT_EQ(sign_in().status, 303);
  }
};

TEST_F(StrongerSignOn, a_browser_proves_more_and_arrives_where_it_wanted_to_go) {
  const auto before = jar;
  const auto away = get("/page?a=1");
  EXPECT_EQ(away.status, 302);
  EXPECT_EQ(sent_to(away).get("acr_values"), "phr phrh");
  EXPECT_EQ(sent_to(away).get("max_age"), std::nullopt) << "only what is missing is asked for";
  issuer.id_overrides["acr"] = "phr";
  const auto back = come_back(away);
  EXPECT_EQ(back.status, 303);
  EXPECT_EQ(back.header("Location"), "http://wiki.test/page?a=1");
  EXPECT_NE(jar, before) << "a new session: its handle changes with what it may do";
  EXPECT_EQ(get("/page?a=1").status, 200);
  house.clock.advance(Seconds(700));
  const auto later = get("/page");
  EXPECT_EQ(later.status, 302);
  EXPECT_EQ(sent_to(later).get("max_age"), "600");
}

TEST_F(StrongerSignOn, an_issuer_that_proves_less_ends_in_a_page_and_not_in_a_circle) {
  EXPECT_EQ(come_back(get("/page")).status, 403);
  EXPECT_TRUE(house.app.seen().empty());
  issuer.id_overrides = {{"acr", "phr"}, {"auth_time", to_seconds(house.clock.now()) - 3600}};
  EXPECT_EQ(come_back(get("/page")).status, 303) << "max_age was not asked for this time";
  EXPECT_EQ(come_back(get("/page")).status, 403) << "and now it was, and the answer is as old as before";
}

TEST_F(StrongerSignOn, a_script_is_told_to_sign_in_again) {
  EXPECT_EQ(go("GET /page", {"Sec-Fetch-Mode: cors", "Accept: */*"}).status, 401);
  EXPECT_EQ(go("POST /page", {"Sec-Fetch-Mode: navigate", "Accept: text/html"}, kWiki, "x=1").status, 401);
}

TEST(SessionCache, is_bounded) {
  SessionCache cache(160);
  const Timestamp now(Millis(5000));
  int found = 0;
  for (int i = 0; i < 5000; ++i) cache.insert(std::to_string(i), std::make_shared<Session>(), now, cache.endings(std::to_string(i)));
  for (int i = 0; i < 5000; ++i) found += cache.find(std::to_string(i), now) != nullptr;
  EXPECT_LE(found, 160);
}

}  // namespace
}  // namespace gatehouse::access
