// Pushed authorization requests: what is accepted, who may use it, and that it is used once.
#include "idp/pushed_request.h"

#include "idp/idp_test.h"

namespace gatehouse::idp {
namespace {

class PushedSpec : public IdpTest {
 protected:
  Got push(const Client& client, const Fields& changes = {}, std::string server = "/oauth2/default") {
    auto fields = question(client, changes);
    if (client.secret.empty()) std::erase_if(fields, [](const auto& field) { return field.first == "client_id"; });
    return call(client, server + "/v1/par", std::move(fields));
  }
  static std::string carrying(const Client& client, const std::string& request_uri, const Fields& more = {}, std::string server = "/oauth2/default") {
    Fields fields{{"client_id", client.app.client_id}, {"request_uri", request_uri}};
    for (const auto& field : more) fields.push_back(field);
    return server + "/v1/authorize?" + signin::encode(fields);
  }
};

TEST_P(PushedSpec, a_request_is_pushed_and_carried_by_reference) {
  const auto client = given_client("Wiki");
  const auto pushed = push(client);
  ASSERT_EQ(pushed.status(), 201) << pushed.body();
  EXPECT_EQ(find_int(pushed.json(), "expires_in"), 90);
  EXPECT_EQ(pushed.header("Cache-Control"), "no-store");
  Visitor browser(router);
  // What stands in the address beside the reference does not count.
  const auto got = walk(browser, carrying(client, pushed.text("request_uri"), {{"scope", "openid okta.users.manage"}, {"state", "evil"}}));
  EXPECT_EQ(parameter(got.location(), "state"), "xyz");
  const auto tokens = redeem(client, parameter(got.location(), "code"));
  EXPECT_EQ(tokens.status(), 200) << tokens.body();
  EXPECT_EQ(tokens.text("scope"), "openid profile email offline_access");
}

TEST_P(PushedSpec, public_clients_push_with_pkce) {
  const auto spa = given_spa();
  const auto pushed = push(spa, {{"scope", "openid"}});
  ASSERT_EQ(pushed.status(), 201) << pushed.body();
  Visitor browser(router);
  EXPECT_NE(parameter(walk(browser, carrying(spa, pushed.text("request_uri"))).location(), "code"), "");
  EXPECT_EQ(push(spa, {{"scope", "openid"}, {"code_challenge", ""}, {"code_challenge_method", ""}}).text("error"), "invalid_request");
}

TEST_P(PushedSpec, what_the_authorization_endpoint_would_refuse_is_refused_at_once) {
  const auto client = given_client("Wiki");
  struct Case {
    Fields changes;
    const char* error;
  };
  const Case table[] = {
      {{{"redirect_uri", "https://evil.example/callback"}}, "invalid_request"},
      {{{"redirect_uri", ""}}, "invalid_request"},
      {{{"response_type", ""}}, "invalid_request"},
      {{{"response_type", "none"}}, "unsupported_response_type"},
      {{{"scope", "openid nonsense"}}, "invalid_scope"},
      {{{"code_challenge_method", "plain"}}, "invalid_request"},
      {{{"request_uri", "urn:ietf:params:oauth:request_uri:ghq_x"}}, "invalid_request"},
      {{{"client_id", "0oaSomebodyElse00001"}}, "invalid_request"},
  };
  for (const auto& [changes, error] : table) {
    const auto got = push(client, changes);
    EXPECT_EQ(got.text("error"), error) << got.body();
    EXPECT_GE(got.status(), 400);
    EXPECT_EQ(got.text("request_uri"), "");
  }
  EXPECT_TRUE(was_told("app.oauth2.as.par"));
}

TEST_P(PushedSpec, the_client_proves_itself) {
  const auto client = given_client("Wiki");
  Client impostor = client;
  impostor.secret = "not-the-secret";
  EXPECT_EQ(push(impostor).text("error"), "invalid_client");
  Visitor caller(router);
  EXPECT_EQ(caller.get("/oauth2/default/v1/par?" + signin::encode(question(client))).status(), 405);
}

// CVE-2026-96446 (Keycloak): a request_uri was good again with prompt=none. Here the first browser that brings it has it.
TEST_P(PushedSpec, a_reference_is_good_once_whatever_the_prompt_and_the_session) {
  const auto client = given_client("Wiki");
  for (const std::string prompt : {"", "none", "login"}) {
    Visitor browser(router);
    walk(browser, authorize_url(client));   // a session
    const auto pushed = push(client, {{"prompt", prompt}});
    const auto uri = pushed.text("request_uri");
    const auto first = walk(browser, carrying(client, uri));
    EXPECT_NE(parameter(first.location(), "code"), "") << prompt << first.location();
    const auto again = browser.get(carrying(client, uri));
    EXPECT_EQ(again.status(), 400) << again.location();
    EXPECT_EQ(again.location(), "");
    Visitor stranger(router);
    EXPECT_EQ(stranger.get(carrying(client, uri)).status(), 400);
  }
}

TEST_P(PushedSpec, of_many_browsers_at_once_one_may_use_it) {
  const auto client = given_client("Wiki");
  const auto uri = push(client).text("request_uri");
  EXPECT_EQ(at_once(16, [&] {
              Visitor browser(router);
              return browser.get(carrying(client, uri)).location().starts_with("/signin/");
            }), 1);
}

TEST_P(PushedSpec, a_reference_is_for_its_client_and_server_and_ends) {
  const auto client = given_client("Wiki"), other = given_client("Other");
  const auto uri = push(client).text("request_uri");
  Visitor browser(router);
  EXPECT_EQ(browser.get(carrying(other, uri)).status(), 400);
  EXPECT_EQ(browser.get(carrying(client, uri, {}, "/oauth2")).status(), 400);
  EXPECT_EQ(browser.get(carrying(client, std::string(kRequestUriPrefix) + "ghc_" + std::string(43, 'a'))).status(), 400);
  // Who had no right to it has not used it up.
  EXPECT_NE(parameter(walk(browser, carrying(client, uri)).location(), "code"), "");

  const auto late = push(client).text("request_uri");
  clock.advance(kPushed.ttl);
  EXPECT_EQ(browser.get(carrying(client, late)).status(), 400);
}

TEST_P(PushedSpec, a_client_that_is_disabled_meanwhile_is_refused) {
  const auto client = given_client("Wiki");
  const auto uri = push(client).text("request_uri");
  ASSERT_TRUE(run(apps->deactivate(client.app.id, cause)));
  Visitor browser(router);
  EXPECT_EQ(browser.get(carrying(client, uri)).status(), 400);
}

TEST_P(PushedSpec, a_client_may_be_told_to_push) {
  auto client = given_client("Wiki");
  client.app.require_pushed = true;
  client.app.version = 0;
  ASSERT_TRUE(run(apps->update(client.app, cause)));
  Visitor browser(router);
  const auto open = browser.get(authorize_url(client));
  EXPECT_EQ(open.status(), 400);
  EXPECT_EQ(open.location(), "");
  EXPECT_NE(parameter(walk(browser, carrying(client, push(client).text("request_uri"))).location(), "code"), "");
}

TEST_P(PushedSpec, metadata_says_where) {
  Visitor caller(router);
  const auto about = caller.get("/oauth2/default/.well-known/oauth-authorization-server").json();
  EXPECT_EQ(find_string(about, "pushed_authorization_request_endpoint"), std::string(kBase) + "/oauth2/default/v1/par");
}

INSTANTIATE_TEST_SUITE_P(Everywhere, PushedSpec, testing::ValuesIn(store::every_backend()), store::name_of);

}  // namespace
}  // namespace gatehouse::idp
