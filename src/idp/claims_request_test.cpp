#include "idp/claims_request.h"
#include "idp/servers_test.h"
#include "oauth/error.h"

namespace gatehouse::idp {
namespace {

using Names = std::vector<std::string>;

TEST(ClaimsRequests, name_claims_for_each_place) {
  const auto ask = ClaimsRequest::parse(R"({"userinfo":{"given_name":{"essential":true},"nickname":null,"sub":{"value":"00u1"}},
    "id_token":{"email":{"values":["a","b"]},"acr":{"values":["urn:x"]}},"verified_claims":[1]})").value();
  EXPECT_EQ(ask.userinfo, (Names{"given_name", "nickname"}));
  EXPECT_EQ(ask.id_token, Names{"email"});
  EXPECT_EQ(ask.sub, "00u1");
  EXPECT_TRUE(ask.acr && !ask.acr_essential);
  EXPECT_TRUE(ClaimsRequest::parse("{}"));
  EXPECT_TRUE(ClaimsRequest::parse(R"({"userinfo":null})"));
}

TEST(ClaimsRequests, that_are_not_what_the_standard_says_are_refused) {
  std::string many = R"({"userinfo":{)";
  for (std::size_t i = 0; i <= kClaimsAskedMax; ++i) many += (i == 0 ? "\"c" : ",\"c") + std::to_string(i) + "\":null";
  many += "}}";
  for (const std::string& bad : {std::string("[]"), std::string("x"), std::string(R"({"userinfo":[]})"), std::string(R"({"userinfo":{"name":true}})"),
                                 std::string(R"({"id_token":{"sub":{"value":1}}})"), std::string(R"({"id_token":{"sub":{"values":["a","b"]}}})"),
                                 std::string(R"({"id_token":{"sub":{"value":"a"}},"userinfo":{"sub":{"value":"b"}}})"),
                                 std::string(R"({"id_token":{"acr":{"values":"a"}}})"), many, "{\"x\":\"" + std::string(kClaimsRequestMax, 'x') + "\"}"})
    EXPECT_FALSE(ClaimsRequest::parse(bad)) << bad.substr(0, 80);
}

TEST(ClaimsRequests, a_level_that_cannot_be_reached_matters_only_when_it_is_essential) {
  const auto reached = [](const char* text, const Names& wanted = {}) { return ClaimsRequest::parse(text)->reached(wanted); };
  EXPECT_EQ(reached("{}").value(), "");
  EXPECT_EQ(reached("{}", {"urn:okta:loa:2fa:any"}).value(), kAcrPassword);
  EXPECT_EQ(reached("{}", {"urn:okta:loa:2fa:any", "urn:okta:loa:1fa:any"}).value(), kAcrAnyFactor);
  EXPECT_EQ(reached(R"({"id_token":{"acr":null}})").value(), kAcrPassword);
  EXPECT_EQ(reached(R"({"id_token":{"acr":{"essential":true}}})").value(), kAcrPassword);
  EXPECT_EQ(reached(R"({"id_token":{"acr":{"values":["phr"]}}})").value(), kAcrPassword);
  EXPECT_EQ(reached(R"({"id_token":{"acr":{"essential":true,"values":["phr","urn:okta:loa:1fa:any"]}}})").value(), kAcrAnyFactor);
  const auto refused = reached(R"({"id_token":{"acr":{"essential":true,"values":["phr"]}}})", {std::string(kAcrPassword)});
  ASSERT_FALSE(refused);
  EXPECT_EQ(oauth::code_of(refused.error()), oauth::Code::unmet_authentication_requirements);
}

class ClaimsRequestSpec : public ServersTest {};
INSTANTIATE_TEST_SUITE_P(Everywhere, ClaimsRequestSpec, testing::ValuesIn(store::every_backend()), store::name_of);

TEST_P(ClaimsRequestSpec, what_is_asked_for_by_name_is_told_where_it_was_asked_for) {
  const auto client = given_client("Wiki");
  const Fields asked{{"scope", "openid offline_access"}, {"claims", R"({"userinfo":{"given_name":null,"shoe_size":null},"id_token":{"email":{"essential":true}}})"}};
  for (const std::string server : {"/oauth2", "/oauth2/default"}) {
    const auto tokens = given_tokens(client, asked, server);
    const auto id = claims(tokens.text("id_token"));
    EXPECT_EQ(find_string(id, "email"), "ada@example.com");
    EXPECT_FALSE(find_string(id, "given_name"));
    EXPECT_EQ(tokens.text("scope"), "openid offline_access");   // a claim is no scope
    const auto renewed = refresh(client, tokens.text("refresh_token"), {}, server);
    for (const auto& access : {tokens.text("access_token"), renewed.text("access_token")}) {
      const auto info = userinfo(access, server);
      EXPECT_TRUE(find_string(info.json(), "given_name")) << info.body();
      EXPECT_FALSE(find_string(info.json(), "email"));
      EXPECT_FALSE(find_string(info.json(), "family_name"));
    }
  }
  const auto plain = given_tokens(client, {{"scope", "openid"}});
  EXPECT_FALSE(find_string(userinfo(plain.text("access_token")).json(), "given_name"));
}

TEST_P(ClaimsRequestSpec, a_claim_is_no_way_around_the_rules_of_a_server) {
  const auto client = given_client("Wiki");
  const auto open = given_open_server();
  auto rule = open_rule;
  rule.scopes = {"openid", "email"};
  edited(open.id, [&](const Server& now) { return change_rule(at(), now, open_policy.id, rule); });
  const auto tokens = given_tokens(client, {{"scope", "openid"}, {"claims", R"({"id_token":{"given_name":{"essential":true},"email":null}})"}}, at_server(open));
  const auto id = claims(tokens.text("id_token"));
  EXPECT_EQ(find_string(id, "email"), "ada@example.com");
  EXPECT_FALSE(find_string(id, "given_name"));
}

TEST_P(ClaimsRequestSpec, who_must_be_asked_for_scopes_is_asked_for_claims) {
  auto client = given_client("Partner");
  client.app.consent_required = true;
  ASSERT_TRUE(run(apps->update(client.app, cause)));
  Visitor browser(router);
  (void)walk(browser, authorize_url(client, {{"scope", "openid"}}));
  EXPECT_NE(parameter(browser.get(authorize_url(client, {{"scope", "openid"}, {"prompt", "none"}})).location(), "code"), "");
  const Fields more{{"scope", "openid"}, {"prompt", "none"}, {"claims", R"({"userinfo":{"email":null}})"}};
  EXPECT_EQ(parameter(browser.get(authorize_url(client, more)).location(), "error"), "consent_required");
}

TEST_P(ClaimsRequestSpec, the_level_is_told_when_somebody_asks) {
  const auto client = given_client("Wiki");
  EXPECT_FALSE(find_string(claims(given_tokens(client).text("id_token")), "acr"));
  EXPECT_EQ(find_string(claims(given_tokens(client, {{"acr_values", "urn:okta:loa:2fa:any urn:okta:loa:1fa:any"}}).text("id_token")), "acr"), kAcrAnyFactor);
  EXPECT_EQ(find_string(claims(given_tokens(client, {{"claims", R"({"id_token":{"acr":null}})"}}).text("id_token")), "acr"), kAcrPassword);
  Visitor browser(router);
  const auto refused = browser.get(authorize_url(client, {{"claims", R"({"id_token":{"acr":{"essential":true,"value":"urn:okta:loa:2fa:any"}}})"}})).location();
  EXPECT_EQ(parameter(refused, "error"), "unmet_authentication_requirements");
  EXPECT_EQ(parameter(browser.get(authorize_url(client, {{"claims", "{"}})).location(), "error"), "invalid_request");
}

TEST_P(ClaimsRequestSpec, nobody_but_the_person_who_is_named_will_do) {
  const auto client = given_client("Wiki");
  given_user("bob@example.com");
  Visitor browser(router);
  (void)walk(browser, authorize_url(client), "bob@example.com");
  const auto only = R"({"id_token":{"sub":{"value":")" + ada->id.str() + R"("}}})";
  EXPECT_EQ(parameter(browser.get(authorize_url(client, {{"prompt", "none"}, {"claims", only}})).location(), "error"), "login_required");
  EXPECT_TRUE(browser.get(authorize_url(client, {{"claims", only}})).location().starts_with("/signin/"));
  EXPECT_NE(parameter(walk(browser, authorize_url(client, {{"claims", only}})).location(), "code"), "");
}

TEST_P(ClaimsRequestSpec, what_only_concerns_looks_is_taken_and_ignored) {
  const auto client = given_client("Wiki");
  EXPECT_NE(given_code(client, {{"display", "wap"}, {"ui_locales", "de xx"}, {"claims_locales", "tlh"}}), "");
}

}  // namespace
}  // namespace gatehouse::idp
