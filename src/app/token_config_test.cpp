#include "app/token_config.h"

#include <gtest/gtest.h>

#include "app/config.h"

namespace gatehouse::app {
namespace {

Result<Config> parse(const std::string& token, const std::string& listener = "{port: 8080}") {
  return parse_config("data: ./data\nlisteners: [" + listener + "]\ngateway:\n  hosts:\n    - host: api.example.com\n      routes:\n        - upstream: http://127.0.0.1:9002\n          token: " + token + "\n", "gatehouse.yaml");
}
std::string fault_of(const std::string& token) {
  const auto config = parse(token);
  return config ? "" : config.error().message();
}
constexpr auto kIssuer = "issuer: https://id.example.com/oauth2/default, audience: api://default";

TEST(TokenWords, all_of_them_are_read) {
  const auto config = parse(
      "{issuers: [{issuer: https://id.example.com/oauth2/default, audience: [api://a, api://b], jwks_uri: https://keys.example.com/k, clients: [c1],"
      " algorithms: [ES256], max_lifetime: 1h}, {issuer: https://acme.okta.com, audience: https://acme.okta.com,"
      " introspection: {client_id: gw, client_secret: env:S, auth: client_secret_post, remember: 10s, remember_refusal: 2s, audience: trusted}}],"
      " dpop: required, dpop_nonce: true, mtls_bound: true, acr_values: [urn:okta:loa:2fa:any], max_age: 5m, keys_fresh: 10m, stale_while_down: 2h,"
      " keys_retry: 10s, skew: 5s, forward_token: false}");
  ASSERT_TRUE(config) << config.error().message();
  std::vector<std::string> peers;
  const auto open = [](const secrets::Reference&) -> Result<Secret> { return Secret("s"); };
  const auto policy = token_policy_of(std::get<TokenAccess>(config->gateway.at(0).routes.at(0).access), open, peers);
  ASSERT_TRUE(policy) << policy.error().message();
  const auto& first = policy->tokens.issuers.at(0);
  EXPECT_EQ(first.audiences, (std::vector<std::string>{"api://a", "api://b"}));
  EXPECT_EQ(first.algorithms, std::vector<jose::Alg>{jose::Alg::ES256});
  EXPECT_EQ(first.max_lifetime, Seconds(3600));
  const auto& asked = *policy->tokens.issuers.at(1).introspection;
  EXPECT_EQ(asked.client_secret, Secret("s"));
  EXPECT_EQ(asked.remember_yes, Seconds(10));
  EXPECT_EQ(asked.missing_audience, oauth::client::MissingAudience::trusted);
  EXPECT_EQ(policy->dpop, gateway::TokenPolicyConfig::Dpop::required);
  EXPECT_EQ(policy->dpop_nonce, gateway::TokenPolicyConfig::DpopNonce::required);
  EXPECT_EQ(policy->certificate_bound, gateway::TokenPolicyConfig::CertificateBound::required);
  EXPECT_EQ(policy->forward_token, gateway::TokenPolicyConfig::ForwardToken::no);
  EXPECT_EQ(policy->tokens.times.outage_grace, Millis(Seconds(7200)));
  EXPECT_EQ(peers, (std::vector<std::string>{"https://id.example.com/oauth2/default", "https://keys.example.com/k", "https://acme.okta.com"}));
}

TEST(TokenWords, each_wrong_one_is_named_with_its_place) {
  const std::pair<std::string, const char*> rows[] = {
      {"{issuer: https://id.example.com/oauth2/default}", "audience: is missing"},
      {"{issuer: nonsense, audience: a}", "'nonsense' is not an http or https address"},
      {"{issuer: https://acme.okta.com, audience: a}", "introspection"},
      {"{issuer: https://acme.okta.com, audience: a, org_server: allowed}", "introspection"},
      {"{issuer: https://login.example.com, audience: a}", "org_server: allowed"},
      {std::string("{") + kIssuer + ", algorithms: [HS256]}", "'HS256' is not an asymmetric algorithm"},
      {std::string("{") + kIssuer + ", algorithms: [none]}", "'none' is not an asymmetric algorithm"},
      {std::string("{") + kIssuer + ", dpop: sometimes}", "dpop"},
      {std::string("{") + kIssuer + ", dpop_nonce: true}", "without dpop"},
      {std::string("{") + kIssuer + ", introspection: {client_id: c}}", "client_secret: is missing"},
      {std::string("{") + kIssuer + ", introspection: {client_id: c, client_secret: hunter2}}", "client_secret"},
      {std::string("{") + kIssuer + ", jwks_uri: ftp://x}", "'ftp://x' is not an http or https address"},
      {std::string("{") + kIssuer + ", stale_while_down: 8d}", "stale_while_down"},
      {std::string("{") + kIssuer + ", max_age: 0s}", "max_age"},
      {std::string("{") + kIssuer + ", acr_values: ['a b']}", "is not one value"},
      {std::string("{") + kIssuer + ", isuers: []}", "issuers"},
      {"{issuers: []}", "issuers"},
      {std::string("{issuers: [{") + kIssuer + "}, {" + kIssuer + "}]}", "stands there twice"},
      {std::string("{issuers: [{") + kIssuer + "}], audience: b}", "stands beside issuers"},
  };
  for (const auto& [text, wanted] : rows) {
    const auto fault = fault_of(text);
    EXPECT_TRUE(fault.contains(wanted)) << text << "\n" << fault;
    EXPECT_TRUE(fault.starts_with("gatehouse.yaml:8:")) << fault;
  }
}

}  // namespace
}  // namespace gatehouse::app
