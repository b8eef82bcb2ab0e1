#include "oauth/client/code_flow.h"

#include <gtest/gtest.h>

#include "core/spawn.h"
#include "oauth/client/fake_issuer.h"

namespace gatehouse::oauth::client {
namespace {

struct CodeFlows : testing::Test {
  ManualClock clock;
  FakeIssuer issuer{clock};
  std::unique_ptr<CodeFlow> flow = make(ClientAuth::basic);
  const Secret verifier{std::string(43, 'v')};

  std::unique_ptr<CodeFlow> make(ClientAuth auth) {
    CodeFlowConfig config;
    config.issuer = issuer.issuer();
    config.client.client_id = "wiki";
    config.client.client_secret = Secret("s3cret:/+");
    config.client.auth = auth;
    return CodeFlow::make(CodeFlowNeeds{issuer, clock}, config).value();
  }
  std::string authorize(const std::string& nonce = "n1") {
    AskForCode ask;
    ask.redirect_uri = "https://wiki.example.com/.gatehouse/callback";
    ask.state = "s1";
    ask.nonce = nonce;
    ask.verifier = verifier;
    return run(flow->authorization_url(ask)).value();
  }
  std::string code_of(const std::string& url) { return net::Form::parse(issuer.sign_in(url)).value().get("code").value(); }
  Result<Tokens> exchange(const std::string& code) { return run(flow->exchange(code, "https://wiki.example.com/.gatehouse/callback", verifier)); }
  Result<IdToken> id_token_after_sign_in() {
    auto tokens = exchange(code_of(authorize())).value();
    return run(flow->verify_id_token(tokens.id_token, "n1", tokens.access_token));
  }
};

TEST_F(CodeFlows, the_authorization_address_carries_state_nonce_and_an_s256_challenge) {
  const auto form = net::Form::parse(net::Url::parse(authorize()).value().query).value();
  EXPECT_EQ(form.get("response_type"), "code");
  EXPECT_EQ(form.get("client_id"), "wiki");
  EXPECT_EQ(form.get("scope"), "openid profile email");
  EXPECT_EQ(form.get("state"), "s1");
  EXPECT_EQ(form.get("nonce"), "n1");
  EXPECT_EQ(form.get("code_challenge_method"), "S256");
  EXPECT_FALSE(authorize().contains(verifier.reveal()));
}

// RFC 7636 appendix B.
TEST(CodeFlow, the_challenge_is_that_of_the_rfc) {
  EXPECT_EQ(CodeFlow::challenge_of(Secret("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
}

TEST_F(CodeFlows, a_code_becomes_tokens_once) {
  const auto code = code_of(authorize());
  EXPECT_TRUE(exchange(code));
  const auto again = exchange(code);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().fault(), Fault::unauthenticated);
  EXPECT_EQ(again.error().code(), "invalid_grant");
}

TEST_F(CodeFlows, id_and_secret_are_form_encoded_before_basic) {
  ASSERT_TRUE(exchange(code_of(authorize())));
  std::string sent;
  for (const auto& [name, value] : issuer.last_headers)
    if (name == "Authorization") sent = value;
  EXPECT_EQ(sent, "Basic " + base64_encode("wiki:s3cret%3A%2F%2B"));
}

TEST_F(CodeFlows, a_valid_id_token_says_who) {
  const auto who = id_token_after_sign_in();
  ASSERT_TRUE(who) << who.error().message();
  EXPECT_EQ(who->subject(), "00u1");
}

TEST_F(CodeFlows, an_id_token_of_another_sign_in_client_issuer_or_time_is_refused) {
  const auto now = to_seconds(clock.now());
  for (const auto& [name, value] : std::vector<std::pair<std::string, json::value>>{
           {"nonce", "n2"}, {"nonce", nullptr}, {"aud", "other"}, {"aud", nullptr}, {"aud", json::array{"wiki", "other"}},
           {"azp", "other"}, {"iss", "https://evil.example.com"}, {"exp", now - 61}, {"exp", nullptr}, {"at_hash", "AAAA"}, {"sub", nullptr}}) {
    issuer.id_overrides.clear();
    issuer.id_overrides[name] = value;
    const auto who = id_token_after_sign_in();
    ASSERT_FALSE(who) << name;
    EXPECT_EQ(who.error().fault(), Fault::unauthenticated) << name;
  }
}

TEST_F(CodeFlows, without_a_nonce_of_ours_no_id_token_is_good) {
  auto tokens = exchange(code_of(authorize(""))).value();
  issuer.id_overrides["nonce"] = "";
  EXPECT_FALSE(run(flow->verify_id_token(tokens.id_token, "", tokens.access_token)));
}

TEST_F(CodeFlows, userinfo_must_be_about_the_same_person) {
  auto tokens = exchange(code_of(authorize())).value();
  EXPECT_TRUE(run(flow->userinfo(tokens.access_token, "00u1")));
  EXPECT_EQ(run(flow->userinfo(tokens.access_token, "00u2")).error().fault(), Fault::unauthenticated);
  issuer.active = false;
  EXPECT_EQ(run(flow->userinfo(tokens.access_token, "00u1")).error().fault(), Fault::unauthenticated);
  issuer.down = true;
  EXPECT_EQ(run(flow->userinfo(tokens.access_token, "00u1")).error().fault(), Fault::upstream);
}

TEST_F(CodeFlows, signing_out_names_who_and_where_to_come_back) {
  const auto url = run(flow->end_session_url(Secret("ID"), "https://wiki.example.com/.gatehouse/signed-out")).value();
  const auto form = net::Form::parse(net::Url::parse(url).value().query).value();
  EXPECT_EQ(form.get("id_token_hint"), "ID");
  EXPECT_EQ(form.get("post_logout_redirect_uri"), "https://wiki.example.com/.gatehouse/signed-out");
}

TEST_F(CodeFlows, a_configuration_that_cannot_work_is_refused) {
  CodeFlowConfig config;
  config.issuer = "id.example.com";
  config.client.client_id = "wiki";
  config.client.client_secret = Secret("x");
  EXPECT_FALSE(CodeFlow::make(CodeFlowNeeds{issuer, clock}, config));
  config.issuer = issuer.issuer();
  EXPECT_TRUE(CodeFlow::make(CodeFlowNeeds{issuer, clock}, config));
  config.client.scopes = {"profile"};
  EXPECT_FALSE(CodeFlow::make(CodeFlowNeeds{issuer, clock}, config));
  config.client.scopes = {"openid"};
  config.client.client_secret = Secret();
  EXPECT_FALSE(CodeFlow::make(CodeFlowNeeds{issuer, clock}, config));
}

}  // namespace
}  // namespace gatehouse::oauth::client
