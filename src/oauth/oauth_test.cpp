#include <gtest/gtest.h>

#include "core/bytes.h"
#include "oauth/error.h"
#include "oauth/params.h"
#include "oauth/pkce.h"
#include "oauth/redirect_uri.h"
#include "oauth/responses.h"
#include "oauth/scope.h"

namespace gatehouse::oauth {
namespace {

net::Form form(std::initializer_list<std::pair<std::string, std::string>> fields) {
  net::Form out;
  for (const auto& [name, value] : fields) out.add(name, value);
  return out;
}
Params params(std::initializer_list<std::pair<std::string, std::string>> fields) { return Params::of(form(fields)).value(); }

TEST(OAuthError, every_code_has_a_name_and_comes_back) {
  for (int i = 0; i <= static_cast<int>(Code::registration_not_supported); ++i) {
    const auto code = static_cast<Code>(i);
    EXPECT_EQ(code_named(name_of(code)), code);
    auto error = refusal(code, "why").error();
    EXPECT_EQ(code_of(error), code);
    EXPECT_EQ(error.fault(), fault_of(code));
  }
}

TEST(OAuthError, a_description_never_breaks_out_of_its_quotes) {
  EXPECT_EQ(refusal(Code::invalid_request, "a\"b\\c\r\nd\xC3\xA9").error().message(), "a'b'c''d''");
}

TEST(OAuthError, our_own_mistakes_are_not_told) {
  Error error(Fault::internal, "no such table: users");
  EXPECT_EQ(code_of(error), Code::server_error);
  EXPECT_EQ(description_of(error).find("users"), std::string::npos);
}

TEST(Scope, words_are_kept_in_order_and_once) {
  EXPECT_EQ(Scopes::parse("openid  profile openid").value().text(), "openid profile");
  EXPECT_TRUE(Scopes::parse("").value().empty());
  EXPECT_FALSE(Scopes::parse("open\"id"));
  EXPECT_FALSE(Scopes::parse("a\tb"));
  EXPECT_FALSE(Scopes::parse(std::string(5000, 'a')));
  EXPECT_TRUE(Scopes::parse("a").value().within(Scopes::parse("b a").value()));
  EXPECT_FALSE(Scopes::parse("a c").value().within(Scopes::parse("b a").value()));
}

TEST(Params, twice_is_once_too_often) {
  auto twice = Params::of(form({{"scope", "a"}, {"scope", "a"}}));
  ASSERT_FALSE(twice);
  EXPECT_EQ(code_of(twice.error()), Code::invalid_request);
}

TEST(Params, too_long_is_an_error_and_not_ignored) {
  EXPECT_TRUE(Params::of(form({{"x", std::string(kParamMax, 'a')}})));
  EXPECT_FALSE(Params::of(form({{"x", std::string(kParamMax + 1, 'a')}})));
}

TEST(Params, empty_is_absent) {
  auto got = params({{"nonce", ""}});
  EXPECT_FALSE(got.has("nonce"));
  EXPECT_FALSE(got.required("nonce"));
}

TEST(Credentials, table) {
  const auto basic = [](std::string_view text) { return "Basic " + base64_encode(text); };
  auto both = read_credentials(basic("id:s%2Fe+c"), params({}));
  ASSERT_TRUE(both);
  EXPECT_EQ(both->client_id, "id");
  EXPECT_EQ(both->secret.reveal(), "s/e c");
  EXPECT_EQ(both->how, Presented::secret_basic);

  auto no_colon = read_credentials(basic("id"), params({}));
  ASSERT_TRUE(no_colon);
  EXPECT_EQ(no_colon->how, Presented::id_only);

  auto post = read_credentials("", params({{"client_id", "id"}, {"client_secret", "s"}}));
  ASSERT_TRUE(post);
  EXPECT_EQ(post->how, Presented::secret_post);

  EXPECT_FALSE(read_credentials(basic("id:s"), params({{"client_secret", "s"}})));
  EXPECT_FALSE(read_credentials(basic("id:s"), params({{"client_id", "other"}})));
  EXPECT_FALSE(read_credentials("Basic %%%", params({})));
  EXPECT_EQ(read_credentials("", params({})).value().how, Presented::nothing);
}

TEST(Credentials, bearer) {
  EXPECT_EQ(bearer_token("Bearer abc.def"), "abc.def");
  EXPECT_EQ(bearer_token("bearer abc"), "abc");
  EXPECT_FALSE(bearer_token("Bearer"));
  EXPECT_FALSE(bearer_token("Bearer a b"));
  EXPECT_FALSE(bearer_token("Basic abc"));
}

TEST(Pkce, example_of_rfc_7636_appendix_b) {
  constexpr std::string_view verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
  EXPECT_EQ(challenge_of(verifier), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
  auto challenge = Challenge::parse("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "S256").value();
  EXPECT_TRUE(challenge.met_by(verifier));
  EXPECT_FALSE(challenge.met_by("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"));
  EXPECT_FALSE(challenge.met_by(""));
}

TEST(Pkce, grammar) {
  EXPECT_FALSE(is_verifier(std::string(42, 'a')));
  EXPECT_TRUE(is_verifier(std::string(43, 'a')));
  EXPECT_TRUE(is_verifier(std::string(128, '~')));
  EXPECT_FALSE(is_verifier(std::string(129, 'a')));
  EXPECT_FALSE(is_verifier(std::string(43, '+')));
  EXPECT_FALSE(Challenge::parse("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "plain"));
  EXPECT_FALSE(Challenge::parse("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", ""));
  EXPECT_FALSE(Challenge::parse("short", "S256"));
}

// CVE-2024-8883, CVE-2024-52289, CVE-2022-3782, CVE-2024-1132, CVE-2020-15233, CVE-2020-10776: nothing but the exact text.
TEST(RedirectUri, only_the_registered_text_will_do) {
  const std::vector<std::string> known{"https://app.example.com/cb", "http://127.0.0.1:9000/cb", "com.example.app:/cb"};
  EXPECT_TRUE(is_registered("https://app.example.com/cb", known, Loopback::exact));
  EXPECT_TRUE(is_registered("com.example.app:/cb", known, Loopback::exact));
  for (const char* evil :
       {"https://app.example.com/cb/", "https://app.example.com/CB", "https://APP.example.com/cb", "https://app.example.com:443/cb",
        "https://app.example.com./cb", "https://appXexample.com/cb", "https://app.example.com/cb?x=1", "https://app.example.com/cb#f",
        "https://app.example.com/cb/../cb", "https://app.example.com/%63b", "https://app.example.com@evil.com/cb",
        "https://evil.com\\@app.example.com/cb", "https://app.example.com/cb\t", " https://app.example.com/cb", "//app.example.com/cb",
        "javascript:alert(1)//https://app.example.com/cb", "https://app.example.com/cb\r\nSet-Cookie: a=b", "", "/cb",
        "http://127.0.0.1:9001/cb", "http://[::ffff:127.0.0.1]:9000/cb", "COM.example.app:/cb"})
    EXPECT_FALSE(is_registered(evil, known, Loopback::exact)) << evil;
}

TEST(RedirectUri, on_loopback_only_the_port_may_differ) {
  const std::vector<std::string> known{"http://127.0.0.1/cb", "http://localhost:3000/cb?a=1"};
  for (const char* good : {"http://127.0.0.1/cb", "http://127.0.0.1:51004/cb", "http://localhost:1/cb?a=1"})
    EXPECT_TRUE(is_registered(good, known, Loopback::any_port)) << good;
  for (const char* evil :
       {"http://127.0.0.1:80@evil.com/cb", "http://127.0.0.1:0/cb", "http://127.0.0.1:70000/cb", "http://127.0.0.1:/cb",
        "http://127.0.0.1.evil.com/cb", "http://localhost:1/cb?a=2", "http://localhost:1/cb", "https://127.0.0.1/cb",
        "http://127.0.0.1:1/cb/x", "http://127.0.0.1:1/CB", "http://127.0.0.1:12x/cb", "http://localhostevil:1/cb?a=1",
        "http://LOCALHOST:1/cb?a=1"})
    EXPECT_FALSE(is_registered(evil, known, Loopback::any_port)) << evil;
}

TEST(RedirectUri, what_must_not_be_registered) {
  for (const char* good : {"https://a.example/cb", "http://localhost:3000/", "com.example.app:/oauth"}) EXPECT_TRUE(check_redirect_uri(good)) << good;
  for (const char* bad : {"javascript:alert(1)", "data:text/html,x", "https://a.example/#f", "https://u:p@a.example/", "vbscript:x", "about:blank",
                          "file:///etc/passwd", "custom:/cb", "https:///cb", "https://a b/", "com.example:"})
    EXPECT_FALSE(check_redirect_uri(bad)) << bad;
}

TEST(RedirectUri, answers_are_added_without_breaking_what_is_there) {
  EXPECT_EQ(with_query("https://a/cb", form({{"code", "x&y"}})), "https://a/cb?code=x%26y");
  EXPECT_EQ(with_query("https://a/cb?k=v", form({{"code", "x"}})), "https://a/cb?k=v&code=x");
  EXPECT_EQ(with_fragment("https://a/cb?k=v", form({{"code", "x"}})), "https://a/cb?k=v#code=x");
  EXPECT_EQ(csp_source_of("https://a.example:8443/cb?x"), "https://a.example:8443");
  EXPECT_EQ(csp_source_of("com.example.app:/cb"), "com.example.app:");
}

TEST(TokenResponse, holds_only_what_is_there) {
  TokenResponse answer{.access_token = "t", .expires_in = Seconds(3600), .scope = Scopes::parse("a b").value(), .id_token = {}, .refresh_token = {}};
  EXPECT_EQ(to_text(answer.to_json()), R"({"token_type":"Bearer","expires_in":3600,"access_token":"t","scope":"a b"})");
}

}  // namespace
}  // namespace gatehouse::oauth
