#include "idp/idp_test.h"
#include "signin/browser.h"

namespace gatehouse::idp {
namespace {

class AuthorizeSpec : public IdpTest {};
INSTANTIATE_TEST_SUITE_P(Everywhere, AuthorizeSpec, testing::ValuesIn(store::every_backend()), store::name_of);

TEST_P(AuthorizeSpec, a_person_signs_in_and_the_client_gets_a_code) {
  const auto client = given_client("Wiki");
  Visitor browser(router);
  const auto got = walk(browser, authorize_url(client));
  EXPECT_EQ(got.status(), 302);
  EXPECT_TRUE(got.location().starts_with(std::string(kCallback) + "?code=ghc_")) << got.location();
  EXPECT_EQ(parameter(got.location(), "state"), "xyz");
  EXPECT_TRUE(was_told("app.oauth2.as.authorize.code"));
  // The second time nobody is asked.
  EXPECT_TRUE(browser.get(authorize_url(client)).location().starts_with(kCallback));
  // What is left in the browser is the session alone.
  EXPECT_EQ(browser.cookies.size(), 1U);
}

TEST_P(AuthorizeSpec, the_sign_in_page_may_send_the_browser_on_to_the_client) {
  const auto client = given_client("Wiki");
  Visitor browser(router);
  const auto page = browser.get(browser.get(authorize_url(client)).location());
  EXPECT_TRUE(page.header("Content-Security-Policy").ends_with("form-action 'self' https://app.example.com"));
  EXPECT_TRUE(page.body().contains("Wiki"));
}

TEST_P(AuthorizeSpec, nothing_goes_to_an_address_that_is_not_registered) {
  const auto client = given_client("Wiki");
  Visitor browser(router);
  for (const char* evil : {"https://evil.com/callback", "https://app.example.com/callback/", "https://app.example.com/callback?x", "https://app.example.com:8443/callback",
                           "https://app.example.com@evil.com/callback", "https://app.example.com/callback#x", "javascript:alert(1)", "//evil.com",
                           "HTTPS://app.example.com/callback", "https://app.example.com/%63allback", ""}) {
    const auto got = browser.get(authorize_url(client, {{"redirect_uri", evil}}));
    EXPECT_EQ(got.status(), 400) << evil;
    EXPECT_EQ(got.location(), "") << evil;
    EXPECT_FALSE(got.body().contains("<script")) << evil;
  }
  EXPECT_EQ(browser.get(authorize_url(client, {{"client_id", "nobody"}})).location(), "");
  EXPECT_TRUE(was_told("app.oauth2.as.authorize"));
}

TEST_P(AuthorizeSpec, a_native_app_may_choose_its_port) {
  auto client = given_client("CLI", directory::ClientAuth::none, directory::AppKind::native);
  client.app.redirect_uris = {"http://127.0.0.1/cb"};
  ASSERT_TRUE(run(apps->update(client.app, cause)));
  Visitor browser(router);
  EXPECT_TRUE(walk(browser, authorize_url(client, {{"redirect_uri", "http://127.0.0.1:53112/cb"}})).location().starts_with("http://127.0.0.1:53112/cb?code="));
  EXPECT_EQ(browser.get(authorize_url(client, {{"redirect_uri", "http://127.0.0.1:80@evil.com/cb"}})).status(), 400);
}

TEST_P(AuthorizeSpec, what_is_wrong_with_a_request_goes_to_the_client) {
  const auto client = given_client("Wiki");
  Visitor browser(router);
  const std::tuple<Fields, const char*> table[] = {
      {{{"state", ""}}, "invalid_request"},
      {{{"scope", ""}}, "invalid_scope"},
      {{{"scope", "openid nonsense"}}, "invalid_scope"},
      {{{"scope", "openid okta.users.read"}}, "invalid_scope"},
      {{{"response_type", "none"}}, "unsupported_response_type"},
      {{{"response_type", "code code"}}, "unsupported_response_type"},
      {{{"response_type", ""}}, "invalid_request"},
      {{{"response_mode", "web_message"}}, "invalid_request"},
      {{{"code_challenge", ""}}, "invalid_request"},
      {{{"code_challenge", ""}, {"code_challenge_method", ""}}, "invalid_request"},
      {{{"code_challenge_method", "plain"}}, "invalid_request"},
      {{{"code_challenge_method", ""}}, "invalid_request"},
      {{{"prompt", "none"}}, "login_required"},
      {{{"prompt", "none login"}}, "invalid_request"},
      {{{"prompt", "sometimes"}}, "invalid_request"},
      {{{"max_age", "-1"}}, "invalid_request"},
      {{{"request", "eyJ"}}, "request_not_supported"},
      {{{"request_uri", "https://a.example/r"}}, "request_uri_not_supported"},
  };
  for (const auto& [changes, code] : table) {
    const auto got = browser.get(authorize_url(client, changes));
    EXPECT_TRUE(got.location().starts_with(std::string(kCallback) + "?error=")) << code << got.location();
    EXPECT_EQ(parameter(got.location(), "error"), code);
    EXPECT_NE(parameter(got.location(), "error_description"), "");
    EXPECT_EQ(parameter(got.location(), "code"), "");
    EXPECT_EQ(parameter(got.location(), "iss"), std::string(kBase) + "/oauth2/default");
  }
}

// RFC 9207: a client of several servers must see which one answered, or one of them can have it send codes of another (mix-up).
TEST_P(AuthorizeSpec, every_answer_names_the_server_that_gave_it) {
  const auto client = given_client("Wiki");
  for (const std::string server : {"/oauth2", "/oauth2/default"}) {
    Visitor browser(router);
    const auto about = browser.get((server == "/oauth2" ? "" : server) + "/.well-known/openid-configuration").json();
    EXPECT_EQ(find_bool(about, "authorization_response_iss_parameter_supported"), true);
    const auto got = walk(browser, authorize_url(client, {}, server));
    EXPECT_NE(parameter(got.location(), "code"), "");
    EXPECT_EQ(parameter(got.location(), "iss"), find_string(about, "issuer"));
    const auto page = browser.get(authorize_url(client, {{"response_mode", "form_post"}}, server));
    EXPECT_TRUE(page.body().contains("name=\"iss\" value=\"" + find_string(about, "issuer").value() + "\"")) << page.body();
  }
}

TEST_P(AuthorizeSpec, a_parameter_sent_twice_is_refused_on_a_page) {
  const auto client = given_client("Wiki");
  Visitor browser(router);
  const auto got = browser.get(authorize_url(client) + "&redirect_uri=https%3A%2F%2Fevil.com");
  EXPECT_EQ(got.status(), 400);
  EXPECT_EQ(got.location(), "");
}

TEST_P(AuthorizeSpec, prompt_and_max_age_decide_whether_a_session_is_enough) {
  const auto client = given_client("Wiki");
  Visitor browser(router);
  (void)walk(browser, authorize_url(client));
  const auto first = browser.cookies["sid"];
  EXPECT_NE(parameter(browser.get(authorize_url(client, {{"prompt", "none"}})).location(), "code"), "");
  clock.advance(Seconds(100));
  EXPECT_NE(parameter(browser.get(authorize_url(client, {{"max_age", "100"}})).location(), "code"), "");
  clock.advance(Seconds(1));
  EXPECT_TRUE(browser.get(authorize_url(client, {{"max_age", "100"}})).location().starts_with("/signin/"));
  EXPECT_EQ(parameter(browser.get(authorize_url(client, {{"max_age", "100"}, {"prompt", "none"}})).location(), "error"), "login_required");
  const auto got = walk(browser, authorize_url(client, {{"prompt", "login"}}));
  EXPECT_NE(parameter(got.location(), "code"), "");
  EXPECT_NE(browser.cookies["sid"], first);
  const auto tokens = redeem(client, parameter(got.location(), "code"));
  EXPECT_EQ(find_int(claims(tokens.text("id_token")), "auth_time"), to_seconds(clock.now()));
}

TEST_P(AuthorizeSpec, answers_come_as_the_client_wants_them) {
  const auto client = given_client("Wiki");
  Visitor browser(router);
  EXPECT_TRUE(walk(browser, authorize_url(client, {{"response_mode", "fragment"}})).location().starts_with(std::string(kCallback) + "#code="));
  const auto page = browser.get(authorize_url(client, {{"response_mode", "form_post"}, {"state", "\"><script>"}}));
  EXPECT_EQ(page.status(), 200);
  EXPECT_TRUE(page.body().contains("action=\"https://app.example.com/callback\""));
  EXPECT_TRUE(page.body().contains("name=\"code\" value=\"ghc_"));
  EXPECT_FALSE(page.body().contains("\"><script>"));
  EXPECT_TRUE(page.header("Content-Security-Policy").contains("; script-src 'sha256-"));
  EXPECT_FALSE(page.header("Content-Security-Policy").contains("form-action"));   // the client may lead on to anywhere
}

TEST_P(AuthorizeSpec, a_post_becomes_a_get_so_that_the_session_cookie_comes_along) {
  const auto client = given_client("Wiki");
  Visitor browser(router);
  const auto got = browser.post("/oauth2/default/v1/authorize", question(client), {{"Origin", "https://app.example.com"}});
  EXPECT_EQ(got.status(), 303);
  EXPECT_TRUE(walk(browser, got.location()).location().starts_with(kCallback));
}

TEST_P(AuthorizeSpec, another_host_name_is_no_issuer) {
  const auto client = given_client("Wiki");
  Visitor browser(router, "evil.example:8080");
  EXPECT_EQ(browser.get(authorize_url(client)).status(), 404);
  EXPECT_EQ(browser.get("/.well-known/openid-configuration").status(), 404);
}

TEST_P(AuthorizeSpec, the_transaction_of_one_browser_is_not_finished_in_another) {
  const auto client = given_client("Wiki");
  given_user("eve@example.com");
  Visitor eve(router), victim(router);
  // Eve signs in as herself and hands the way back to the victim (login CSRF), or lets the victim sign in for her.
  const auto at = eve.get(authorize_url(client)).location();
  const auto back = sign_in(eve, at, "eve@example.com").location();
  ASSERT_TRUE(back.starts_with("/oauth2/default/v1/authorize/ght_")) << back;
  EXPECT_EQ(victim.get(back).status(), 404);
  (void)walk(victim, authorize_url(client));
  EXPECT_EQ(victim.get(back).status(), 404);
  // With the binding cookie stolen too, the victim's own session does not fit the transaction.
  for (const auto& [name, value] : eve.cookies)
    if (name != "sid") victim.cookies[name] = value;
  EXPECT_TRUE(victim.get(back).location().starts_with("/signin/"));
}

TEST_P(AuthorizeSpec, a_transaction_gives_one_code) {
  const auto client = given_client("Wiki");
  Visitor browser(router);
  const auto at = browser.get(authorize_url(client)).location();
  const auto back = sign_in(browser, at, "ada@example.com").location();
  const auto jar = browser.cookies;
  EXPECT_EQ(at_once(16, [&] {
              Visitor tab(router);
              tab.cookies = jar;
              return tab.get(back).location().contains("?code=");
            }), 1);
}

TEST_P(AuthorizeSpec, what_is_disabled_meanwhile_gets_nothing) {
  const auto client = given_client("Wiki");
  Visitor one(router), two(router), three(router);
  const auto begin = [&](Visitor& browser) {
    const auto at = browser.get(authorize_url(client)).location();
    return sign_in(browser, at, "ada@example.com").location();
  };
  const auto first = begin(one), second = begin(two), third = begin(three);
  ASSERT_TRUE(run(apps->unassign_group(client.app.id, directory::GroupId::parse(everyone).value(), cause)));
  EXPECT_EQ(parameter(one.get(first).location(), "error"), "access_denied");
  ASSERT_TRUE(run(users->suspend(ada->id, cause)));
  EXPECT_TRUE(two.get(second).location().starts_with("/signin/"));
  ASSERT_TRUE(run(users->unsuspend(ada->id, cause)));
  ASSERT_TRUE(run(apps->deactivate(client.app.id, cause)));
  const auto got = three.get(third);
  EXPECT_EQ(got.location(), "");
  EXPECT_EQ(got.status(), 400);
}

TEST_P(AuthorizeSpec, consent_is_asked_once_and_a_no_is_a_no) {
  auto client = given_client("Partner");
  client.app.consent_required = true;
  ASSERT_TRUE(run(apps->update(client.app, cause)));
  Visitor browser(router);
  const auto at = browser.get(authorize_url(client)).location();
  const auto again = browser.get(sign_in(browser, at, "ada@example.com").location());
  EXPECT_EQ(again.location(), at);
  const auto page = browser.get(at);
  EXPECT_TRUE(page.body().contains("Partner"));
  EXPECT_TRUE(page.body().contains("Read your email address"));
  EXPECT_EQ(browser.post(at + "/consent", {{"answer", "allow"}}).status(), 403);
  EXPECT_EQ(browser.post(at + "/consent", {{"answer", "maybe"}, {"token", signin::hidden(page, "token")}}).status(), 400);
  const auto denied = browser.get(browser.post(at + "/consent", {{"answer", "deny"}, {"token", signin::hidden(page, "token")}}).location());
  EXPECT_EQ(parameter(denied.location(), "error"), "access_denied");
  EXPECT_EQ(parameter(denied.location(), "state"), "xyz");

  EXPECT_EQ(parameter(browser.get(authorize_url(client, {{"prompt", "none"}})).location(), "error"), "consent_required");
  EXPECT_NE(parameter(walk(browser, authorize_url(client)).location(), "code"), "");
  EXPECT_NE(parameter(browser.get(authorize_url(client, {{"prompt", "none"}})).location(), "code"), "");
  EXPECT_TRUE(browser.get(authorize_url(client, {{"scope", "openid phone"}})).location().starts_with("/signin/"));   // more than before
  EXPECT_TRUE(browser.get(authorize_url(client, {{"prompt", "consent"}})).location().starts_with("/signin/"));
}

TEST_P(AuthorizeSpec, a_hint_of_another_person_does_not_fit) {
  const auto client = given_client("Wiki");
  const auto hint = given_tokens(client).text("id_token");
  given_user("bob@example.com");
  Visitor browser(router);
  (void)walk(browser, authorize_url(client), "bob@example.com");
  EXPECT_EQ(parameter(browser.get(authorize_url(client, {{"prompt", "none"}, {"id_token_hint", hint}})).location(), "error"), "login_required");
  EXPECT_EQ(parameter(browser.get(authorize_url(client, {{"id_token_hint", "x.y.z"}})).location(), "error"), "invalid_request");
}

TEST_P(AuthorizeSpec, okta_scopes_are_for_administrators_of_the_org_server) {
  const auto client = given_client("Admin UI", directory::ClientAuth::secret_basic, directory::AppKind::web, {"okta.users.read"});
  const Fields asked{{"scope", "openid okta.users.read"}};
  Visitor browser(router);
  EXPECT_EQ(parameter(walk(browser, authorize_url(client, asked, "/oauth2")).location(), "error"), "access_denied");
  ASSERT_TRUE(run(admins->grant(ada->id, cause)));
  EXPECT_NE(parameter(walk(browser, authorize_url(client, asked, "/oauth2")).location(), "code"), "");
  EXPECT_EQ(parameter(walk(browser, authorize_url(client, asked, "/oauth2/default")).location(), "error"), "invalid_scope");
}

}  // namespace
}  // namespace gatehouse::idp
