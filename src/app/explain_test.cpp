// `gatehouse explain`: the verdict of the gateway, with every step on the way to it.
#include "app/explain.h"
#include "app/explain_as.h"

#include <gtest/gtest.h>

#include "app/guard.h"
#include "app/log_sink.h"
#include "net/client.h"
#include "net/fixed_resolver.h"

namespace gatehouse::app {
namespace {

struct Explains : testing::Test {
  ManualClock clock;
  std::unique_ptr<Random> random = seeded_random(1);
  Pool blocking{"test", 1, 8};
  net::FixedResolver resolver;
  std::unique_ptr<net::HttpClient> http = net::make_http_client(resolver, net::PeerRules::public_only(), net::ClientTls());
  std::unique_ptr<gateway::Gateway> gateway;

  void SetUp() override {
    const auto config = parse_config(R"(
data: d
listeners: [{port: 1}]
gateway:
  hosts:
    - host: api.test
      routes:
        - upstream: http://127.0.0.1:9
          token: {issuer: "https://i.example/oauth2/default", audience: api, scopes: [read], headers: {X-User: sub}}
          policy:
            - {name: admin, deny: {paths: [/admin], not: {groups: [Admins]}}}
            - {name: fresh, allow: {groups: [Admins], max_age: 5m}}
            - {name: staff, allow: {groups: [Staff], methods: [GET]}}
        - {path: /open, upstream: "http://127.0.0.1:9", open: true}
)", "g.yaml");
    ASSERT_TRUE(config) << config.error().message();
    const OpenSecret open = [](const secrets::Reference&) -> Result<Secret> { return Secret("x"); };
    auto plan = plan_guard(*config, {clock, *random, blocking, silent_log(), open});
    ASSERT_TRUE(plan) << plan.error().message();
    const gateway::MakeUpstream make = [this](net::UpstreamOptions options) {
      return net::make_upstream(resolver, net::PeerRules::anyone(), net::ClientTls(), std::move(options));
    };
    gateway = std::make_unique<gateway::Gateway>(gateway::Snapshot::build({clock, *http, make}, plan->gateway).value());
  }
  Explanation ask(std::string method, std::string url, std::optional<std::string> claims = {}) {
    return explain(*gateway, {.method = std::move(method), .url = std::move(url), .headers = {}, .token = {}, .claims = std::move(claims), .client_ip = "10.0.0.1"}).value();
  }
};

TEST_F(Explains, who_may_pass_sees_where_to_and_with_which_headers) {
  const auto told = ask("GET", "https://api.test/orders?a=1", R"({"sub":"ada","scp":["read"],"groups":["Staff"]})");
  EXPECT_TRUE(told.allowed);
  EXPECT_EQ(told.kind, "token");
  EXPECT_TRUE(told.upstream.contains("127.0.0.1:9"));
  EXPECT_TRUE(told.head.starts_with("GET /orders?a=1 HTTP/1.1\r\n"));
  EXPECT_TRUE(told.head.contains("X-User: ada\r\n"));
  EXPECT_TRUE(to_page(told, Paint::no).contains("staff (allow): applies"));
  EXPECT_EQ(to_json(told).at("allowed"), true);
}

TEST_F(Explains, every_refusal_names_its_phase) {
  const auto phase = [&](std::string method, std::string url, std::optional<std::string> claims = {}) {
    const auto told = ask(std::move(method), std::move(url), std::move(claims));
    EXPECT_FALSE(told.allowed);
    return std::pair(told.status, told.found.empty() ? std::string() : told.found.back().phase);
  };
  using Is = std::pair<int, std::string>;
  EXPECT_EQ(phase("GET", "https://api.test/open/../admin"), (Is{400, "request"}));
  EXPECT_EQ(phase("GET", "https://other.test/"), (Is{421, "route"}));
  EXPECT_EQ(phase("TRACE", "https://api.test/open"), (Is{405, "request"}));
  EXPECT_EQ(phase("GET", "https://api.test/orders"), (Is{401, "policy"}));
  EXPECT_EQ(phase("GET", "https://api.test/orders", R"({"groups":["Staff"]})"), (Is{403, "policy"})) << "the scope is missing";
  EXPECT_EQ(phase("POST", "https://api.test/orders", R"({"scp":["read"],"groups":["Staff"]})"), (Is{403, "policy"}));
  EXPECT_EQ(phase("GET", "https://api.test/admin;x", R"({"scp":["read"],"groups":["Staff"]})"), (Is{403, "policy"})) << "CVE-2026-73553";
  EXPECT_EQ(phase("GET", "https://api.test/orders", R"({"scp":["read"],"groups":["Admins"]})"), (Is{401, "policy"})) << "RFC 9470";
  EXPECT_EQ(phase("GET", "https://api.test/.gatehouse/sign-out"), (Is{403, "own page"}));
}

KnownPerson known_person(std::string login, const std::vector<std::string>& groups) {
  directory::User user{.id = directory::UserId::parse("00u00000000000000001").value(), .status = directory::Status::active,
                       .profile = {.login = std::move(login), .email = {}, .first_name = {}, .last_name = {}, .more = {}},
                       .created = {}, .updated = {}, .activated = {}, .status_changed = {}, .last_login = {}, .password_changed = {}};
  KnownPerson person{.user = std::move(user), .groups = {}, .clients = {}, .assigned = {}};
  for (const auto& name : groups)
    person.groups.push_back({.id = directory::GroupId::parse("00g00000000000000001").value(), .name = name, .description = {},
                             .created = {}, .updated = {}, .membership_updated = {}});
  return person;
}

TEST_F(Explains, a_user_of_the_org_is_described_as_their_token_would) {
  const auto config = parse_config(R"(
data: d
listeners: [{port: 1}]
gateway:
  hosts:
    - host: api.test
      routes:
        - {path: /, upstream: "http://127.0.0.1:9", token: {issuer: "https://i.example/oauth2/default", audience: api}}
        - {path: /open, upstream: "http://127.0.0.1:9", open: true}
)", "g.yaml");
  ASSERT_TRUE(config);
  auto ada = known_person("ada@example.com", {"Staff", "Admins"});
  const auto as = [&](std::string url, ImaginedProof proof) {
    return explain(*gateway, {.method = "GET", .url = std::move(url), .headers = {}, .token = {}, .claims = {}, .client_ip = "10.0.0.1",
                              .imagine = imagine_person(*config, ada, std::move(proof))}).value();
  };
  const auto now = clock.now();
  const auto orders = as("https://api.test/orders", {.auth_time = now, .acr = {}, .scopes = {"read", "groups"}});
  EXPECT_TRUE(orders.allowed) << to_page(orders, Paint::no);
  EXPECT_TRUE(orders.head.contains("X-User: ada@example.com\r\n"));
  EXPECT_TRUE(to_page(orders, Paint::no).contains("ada@example.com (00u00000000000000001), ACTIVE, of 2 groups"));
  EXPECT_FALSE(as("https://api.test/orders", {.auth_time = now, .acr = {}, .scopes = {"groups"}}).allowed) << "the scope is missing";
  EXPECT_FALSE(as("https://api.test/orders", {.auth_time = now, .acr = {}, .scopes = {"read"}}).allowed) << "no groups without the scope";
  EXPECT_TRUE(as("https://api.test/open", {}).allowed);

  ada.user.status = directory::Status::suspended;
  const auto barred = as("https://api.test/orders", {.auth_time = now, .acr = {}, .scopes = {"read", "groups"}});
  EXPECT_FALSE(barred.allowed);
  EXPECT_EQ(barred.status, 403);
  EXPECT_TRUE(barred.head.empty());
  EXPECT_TRUE(to_page(barred, Paint::no).contains("a user who is SUSPENDED"));
  EXPECT_TRUE(as("https://api.test/open", {}).allowed) << "nobody is asked who they are";
}

TEST_F(Explains, old_proofs_and_new_ones_are_told_apart) {
  const auto config = parse_config(R"(
data: d
listeners: [{port: 1}]
gateway: {hosts: [{host: api.test, routes: [{upstream: "http://127.0.0.1:9", token: {issuer: "https://i.example/oauth2/default", audience: api}}]}]}
)", "g.yaml");
  ASSERT_TRUE(config);
  const auto eve = known_person("eve@example.com", {"Admins"});
  const auto at = [&](Timestamp auth_time) {
    return explain(*gateway, {.method = "GET", .url = "https://api.test/orders", .headers = {}, .token = {}, .claims = {}, .client_ip = "10.0.0.1",
                              .imagine = imagine_person(*config, eve, {.auth_time = auth_time, .acr = {}, .scopes = {"read", "groups"}})}).value();
  };
  EXPECT_TRUE(at(clock.now()).allowed);
  EXPECT_EQ(at(clock.now() - std::chrono::minutes(6)).status, 401) << "RFC 9470";
}

TEST_F(Explains, what_is_not_a_question_is_refused) {
  EXPECT_FALSE(explain(*gateway, {.method = "G T", .url = "https://api.test/", .headers = {}, .token = {}, .claims = {}, .client_ip = ""}));
  EXPECT_FALSE(explain(*gateway, {.method = "GET", .url = "https://api.test/", .headers = {}, .token = {}, .claims = "[]", .client_ip = ""}));
  EXPECT_FALSE(explain(*gateway, {.method = "GET", .url = "https://api.test/", .headers = {}, .token = {}, .claims = {}, .client_ip = "home"}));
}

}  // namespace
}  // namespace gatehouse::app
