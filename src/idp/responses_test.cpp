// What comes back from the authorization endpoint: response types, response modes, and who must never see them.
#include "crypto/hash.h"
#include "idp/response_mode.h"
#include "idp/servers_test.h"

namespace gatehouse::idp {
namespace {

std::string half_hash(const std::string& text) { return base64url_encode(crypto::sha256(text).substr(0, 16)); }

TEST(ResponseTypes, are_words_in_any_order_each_once) {
  const auto all = ResponseType::parse("token id_token code").value();
  EXPECT_TRUE(all.code && all.token && all.id_token);
  const auto only = ResponseType::parse("id_token").value();
  EXPECT_TRUE(only.id_token && !only.code && !only.token);
  for (const char* bad : {"", " ", "none", "code code", "code none", "Code", "code,token", "token id_token token", "id_tokens"})
    EXPECT_FALSE(ResponseType::parse(bad)) << bad;
}

class ResponsesSpec : public ServersTest {
 protected:
  Client given_hybrid(directory::ClientAuth auth = directory::ClientAuth::secret_basic) {
    auto client = given_client("Hybrid", auth, auth == directory::ClientAuth::none ? directory::AppKind::spa : directory::AppKind::web);
    client.app.grant_types.push_back("implicit");
    EXPECT_TRUE(run(apps->update(client.app, cause)));
    client.app.version = 0;   // a test that changes it again means what is there then
    return client;
  }
};
INSTANTIATE_TEST_SUITE_P(Everywhere, ResponsesSpec, testing::ValuesIn(store::every_backend()), store::name_of);

TEST_P(ResponsesSpec, each_type_gives_what_it_names_and_nothing_else) {
  const auto client = given_hybrid();
  for (const char* type : {"id_token", "token", "id_token token", "token id_token", "code id_token", "code token", "code id_token token", "token code id_token"}) {
    const auto asked = ResponseType::parse(type).value();
    Visitor browser(router);
    const auto got = walk(browser, authorize_url(client, {{"response_type", type}})).location();
    ASSERT_TRUE(got.starts_with(std::string(kCallback) + "#")) << type << got;
    const auto code = parameter(got, "code"), access = parameter(got, "access_token"), id = parameter(got, "id_token");
    EXPECT_EQ(!code.empty(), asked.code) << type;
    EXPECT_EQ(!access.empty(), asked.token) << type;
    EXPECT_EQ(!id.empty(), asked.id_token) << type;
    EXPECT_EQ(parameter(got, "refresh_token"), "");
    EXPECT_EQ(parameter(got, "state"), "xyz");
    EXPECT_EQ(parameter(got, "iss"), std::string(kBase) + "/oauth2/default");
    EXPECT_EQ(parameter(got, "token_type"), asked.token ? "Bearer" : "");
    EXPECT_EQ(parameter(got, "expires_in"), asked.token ? "3600" : "");
    EXPECT_EQ(parameter(got, "scope"), asked.token ? "openid profile email" : "");
    if (asked.id_token) {
      const auto said = claims(id);
      EXPECT_EQ(find_string(said, "nonce"), "n-0S6");
      EXPECT_EQ(find_string(said, "at_hash"), asked.token ? std::optional(half_hash(access)) : std::nullopt) << type;
      EXPECT_EQ(find_string(said, "c_hash"), asked.code ? std::optional(half_hash(code)) : std::nullopt) << type;
    }
    if (asked.token) EXPECT_EQ(userinfo(access).status(), 200);
    if (asked.code) {
      const auto tokens = redeem(client, code);
      EXPECT_EQ(tokens.status(), 200) << tokens.body();
      EXPECT_TRUE(tokens.text("refresh_token").starts_with("ghr_"));
      EXPECT_EQ(find_string(claims(tokens.text("id_token")), "nonce"), "n-0S6");
    }
  }
  EXPECT_TRUE(was_told("app.oauth2.as.authorize.implicit.access_token"));
  EXPECT_TRUE(was_told("app.oauth2.as.authorize.implicit.id_token"));
}

TEST_P(ResponsesSpec, an_id_token_that_stands_alone_tells_what_its_scopes_open) {
  const auto client = given_hybrid();
  Visitor browser(router);
  const auto alone = claims(parameter(walk(browser, authorize_url(client, {{"response_type", "id_token"}})).location(), "id_token"));
  EXPECT_TRUE(find_string(alone, "given_name"));
  EXPECT_TRUE(find_bool(alone, "email_verified"));
  const auto beside = claims(parameter(browser.get(authorize_url(client, {{"response_type", "id_token token"}})).location(), "id_token"));
  EXPECT_FALSE(find_string(beside, "given_name"));
  EXPECT_TRUE(find_string(beside, "email"));
}

TEST_P(ResponsesSpec, tokens_never_travel_in_a_query) {
  const auto client = given_hybrid();
  Visitor browser(router);
  (void)walk(browser, authorize_url(client));
  for (const char* type : {"token", "id_token", "code token", "code id_token token"}) {
    const auto got = browser.get(authorize_url(client, {{"response_type", type}, {"response_mode", "query"}})).location();
    EXPECT_TRUE(got.starts_with(std::string(kCallback) + "#error=invalid_request")) << got;
    EXPECT_EQ(parameter(got, "state"), "xyz");
    const auto page = browser.get(authorize_url(client, {{"response_type", type}, {"response_mode", "form_post"}}));
    EXPECT_TRUE(page.body().contains("method=\"post\" action=\"" + std::string(kCallback) + "\"")) << page.body();
  }
}

TEST_P(ResponsesSpec, what_is_missing_is_said_in_the_fragment) {
  const auto client = given_hybrid();
  const auto spa = given_hybrid(directory::ClientAuth::none);
  Visitor browser(router);
  (void)walk(browser, authorize_url(client));
  const std::tuple<const Client*, Fields, const char*> table[] = {
      {&client, {{"response_type", "id_token"}, {"nonce", ""}}, "invalid_request"},
      {&client, {{"response_type", "code id_token"}, {"nonce", ""}}, "invalid_request"},
      {&client, {{"response_type", "id_token"}, {"scope", "profile"}}, "invalid_scope"},
      {&client, {{"response_type", "code id_token"}, {"scope", "profile"}}, "invalid_scope"},
      {&client, {{"response_type", "token"}, {"scope", "offline_access"}}, "invalid_scope"},
      {&client, {{"response_type", "code token"}, {"scope", "offline_access"}}, "invalid_scope"},
      {&spa, {{"response_type", "code token"}, {"code_challenge", ""}, {"code_challenge_method", ""}}, "invalid_request"},
      {&client, {{"response_type", "token"}, {"state", ""}}, "invalid_request"},
  };
  for (const auto& [who, changes, code] : table) {
    const auto got = browser.get(authorize_url(*who, changes)).location();
    EXPECT_TRUE(got.starts_with(std::string(kCallback) + "#error=" + code)) << got;
    EXPECT_EQ(parameter(got, "access_token") + parameter(got, "id_token") + parameter(got, "code"), "");
  }
  // Where no code comes there is nothing that PKCE would protect; without an ID token no nonce is needed.
  const Fields bare{{"response_type", "token"}, {"nonce", ""}, {"code_challenge", ""}, {"code_challenge_method", ""}};
  EXPECT_NE(parameter(browser.get(authorize_url(spa, bare)).location(), "access_token"), "");
}

TEST_P(ResponsesSpec, only_those_who_are_registered_for_it_get_tokens_from_the_browser) {
  auto client = given_client("Code only");
  Visitor browser(router);
  (void)walk(browser, authorize_url(client));
  for (const char* type : {"token", "id_token", "code id_token", "code token"})
    EXPECT_EQ(parameter(browser.get(authorize_url(client, {{"response_type", type}})).location(), "error"), "unauthorized_client") << type;
  client.app.grant_types = {"implicit"};
  ASSERT_TRUE(run(apps->update(client.app, cause)));
  for (const char* type : {"code", "code token"})
    EXPECT_EQ(parameter(browser.get(authorize_url(client, {{"response_type", type}})).location(), "error"), "unauthorized_client") << type;
  EXPECT_NE(parameter(browser.get(authorize_url(client, {{"response_type", "token"}})).location(), "access_token"), "");
  client.app.certificate_bound = true;
  client.app.version = 0;
  ASSERT_TRUE(run(apps->update(client.app, cause)));
  EXPECT_EQ(parameter(browser.get(authorize_url(client, {{"response_type", "token"}})).location(), "error"), "unauthorized_client");
  EXPECT_NE(parameter(browser.get(authorize_url(client, {{"response_type", "id_token"}})).location(), "id_token"), "");
}

TEST_P(ResponsesSpec, the_policy_is_asked_for_the_implicit_grant) {
  const auto client = given_hybrid();
  const auto open = given_open_server();
  const auto server = at_server(open);   // its rule allows codes, and no more
  Visitor browser(router);
  EXPECT_NE(parameter(walk(browser, authorize_url(client, {}, server)).location(), "code"), "");
  for (const char* type : {"token", "code id_token"}) {
    const auto got = browser.get(authorize_url(client, {{"response_type", type}}, server)).location();
    EXPECT_EQ(parameter(got, "error"), "access_denied") << type;
    EXPECT_EQ(parameter(got, "code"), "");
  }
  auto rule = open_rule;
  rule.grant_types = {"implicit"};
  edited(open.id, [&](const Server& now) { return change_rule(at(), now, open_policy.id, rule); });
  EXPECT_EQ(parameter(browser.get(authorize_url(client, {}, server)).location(), "error"), "access_denied");
  EXPECT_EQ(parameter(browser.get(authorize_url(client, {{"response_type", "code token"}}, server)).location(), "error"), "access_denied");
  EXPECT_NE(parameter(browser.get(authorize_url(client, {{"response_type", "token"}}, server)).location(), "access_token"), "");
}

TEST_P(ResponsesSpec, revocation_and_introspection_reach_tokens_of_the_browser) {
  const auto client = given_hybrid();
  Visitor browser(router);
  const auto access = parameter(walk(browser, authorize_url(client, {{"response_type", "token"}})).location(), "access_token");
  EXPECT_TRUE(is_active(client, access));
  ASSERT_EQ(call(client, "/oauth2/default/v1/revoke", {{"token", access}}).status(), 200);
  EXPECT_FALSE(is_active(client, access));
  EXPECT_EQ(userinfo(access).status(), 401);
  const auto more = parameter(browser.get(authorize_url(client, {{"response_type", "token"}})).location(), "access_token");
  EXPECT_EQ(userinfo(more).status(), 200);
  ASSERT_TRUE(run(users->suspend(ada->id, cause)));
  EXPECT_EQ(userinfo(more).status(), 401);
}

TEST_P(ResponsesSpec, a_transaction_gives_tokens_once) {
  const auto client = given_hybrid();
  Visitor browser(router);
  const auto at = browser.get(authorize_url(client, {{"response_type", "id_token token"}})).location();
  const auto back = sign_in(browser, at, "ada@example.com").location();
  const auto jar = browser.cookies;
  EXPECT_EQ(at_once(16, [&] {
              Visitor tab(router);
              tab.cookies = jar;
              return tab.get(back).location().contains("access_token=");
            }), 1);
}

TEST(ResponseModes, fall_back_to_what_is_safe) {
  using By = ResponseMode::By;
  const ResponseType code{.code = true}, token{.token = true};
  const char* const web = "https://app.example.com/cb";
  EXPECT_EQ(ResponseMode::parse("", code, web)->by, By::query);
  EXPECT_EQ(ResponseMode::parse("", token, web)->by, By::fragment);
  EXPECT_EQ(ResponseMode::parse("jwt", token, web)->by, By::fragment);
  EXPECT_TRUE(ResponseMode::parse("jwt", code, web)->jwt);
  EXPECT_FALSE(ResponseMode::parse("okta_post_message", code, "com.example.app:/cb"));
  for (const char* bad : {"Query", "query fragment", "web_message", "okta_post_message.jwt", ".jwt", "none"}) {
    EXPECT_FALSE(ResponseMode::parse(bad, code, web)) << bad;
    EXPECT_EQ(ResponseMode::for_errors(bad, token, web).by, By::fragment) << bad;
    EXPECT_FALSE(ResponseMode::for_errors(bad, token, web).jwt) << bad;
  }
  EXPECT_FALSE(ResponseMode::parse("query.jwt", token, web));
  EXPECT_EQ(ResponseMode::for_errors("query.jwt", token, web).by, By::fragment);
  EXPECT_TRUE(ResponseMode::for_errors("query.jwt", token, web).jwt);
}

// What the page would send, read back from its attributes.
json::value message_of(const Got& page) {
  auto text = std::string(page.body());
  const auto at = text.find("data-values=\"");
  if (at == std::string::npos) return nullptr;
  text = text.substr(at + 13);
  text = text.substr(0, text.find('"'));
  const std::pair<std::string_view, std::string_view> marks[] = {{"&quot;", "\""}, {"&lt;", "<"}, {"&gt;", ">"}, {"&#39;", "'"}, {"&amp;", "&"}};
  for (const auto& [mark, sign] : marks)
    for (auto found = text.find(mark); found != std::string::npos; found = text.find(mark, found + 1)) text.replace(found, mark.size(), sign);
  return parse_json(text).value();
}

TEST_P(ResponsesSpec, a_message_goes_to_the_origin_of_the_registered_address_and_nobody_else_frames_it) {
  const auto client = given_hybrid();
  Visitor browser(router);
  const auto asked = authorize_url(client, {{"response_type", "code id_token token"}, {"response_mode", "okta_post_message"}});
  const auto page = walk(browser, asked);
  ASSERT_EQ(page.status(), 200);
  EXPECT_EQ(page.location(), "");
  EXPECT_TRUE(page.body().contains("data-origin=\"https://app.example.com\""));
  const auto policy = page.header("Content-Security-Policy");
  EXPECT_TRUE(policy.contains("; frame-ancestors https://app.example.com;")) << policy;
  EXPECT_TRUE(policy.contains("default-src 'none'; ")) << policy;
  EXPECT_EQ(page.header("X-Frame-Options"), "");
  EXPECT_EQ(page.header("Cache-Control"), "no-store");
  const auto message = message_of(page);
  for (const char* name : {"code", "id_token", "access_token", "state", "iss", "expires_in", "token_type"}) EXPECT_TRUE(find_string(message, name)) << name;
  // Nothing else may be framed: not the form, not the sign-in, not a page that says what is wrong.
  Visitor nobody(router);
  const Got others[] = {browser.get(authorize_url(client, {{"response_mode", "form_post"}})), nobody.get(nobody.get(asked).location()),
                        nobody.get(authorize_url(client, {{"response_mode", "okta_post_message"}, {"redirect_uri", "https://evil.com"}}))};
  for (const auto& other : others) {
    EXPECT_TRUE(other.header("Content-Security-Policy").contains("frame-ancestors 'none'"));
    EXPECT_EQ(other.header("X-Frame-Options"), "DENY");
  }
}

TEST_P(ResponsesSpec, a_frame_without_a_session_hears_login_required) {
  const auto client = given_hybrid();
  Visitor browser(router);
  const Fields mode{{"response_mode", "okta_post_message"}};
  const auto quiet = browser.get(authorize_url(client, {{"response_mode", "okta_post_message"}, {"prompt", "none"}}));
  EXPECT_EQ(find_string(message_of(quiet), "error"), "login_required");
  EXPECT_EQ(find_string(message_of(quiet), "state"), "xyz");
  const auto framed = browser.get(authorize_url(client, mode), {{"Sec-Fetch-Dest", "iframe"}});
  EXPECT_EQ(find_string(message_of(framed), "error"), "login_required");
  EXPECT_TRUE(browser.get(authorize_url(client, mode), {{"Sec-Fetch-Dest", "document"}}).location().starts_with("/signin/"));
}

// CVE-2020-10776, CVE-2023-6717: what a client sends came back as script of the identity provider's own pages.
TEST_P(ResponsesSpec, nothing_that_a_client_sends_becomes_script) {
  auto client = given_hybrid();
  client.app.label = "</main><script>alert(3)</script>";
  ASSERT_TRUE(run(apps->update(client.app, cause)));
  Visitor browser(router);
  (void)walk(browser, authorize_url(client));
  std::string scripts;
  for (const std::string state : {"</script><script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "' onfocus='alert(1)", "<!--<script>", "\u2028alert(1)\u2029", "\\\"};alert(1)//", "&quot;&#34;",
                                  "{\"x\":1}"}) {
    for (const char* mode : {"form_post", "okta_post_message", "form_post.jwt"}) {
      for (const char* prompt : {"", "sometimes"}) {   // an answer, and an error
        const auto page = browser.get(authorize_url(client, {{"response_mode", mode}, {"state", state}, {"prompt", prompt}}));
        ASSERT_EQ(page.status(), 200);
        const std::string body(page.body());
        const auto first = body.find("<script>");
        EXPECT_EQ(body.find("<script>", first + 1), std::string::npos) << mode << state;
        EXPECT_FALSE(body.contains("<img") || body.contains("<!--")) << mode << state;
        EXPECT_TRUE(page.header("Content-Security-Policy").contains("; script-src 'sha256-"));
        if (std::string(mode) == "okta_post_message") {
          EXPECT_EQ(find_string(message_of(page), "state"), state);
          const auto script = body.substr(first, body.find("</script>") - first);
          if (scripts.empty()) scripts = script;
          EXPECT_EQ(script, scripts);   // one literal, for everybody
        }
      }
    }
    // In an address nothing of it stands as it came.
    for (const char* mode : {"query", "fragment"}) {
      const auto got = browser.get(authorize_url(client, {{"response_mode", mode}, {"state", state}})).location();
      EXPECT_EQ(parameter(got, "state"), state);
      EXPECT_EQ(got.find_first_of("<>\"' \r\n"), std::string::npos) << got;
    }
  }
}

TEST_P(ResponsesSpec, no_type_and_no_mode_leads_to_an_address_that_is_not_registered) {
  const auto client = given_hybrid();
  Visitor browser(router);
  (void)walk(browser, authorize_url(client));
  for (const char* type : {"code", "token", "code id_token token", "nonsense", ""})
    for (const char* mode : {"", "query", "fragment", "form_post", "okta_post_message", "jwt", "query.jwt", "fragment.jwt", "form_post.jwt", "nonsense"})
      for (const char* evil : {"https://evil.com/callback", "https://app.example.com.evil.com/callback", "https://app.example.com/callback/", "javascript:alert(1)", ""}) {
        const auto got = browser.get(authorize_url(client, {{"response_type", type}, {"response_mode", mode}, {"redirect_uri", evil}}));
        EXPECT_EQ(got.status(), 400) << type << mode << evil;
        EXPECT_EQ(got.location(), "");
        const std::string body(got.body());
        EXPECT_FALSE(body.contains("<script") || body.contains("<form") || body.contains("data-values") || body.contains("evil.com")) << body;
      }
}

TEST_P(ResponsesSpec, a_signed_answer_is_for_one_client_and_short) {
  const auto client = given_hybrid();
  Visitor browser(router);
  const auto payload = [&](const std::string& token) {
    const auto keys = run(provider->keys().public_keys("")).value();
    constexpr std::array algs{jose::Alg::ES256};
    jose::Expect expect;
    expect.issuer = std::string(kBase) + "/oauth2/default";
    expect.audiences = {client.app.client_id};
    expect.now = clock.now();
    expect.subject = jose::Expect::Subject::optional;
    const auto jwt = jose::verify_jwt(token, *keys, algs, expect);
    EXPECT_TRUE(jwt) << (jwt ? "" : jwt.error().message());
    return jwt ? jwt->claims.object() : json::object();
  };
  const std::tuple<const char*, const char*, std::string> table[] = {
      {"code", "jwt", "?"}, {"code", "query.jwt", "?"}, {"code", "fragment.jwt", "#"}, {"token", "jwt", "#"}, {"code id_token", "fragment.jwt", "#"}};
  for (const auto& [type, mode, sign] : table) {
    const auto got = walk(browser, authorize_url(client, {{"response_type", type}, {"response_mode", mode}})).location();
    ASSERT_TRUE(got.starts_with(kCallback + sign + "response=")) << got;
    EXPECT_EQ(parameter(got, "state") + parameter(got, "code") + parameter(got, "iss"), "");   // all of it is inside
    const auto said = payload(parameter(got, "response"));
    EXPECT_EQ(find_string(said, "state"), "xyz");
    EXPECT_TRUE(find_string(said, "code") || find_string(said, "access_token"));
    EXPECT_LE(find_int(said, "exp").value(), to_seconds(clock.now()) + 600);
    // It is no token of ours.
    EXPECT_EQ(userinfo(parameter(got, "response")).status(), 401);
    EXPECT_EQ(parameter(browser.get(authorize_url(client, {{"id_token_hint", parameter(got, "response")}})).location(), "error"), "invalid_request");
  }
  const auto page = browser.get(authorize_url(client, {{"response_mode", "form_post.jwt"}}));
  EXPECT_TRUE(page.body().contains("name=\"response\" value=\"eyJ"));
  EXPECT_FALSE(page.body().contains("name=\"code\""));
  const auto refused = browser.get(authorize_url(client, {{"response_mode", "jwt"}, {"scope", "nonsense"}})).location();
  EXPECT_EQ(find_string(payload(parameter(refused, "response")), "error"), "invalid_scope");
  const auto unusable = browser.get(authorize_url(client, {{"response_type", "token"}, {"response_mode", "query.jwt"}})).location();
  EXPECT_TRUE(unusable.starts_with(std::string(kCallback) + "#response="));
  EXPECT_EQ(find_string(payload(parameter(unusable, "response")), "error"), "invalid_request");
}

TEST_P(ResponsesSpec, metadata_says_what_there_is) {
  Visitor browser(router);
  const auto about = browser.get("/oauth2/default/.well-known/openid-configuration").json();
  EXPECT_EQ(find_strings(about, "response_types_supported"),
            (std::vector<std::string>{"code", "id_token", "token", "id_token token", "code id_token", "code token", "code id_token token"}));
  EXPECT_EQ(find_strings(about, "response_modes_supported"),
            (std::vector<std::string>{"query", "fragment", "form_post", "okta_post_message", "jwt", "query.jwt", "fragment.jwt", "form_post.jwt"}));
  EXPECT_EQ(find_strings(about, "authorization_signing_alg_values_supported"), std::vector<std::string>{"ES256"});
  const auto grants = find_strings(about, "grant_types_supported");
  EXPECT_EQ(std::ranges::count(grants, "implicit"), 1);
}

}  // namespace
}  // namespace gatehouse::idp
