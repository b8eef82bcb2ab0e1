// APIs behind access tokens, answering as RFC 6750 says. On real sockets.
#include "gateway/token_policy.h"

#include <gtest/gtest.h>

#include "gateway/gateway_fixture.h"
#include "oauth/client/fake_issuer.h"

namespace gatehouse::gateway {
namespace {

struct Apis : testing::Test {
  House house;
  oauth::client::FakeIssuer issuer{house.clock};

  Config config() {
    Config out;
    PoolConfig pool;
    pool.name = "orders";
    pool.targets = {house.app_url()};
    out.pools.push_back(pool);
    oauth::client::TrustedIssuer trusted;
    trusted.issuer = issuer.issuer();
    trusted.audiences = {"api://default"};
    TokenPolicyConfig tokens;
    tokens.name = "orders-token";
    tokens.realm = "orders";
    tokens.tokens.issuers = {trusted};
    tokens.headers = {{"X-User", "sub"}, {"X-Scopes", "scp", " "}};
    out.tokens.push_back(tokens);
    RouteConfig route;
    route.host = "api.test";
    route.policy = "orders-token";
    route.upstream = "orders";
    route.scopes = {ScopeRule{{"GET", "HEAD"}, {"orders:read"}}, ScopeRule{{"POST"}, {"orders:write"}}};
    out.routes.push_back(route);
    return out;
  }
  void SetUp() override { house.open(house.needs(issuer), config()); }
  HttpAnswer ask(std::string_view line, const std::vector<std::string>& lines) { return house.ask(line, "api.test", lines); }
  HttpAnswer get(const std::string& token) { return ask("GET /orders", {"Authorization: Bearer " + token}); }
  std::string error_of(const HttpAnswer& answer) { return find_string(parse_json(answer.body).value(), "error").value_or(""); }
};

using List = std::vector<std::string>;

TEST_F(Apis, a_token_with_the_scope_passes_and_the_api_learns_who_it_is) {
  const auto token = issuer.access_token();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(get(token).status, 200);
  const auto seen = house.app.last();
  EXPECT_EQ(seen.all("x-user"), List{"ada@example.com"});
  EXPECT_EQ(seen.all("x-scopes"), List{"orders:read openid"});
  EXPECT_EQ(seen.all("authorization"), List{"Bearer " + token});
  EXPECT_EQ(issuer.asked["/v1/keys"], 1);
}

TEST_F(Apis, without_a_token_the_challenge_has_no_error) {
  for (const std::vector<std::string>& lines : {std::vector<std::string>{}, {"Authorization: Basic YTpi"}, {"Authorization: DPoP x"}}) {
    const auto answer = ask("GET /orders", lines);
    EXPECT_EQ(answer.status, 401);
    EXPECT_EQ(answer.header("WWW-Authenticate"), "Bearer realm=\"orders\", resource_metadata=\"http://api.test/.well-known/oauth-protected-resource\"");
    EXPECT_EQ(answer.header("Content-Type"), "application/json");
  }
  EXPECT_TRUE(house.app.seen().empty());
}

TEST_F(Apis, a_bad_token_is_an_invalid_token) {
  for (const std::string& token : {std::string("garbage"), std::string("a.b.c"), issuer.access_token() + "x"}) {
    const auto answer = get(token);
    EXPECT_EQ(answer.status, 401) << token;
    EXPECT_TRUE(answer.header("WWW-Authenticate").contains("error=\"invalid_token\"")) << answer.head;
    EXPECT_EQ(error_of(answer), "invalid_token");
    EXPECT_FALSE(answer.body.contains(token)) << "tokens are never echoed";
  }
  house.clock.advance(Seconds(1));
  const auto old = issuer.access_token();
  house.clock.advance(Seconds(3700));
  EXPECT_EQ(get(old).status, 401);
  EXPECT_TRUE(house.app.seen().empty());
}

TEST_F(Apis, a_missing_scope_is_named) {
  const auto answer = ask("POST /orders", {"Authorization: Bearer " + issuer.access_token(), "Content-Length: 0"});
  EXPECT_EQ(answer.status, 403);
  EXPECT_TRUE(answer.header("WWW-Authenticate").contains("error=\"insufficient_scope\""));
  EXPECT_TRUE(answer.header("WWW-Authenticate").contains("scope=\"orders:write\""));
  EXPECT_EQ(error_of(answer), "insufficient_scope");
}

TEST_F(Apis, a_method_that_no_scope_rule_names_is_denied) {
  EXPECT_EQ(ask("DELETE /orders/1", {"Authorization: Bearer " + issuer.access_token()}).status, 403);
  EXPECT_TRUE(house.app.seen().empty());
}

// Kong/kong#9946: several tokens, and two readers that choose differently. RFC 6750 §2: one method only.
TEST_F(Apis, a_token_in_two_places_in_the_address_or_torn_is_an_invalid_request) {
  const auto good = issuer.access_token();
  for (const auto& [line, lines] : std::vector<std::pair<std::string, std::vector<std::string>>>{
           {"GET /orders", {"Authorization: Bearer " + good, "Authorization: Bearer " + good}},
           {"GET /orders", {"Authorization: Bearer " + good, "authorization: Basic YTpi"}},
           {"GET /orders?access_token=" + good, {}},
           {"GET /orders?a=1&access_token=x", {"Authorization: Bearer " + good}},
           {"GET /orders?access%5Ftoken=x", {"Authorization: Bearer " + good}},
           {"GET /orders", {"Authorization: Bearer"}},
           {"GET /orders", {"Authorization: Bearer a b"}},
           {"GET /orders", {"Authorization: Bearer " + good + ", Bearer " + good}},
           {"GET /orders", {"Authorization: Bearer \"x\""}}}) {
    const auto answer = ask(line, lines);
    EXPECT_EQ(answer.status, 400) << line << (lines.empty() ? "" : lines[0]);
    EXPECT_EQ(error_of(answer), "invalid_request");
  }
  EXPECT_TRUE(house.app.seen().empty());
}

// Identity headers of a token route are managed like any other.
TEST_F(Apis, a_client_cannot_say_who_it_is) {
  EXPECT_EQ(ask("GET /orders", {"Authorization: Bearer " + issuer.access_token(), "X-User: root"}).status, 200);
  EXPECT_EQ(house.app.last().all("x-user"), List{"ada@example.com"});
  EXPECT_EQ(ask("GET /orders", {"Authorization: Bearer " + issuer.access_token(), "X_User: root"}).status, 400);
}

TEST_F(Apis, an_issuer_that_cannot_be_asked_is_a_503_and_not_a_401) {
  issuer.down = true;
  const auto answer = get(issuer.access_token());
  EXPECT_EQ(answer.status, 503);
  EXPECT_FALSE(answer.header("Retry-After").empty());
  EXPECT_TRUE(house.app.seen().empty());
}

// RFC 8705 §3: without the certificate in the connection, whatever headers say.
TEST_F(Apis, a_token_bound_to_a_certificate_needs_it_in_the_connection) {
  auto claims = issuer.access_claims();
  claims["cnf"] = json::object{{"x5t#S256", "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"}};
  const auto bound = issuer.sign(claims);
  EXPECT_EQ(get(bound).status, 401);
  EXPECT_EQ(ask("GET /orders", {"Authorization: Bearer " + bound, "X-SSL-Client-Cert: bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"}).status, 401);
  EXPECT_EQ(get(bound).status, 401) << "also once its facts are cached";
  EXPECT_TRUE(house.app.seen().empty());
}

TEST_F(Apis, a_token_bound_to_a_key_is_no_bearer_token_though_dpop_is_off) {
  auto claims = issuer.access_claims();
  claims["cnf"] = json::object{{"jkt", issuer.key().thumbprint()}};
  const auto bound = issuer.sign(claims);
  for (int i = 0; i < 2; ++i) EXPECT_EQ(get(bound).status, 401);
  EXPECT_TRUE(house.app.seen().empty());
}

TEST_F(Apis, a_resource_describes_itself_to_everybody) {
  const auto about = ask("GET /.well-known/oauth-protected-resource", {});
  EXPECT_EQ(about.status, 200);
  const auto body = parse_json(about.body).value();
  EXPECT_EQ(find_string(body, "resource"), "http://api.test");
  EXPECT_EQ(find_strings(body, "authorization_servers"), List{issuer.issuer()});
  EXPECT_EQ(find_strings(body, "scopes_supported"), (List{"orders:read", "orders:write"}));
  EXPECT_TRUE(house.app.seen().empty());
}

TEST(ScopeRules, rules_for_a_method_add_up) {
  const std::vector<ScopeRule> rules{{{}, {"base"}}, {{"POST"}, {"write"}}};
  EXPECT_EQ(scopes_for(rules, "GET"), List{"base"});
  EXPECT_EQ(scopes_for(rules, "POST"), (List{"base", "write"}));
  EXPECT_EQ(scopes_for({}, "POST"), List{});
  EXPECT_EQ(scopes_for({ScopeRule{{"GET"}, {"r"}}}, "get"), std::nullopt) << "methods have case";
}

}  // namespace
}  // namespace gatehouse::gateway
