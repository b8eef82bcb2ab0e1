// From gatehouse.yaml to the gateway's own words.
#include "app/guard.h"

#include <gtest/gtest.h>

namespace gatehouse::app {
namespace {

Result<GuardPlan> plan(std::string_view hosts, const OpenSecret& open) {
  const auto config = parse_config("data: d\nlisteners: [{port: 1}]\ngateway:\n  hosts:\n" + std::string(hosts), "g.yaml");
  if (!config) return std::unexpected(config.error());
  static ManualClock clock;
  static const auto random = seeded_random(1);
  static Pool blocking("blocking", 1, 1);
  return plan_guard(*config, {clock, *random, blocking, silent_log(), open});
}
Result<Secret> opened(const secrets::Reference& reference) { return Secret("opened:" + reference.str()); }

TEST(Guard, routes_of_one_host_share_a_sign_on_and_a_pool) {
  const auto made = plan(R"(
    - host: wiki.example.com
      routes:
        - {path: /, upstream: "http://127.0.0.1:9001", sign_in: {issuer: "https://i.example", client_id: w, client_secret: "env:W"}}
        - {path: /edit, upstream: "http://127.0.0.1:9001", require: {groups: [Writers]}, sign_in: {issuer: "https://i.example", client_id: w, client_secret: "env:W"}}
)", opened);
  ASSERT_TRUE(made) << made.error().message();
  ASSERT_EQ(made->sign_ons.size(), 1u);
  EXPECT_EQ(made->sign_ons[0].issuer.client.client_secret.reveal(), "opened:env:W");
  EXPECT_EQ(made->gateway.pools.size(), 1u);
  ASSERT_EQ(made->gateway.routes.size(), 2u);
  EXPECT_EQ(made->gateway.routes[0].policy, made->sign_ons[0].name);
  EXPECT_EQ(made->gateway.routes[1].policy, made->sign_ons[0].name);
  ASSERT_NE(made->gateway.routes[1].rules, nullptr);
  EXPECT_EQ(made->gateway.routes[1].rules->all().front().name, "require");
  EXPECT_EQ(made->gateway.routes[0].rules, nullptr);
}

TEST(Guard, tokens_keep_their_audience_and_their_rules) {
  const auto made = plan(R"(
    - host: api.example.com
      routes:
        - upstream: http://127.0.0.1:9002
          token: {issuer: "https://i.example/oauth2/default", audience: "api://x", rules: [{methods: [GET], scopes: [a]}, {methods: [POST], scopes: [b]}]}
)", opened);
  ASSERT_TRUE(made) << made.error().message();
  ASSERT_EQ(made->gateway.tokens.size(), 1u);
  EXPECT_EQ(made->gateway.tokens[0].tokens.issuers.at(0).audiences, std::vector<std::string>{"api://x"});
  ASSERT_EQ(made->gateway.routes.at(0).scopes.size(), 2u);
  EXPECT_EQ(made->gateway.routes[0].scopes[1].scopes, std::vector<std::string>{"b"});
  EXPECT_EQ(made->issuers, std::vector<std::string>{"https://i.example/oauth2/default"});
}

TEST(Guard, only_open_true_is_public) {
  const auto made = plan("    - {host: a.example, routes: [{upstream: 'http://127.0.0.1:1', open: true}]}\n", opened);
  ASSERT_TRUE(made);
  EXPECT_EQ(made->gateway.routes.at(0).policy, "public");
}

TEST(Guard, a_secret_that_cannot_be_opened_is_a_fault) {
  const OpenSecret closed = [](const secrets::Reference&) -> Result<Secret> { return failure(Fault::missing, "env:W is not set"); };
  const auto made = plan("    - {host: a.example, routes: [{upstream: 'http://127.0.0.1:1', sign_in: {issuer: 'https://i.example', client_id: w, client_secret: 'env:W'}}]}\n", closed);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().message(), "env:W is not set");
}

}  // namespace
}  // namespace gatehouse::app
