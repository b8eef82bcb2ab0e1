// Another proxy asks: the same verdict as on the way to the upstream, and no way to lie about what is asked.
#include "gateway/forward_auth.h"

#include <gtest/gtest.h>

#include "gateway/gateway_fixture.h"
#include "gateway/inquiry.h"

namespace gatehouse::gateway {
namespace {

using Lines = std::vector<std::string>;

// Knows whoever brings `X-Test-Groups`; remembers nothing.
class ByHeader final : public Policy {
 public:
  std::vector<std::string> managed_headers() const override { return {"X-Remote-User", "X-Remote-Groups"}; }
  std::vector<std::string> own_cookies() const override { return {"gh_session"}; }
  std::optional<Verdict> at_once(const net::Request& request, const Demand&) override {
    const auto groups = request.fields.only("x-test-groups");
    if (!groups) return net::Reply::redirect("https://login.test/?to=" + request.origin() + request.target(), 302);
    Pass pass;
    json::object claims{{"groups", json::array{*groups}}, {"email", "a@corp.com"}};
    pass.header_lines = std::make_shared<const std::string>("X-Remote-User: ada\r\n");
    pass.attributes = std::make_shared<const json::object>(std::move(claims));
    pass.who = "ada";
    return pass;
  }
  Task<Verdict> check(net::Exchange&, const Demand&) override { co_return failure(Fault::internal, "never asked"); }
};

struct ForwardAuths : testing::Test {
  House house;
  std::unique_ptr<net::HttpClient> http = house.http();

  static policy::RulesPtr rules() {
    using policy::Condition, policy::Effect;
    const policy::Zones zones{{"tor", std::make_shared<const Networks>(Networks::parse({"203.0.113.0/24"}).value())}};
    std::vector<policy::Rule> all;
    all.push_back({.name = "tor", .effect = Effect::deny, .when = Condition::zones(zones, {"tor"}).value()});
    all.push_back({.name = "admin", .effect = Effect::deny,
                   .when = Condition::all({Condition::paths({"/admin"}).value(), Condition::none(Condition::claim_is("groups", {"Admins"}).value()).value()}).value()});
    all.push_back({.name = "read", .when = Condition::methods({"GET", "HEAD"}).value()});
    all.push_back({.name = "write", .when = Condition::claim_is("groups", {"Admins"}).value()});
    return policy::Rules::make(std::move(all)).value();
  }
  static const Policies& policies() {
    static const Policies known{{"known", std::make_shared<ByHeader>()}};
    return known;
  }
  void open(ForwardAuthConfig config = {.callers = {"127.0.0.1"}, .secret = {}}) { house.open(house.needs(*http), configuration(std::move(config)), policies()); }
  Config configuration(ForwardAuthConfig config) {
    Config gateway;
    gateway.forward_auth = std::move(config);
    gateway.pools.push_back({.name = "app", .targets = {house.app_url()}});
    RouteConfig route;
    route.host = "app.test";
    route.policy = "known";
    route.rules = rules();
    route.upstream = "app";
    gateway.routes.push_back(route);
    route.path = "/open";
    route.policy = "public";
    route.rules = nullptr;
    gateway.routes.push_back(route);
    route.host = "only.test";
    route.path = "/";
    route.upstream.clear();
    route.serves = RouteConfig::Upstream::elsewhere;
    gateway.routes.push_back(route);
    return gateway;
  }
  HttpAnswer ask(std::string_view path, Lines lines, std::string_view host = "gatehouse.internal", std::string_view method = "GET") {
    RawClient client(house.port());
    std::string text = std::string(method) + " /.gatehouse/forward-auth/" + std::string(path) + " HTTP/1.1\r\nHost: " + std::string(host) + "\r\n";
    bool tells_client = false;
    for (const auto& line : lines) {
      text += line + "\r\n";
      tells_client = tells_client || line.starts_with("X-Forwarded-For");
    }
    if (!tells_client) text += "X-Forwarded-For: 192.0.2.9\r\n";
    client.send(text + "\r\n");
    return client.read(method == "HEAD");
  }
};

struct Row {
  const char* method;
  const char* target;
  const char* groups;   // "": nobody
  bool allowed;
};
constexpr Row kRows[] = {
    {"GET", "/", "Staff", true},
    {"GET", "/", "", false},
    {"GET", "/open/x?y=1", "", true},
    {"POST", "/", "Staff", false},
    {"POST", "/", "Admins", true},
    {"GET", "/admin", "Staff", false},
    {"GET", "/admin/users", "Admins", true},
    {"DELETE", "/admin/users", "Admins", true},
    {"TRACE", "/", "Admins", false},
    {"GET", "/public/../admin", "Staff", false},           // CVE-2019-9901
    {"GET", "/open/%2e%2e/admin", "Staff", false},         // CVE-2019-9901
    {"GET", "/open%2fadmin", "Staff", false},              // CVE-2021-29492
    {"GET", "/open%5cadmin", "Staff", false},              // CVE-2021-29492
    {"GET", "/%252e/admin", "Staff", false},               // PingAccess PA-15776
    {"GET", "/user/..;foo=bar/admin", "Staff", false},     // CVE-2026-73551
    {"GET", "/admin;x=y", "Staff", false},                 // CVE-2026-73553
    {"GET", "/admin;x=y", "Admins", true},                 // whichever path that is, they may
    {"GET", "/;a/admin", "Staff", false},                  // CVE-2026-127060
    {"GET", "/open#/admin", "Staff", false},               // CVE-2021-32779
    {"GET", "/admin?x=/open", "Staff", false},             // CVE-2025-54576
    {"GET", "/admin/*", "Staff", false},                   // CVE-2025-46821
    {"GET", "/%zz", "Staff", false},                       // GHSA-68wm-pfjf-wqp6
    {"GET", "/ADMIN", "Staff", false},                     // CVE-2026-32031
    {"GET", "//admin", "Staff", false},                    // CVE-2025-71399
    {"GET", "/admin/%FF", "Staff", false},                 // CVE-2026-73552
    {"GET", "/.gatehouse/sign-out", "Admins", false},      // own pages are visited, never asked about
};

// The property behind all of it: who asks does not change the verdict.
TEST_F(ForwardAuths, the_verdict_is_that_of_the_gateway_in_every_form) {
  open();
  for (const auto& [method, target, groups, allowed] : kRows) {
    const auto where = std::string(method) + " " + target + " " + groups;
    Lines who;
    if (*groups != 0) who.push_back("X-Test-Groups: " + std::string(groups));
    const auto live = house.ask(std::string(method) + " " + target, "app.test", who);
    EXPECT_EQ(live.status == 200, allowed) << where << " at the gateway: " << live.status;
    const auto with = [&](Lines more) {
      more.insert(more.end(), who.begin(), who.end());
      return more;
    };
    const std::string m = method, t = target;
    const auto nginx = ask("nginx", with({"X-Original-URL: http://app.test" + t, "X-Original-Method: " + m}));
    EXPECT_EQ(nginx.status == 200, allowed) << where << " nginx " << nginx.status;
    EXPECT_TRUE(nginx.status == 200 || nginx.status == 401 || nginx.status == 403) << where << " " << nginx.status;
    const auto caddy = ask("caddy", with({"X-Forwarded-Uri: " + t, "X-Forwarded-Method: " + m, "X-Forwarded-Proto: http", "X-Forwarded-Host: app.test"}));
    EXPECT_EQ(caddy.status == 200, allowed) << where << " caddy " << caddy.status;
    const auto envoy = ask("envoy" + t, with({"X-Forwarded-Proto: http"}), "app.test", m);
    EXPECT_EQ(envoy.status == 200, allowed) << where << " envoy " << envoy.status;
  }
}

const Lines kGood{"X-Original-URL: https://app.test/page?a=1", "X-Original-Method: GET"};
Lines plus(Lines lines, std::string more) {
  lines.push_back(std::move(more));
  return lines;
}

TEST_F(ForwardAuths, the_answer_carries_identity_and_takes_away_what_is_not_there) {
  open();
  const auto good = ask("nginx", {kGood[0], kGood[1], "X-Test-Groups: Staff", "Cookie: gh_session=s; theme=dark", "X-Remote-Groups: forged"});
  EXPECT_EQ(good.status, 200);
  EXPECT_EQ(good.all("X-Remote-User"), Lines{"ada"});
  EXPECT_EQ(good.all("X-Remote-Groups"), Lines{""}) << "CVE-2026-30851: absent must not mean: the client's";
  EXPECT_EQ(good.all("X-Gatehouse-Cookie"), Lines{"theme=dark"});
  const auto envoy = ask("envoy/page", {"X-Forwarded-Proto: https", "X-Test-Groups: Staff"}, "app.test");
  EXPECT_EQ(envoy.status, 200);
  EXPECT_TRUE(envoy.header("x-envoy-auth-headers-to-remove").contains("x-remote-groups"));
  EXPECT_FALSE(envoy.header("x-envoy-auth-headers-to-remove").contains("x-remote-user"));
}

TEST_F(ForwardAuths, who_is_not_signed_in_is_sent_to_sign_in_and_back_to_the_original_host) {
  open();
  const auto nginx = ask("nginx", kGood);
  EXPECT_EQ(nginx.status, 401);
  EXPECT_EQ(nginx.header("Location"), "https://login.test/?to=https://app.test/page?a=1");
  const auto page = ask("nginx/page", kGood);
  EXPECT_EQ(page.status, 302);
  EXPECT_EQ(ask("traefik", {"X-Forwarded-Uri: /page", "X-Forwarded-Method: GET", "X-Forwarded-Proto: https", "X-Forwarded-Host: app.test"}).header("Location"),
            "https://login.test/?to=https://app.test/page");
  EXPECT_EQ(ask("nginx", {"X-Original-URL: https://evil.test/", "X-Original-Method: GET"}).status, 403) << "an unknown host has no sign-in";
}

// CVE-2026-40575, CVE-2026-34457, GHSA-68wm-pfjf-wqp6 and kin: what can be read in two ways, or not at all, is a no.
TEST_F(ForwardAuths, a_request_that_is_not_told_in_exactly_one_way_is_denied) {
  open();
  const std::string who = "X-Test-Groups: Admins";
  EXPECT_EQ(ask("nginx", plus(kGood, who)).status, 200);
  for (const Lines& lines : {
           Lines{}, Lines{kGood[0]}, Lines{kGood[1]}, plus(kGood, kGood[0]), plus(kGood, kGood[1]),
           plus(kGood, "X-Original-URL: https://app.test/open"), plus(kGood, "X-Forwarded-Uri: /open"), plus(kGood, "X-Original-URI: /open"),
           plus(kGood, "X-Forwarded-Method: OPTIONS"), plus(kGood, "X_Original_URL: https://app.test/open"), plus(kGood, "X-Envoy-Original-Path: /open"),
           plus(kGood, "X-Original-Host: other.test"),
           Lines{"X-Original-URL: /page", kGood[1]}, Lines{"X-Original-URL: https://app.test", kGood[1]}, Lines{"X-Original-URL: ftp://app.test/", kGood[1]},
           Lines{"X-Original-URL: https://app.test@evil.test/", kGood[1]}, Lines{"X-Original-URL: https://app.test/#x", kGood[1]},
           Lines{"X-Original-URL: https://app.test/a b", kGood[1]}, Lines{"X-Original-URL: https://app.test?/open", kGood[1]},
           Lines{"X-Original-URL: https://app.testhttps://app.test/open", kGood[1]}, Lines{kGood[0], "X-Original-Method: G ET"}, Lines{kGood[0], "X-Original-Method:"},
       })
    EXPECT_EQ(ask("nginx", plus(lines, who)).status, 403) << (lines.empty() ? "" : lines.back());
  const Lines forwarded{"X-Forwarded-Uri: /page", "X-Forwarded-Method: GET", "X-Forwarded-Proto: https", "X-Forwarded-Host: app.test", who};
  EXPECT_EQ(ask("caddy", forwarded).status, 200);
  for (std::size_t i = 0; i < 4; ++i) {
    auto less = forwarded;
    less.erase(less.begin() + static_cast<std::ptrdiff_t>(i));
    EXPECT_EQ(ask("caddy", less).status, 403) << forwarded[i] << " is missing";
    EXPECT_EQ(ask("caddy", plus(forwarded, forwarded[i])).status, 403) << forwarded[i] << " twice";
  }
  EXPECT_EQ(ask("caddy", plus(forwarded, "X-Original-URL: https://app.test/open")).status, 403);
  EXPECT_EQ(ask("elsewhere", plus(kGood, who)).status, 403);
  EXPECT_EQ(ask("nginx", {kGood[0], kGood[1], "User-Agent: GoogleHC/1.0"}).status, 401) << "CVE-2026-34457: no identity from a User-Agent";
}

TEST_F(ForwardAuths, zones_see_the_client_that_the_last_stranger_names) {
  open();
  const std::string who = "X-Test-Groups: Admins";
  const auto status = [&](const std::string& hops) { return ask("nginx", {kGood[0], kGood[1], who, "X-Forwarded-For: " + hops}).status; };
  EXPECT_EQ(status("192.0.2.1"), 200);
  EXPECT_EQ(status("203.0.113.7"), 403);
  EXPECT_EQ(status("192.0.2.1, 203.0.113.7, 127.0.0.1"), 403) << "what stands before was written by the client";
  EXPECT_EQ(status("nonsense"), 403) << "a deny rule about networks that cannot be told denies";
}

TEST_F(ForwardAuths, only_named_networks_may_ask) {
  open({.callers = {"10.0.0.0/8"}, .secret = {}});
  EXPECT_EQ(ask("nginx", plus(kGood, "X-Test-Groups: Admins")).status, 403) << "CVE-2026-76835: nobody is trusted by default";
  EXPECT_EQ(ask("nginx", {kGood[0], kGood[1], "X-Test-Groups: Admins", "X-Forwarded-For: 10.0.0.1"}).status, 403);
  EXPECT_FALSE(ForwardAuth::make({.callers = {}, .secret = {}}, house.clock));
}

TEST_F(ForwardAuths, a_secret_or_a_signature_is_asked_for_when_configured) {
  open({.callers = {"127.0.0.1"}, .proof = ForwardAuthConfig::Proof::secret, .secret = Secret("0123456789abcdef")});
  const auto lines = plus(kGood, "X-Test-Groups: Admins");
  EXPECT_EQ(ask("nginx", lines).status, 403);
  EXPECT_EQ(ask("nginx", plus(lines, "X-Gatehouse-Secret: 0123456789abcdeg")).status, 403);
  EXPECT_EQ(ask("nginx", plus(plus(lines, "X-Gatehouse-Secret: 0123456789abcdef"), "X-Gatehouse-Secret: x")).status, 403);
  EXPECT_EQ(ask("nginx", plus(lines, "X-Gatehouse-Secret: 0123456789abcdef")).status, 200);

  const Secret secret("fedcba9876543210");
  const auto by_signature = configuration({.callers = {"127.0.0.1"}, .proof = ForwardAuthConfig::Proof::signature, .secret = secret});
  house.gateway().swap(Snapshot::build(house.needs(*http), by_signature, policies()).value());
  const auto now = to_seconds(house.clock.now());
  const auto signed_at = [&](std::int64_t time, std::string_view target) {
    return "X-Gatehouse-Signature: t=" + std::to_string(time) + ",v1=" + sign_context(secret, {time, "GET", "https", "app.test", target, "192.0.2.9"});
  };
  EXPECT_EQ(ask("nginx", plus(lines, signed_at(now, "/page?a=1"))).status, 200);
  EXPECT_EQ(ask("nginx", plus(lines, signed_at(now, "/page"))).status, 403) << "of another request";
  EXPECT_EQ(ask("nginx", plus(lines, signed_at(now - 31, "/page?a=1"))).status, 403) << "of another time";
  EXPECT_EQ(ask("nginx", lines).status, 403);
  EXPECT_NE(sign_context(secret, {1, "GET", "https", "a", "/b", ""}), sign_context(secret, {1, "GET", "https", "a/", "b", ""})) << "CVE-2023-35941";
}

TEST_F(ForwardAuths, a_host_that_is_only_asked_about_serves_nothing_itself) {
  open();
  EXPECT_EQ(ask("nginx", {"X-Original-URL: http://only.test/x", kGood[1]}).status, 200);
  EXPECT_EQ(house.ask("GET /x", "only.test").status, 404);
}

}  // namespace
}  // namespace gatehouse::gateway
