// FAPI 2.0 Security Profile: the rules as tables, then a whole server under it.
#include "idp/profile.h"

#include "crypto/hash.h"
#include "idp/client_auth_test.h"
#include "idp/server_edits.h"

namespace gatehouse::idp {
namespace {

constexpr auto kFapi = SecurityProfile::fapi2;
constexpr const char* kServerPath = "/oauth2/default";

std::string code_of(const Result<void>& checked) { return checked ? "fine" : checked.error().code(); }

directory::App app_with(ClientAuth auth, bool dpop, bool certificate) {
  directory::App app{.id = directory::no_app_id(), .label = {}, .kind = directory::AppKind::web, .client_id = {}, .redirect_uris = {},
                     .post_logout_redirect_uris = {}, .grant_types = {}, .scopes = {}, .initiate_login_uri = {}, .created = {}, .updated = {}, .more = {}};
  app.auth = auth;
  app.dpop_bound = dpop;
  app.certificate_bound = certificate;
  return app;
}

TEST(Profile, clients_are_strong_and_their_tokens_bound) {
  const std::tuple<ClientAuth, bool, bool, bool> rows[] = {
      // proof, DPoP, certificate: served?
      {ClientAuth::private_key_jwt, true, false, true},  {ClientAuth::private_key_jwt, false, true, true}, {ClientAuth::private_key_jwt, false, false, false},
      {ClientAuth::tls_client_auth, false, true, true},  {ClientAuth::tls_client_auth, true, false, true}, {ClientAuth::tls_client_auth, false, false, false},
      {ClientAuth::self_signed_tls, false, true, true},  {ClientAuth::secret_basic, true, true, false},    {ClientAuth::secret_post, true, true, false},
      {ClientAuth::secret_jwt, true, true, false},       {ClientAuth::none, true, false, false},
  };
  for (const auto& [auth, dpop, certificate, served] : rows) {
    EXPECT_EQ(code_of(check_client(kFapi, app_with(auth, dpop, certificate))), served ? "fine" : "unauthorized_client") << directory::name_of(auth);
    EXPECT_EQ(code_of(check_client(SecurityProfile::none, app_with(auth, dpop, certificate))), "fine");
  }
}

TEST(Profile, requests_ask_for_codes_with_pkce_at_https_addresses) {
  const std::tuple<ResponseType, bool, std::string_view, bool, const char*> rows[] = {
      {{.code = true}, true, "https://app.example.com/cb", false, "fine"},
      {{.code = true}, false, "https://app.example.com/cb", false, "invalid_request"},
      {{.code = true}, true, "http://app.example.com/cb", false, "invalid_request"},
      {{.code = true}, true, "http://127.0.0.1:1234/cb", true, "fine"},
      {{.id_token = true}, true, "https://app.example.com/cb", false, "unsupported_response_type"},
      {{.token = true}, true, "https://app.example.com/cb", false, "unsupported_response_type"},
      {{.code = true, .id_token = true}, true, "https://app.example.com/cb", false, "unsupported_response_type"},
      {{.code = true, .token = true}, true, "https://app.example.com/cb", false, "unsupported_response_type"},
  };
  for (const auto& [type, challenge, uri, native, code] : rows) {
    const RequestShape shape{type, challenge, uri, native};
    EXPECT_EQ(code_of(check_request(kFapi, shape)), code) << uri;
    EXPECT_EQ(code_of(check_request(SecurityProfile::none, shape)), "fine");
  }
}

TEST(Profile, grants_and_algorithms) {
  for (const auto* grant : {"authorization_code", "refresh_token", "client_credentials"}) EXPECT_EQ(code_of(check_grant(kFapi, grant)), "fine");
  for (const auto* grant : {"password", "implicit", "urn:ietf:params:oauth:grant-type:device_code", "urn:x"}) {
    EXPECT_EQ(code_of(check_grant(kFapi, grant)), "unsupported_grant_type") << grant;
    EXPECT_EQ(code_of(check_grant(SecurityProfile::none, grant)), "fine") << grant;
  }
  EXPECT_EQ(allowed(kFapi, jose::kAsymmetricAlgs), (std::vector{Alg::PS256, Alg::ES256, Alg::EdDSA}));
  EXPECT_TRUE(allowed(kFapi, jose::kSymmetricAlgs).empty());
  EXPECT_EQ(allowed(SecurityProfile::none, jose::kAsymmetricAlgs).size(), jose::kAsymmetricAlgs.size());
  EXPECT_LE(kCode.ttl, Seconds(60));
}

class ProfileSpec : public ClientAuthTest {
 protected:
  void SetUp() override {
    ClientAuthTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    const auto to_fapi = [this](const Server& now) {
      auto wanted = now;
      wanted.profile = kFapi;
      return change_server(EditAt{org, clock.now()}, now, wanted);
    };
    ASSERT_TRUE(run(provider->servers().edit("default", to_fapi, cause)));
  }
  Client given_fapi_client(const std::function<void(directory::App&)>& change = [](auto&) {}) {
    auto client = given_service(ClientAuth::private_key_jwt, [&](auto& app) {
      app.kind = directory::AppKind::web;
      app.grant_types = {"authorization_code", "refresh_token", "client_credentials", "implicit"};
      app.redirect_uris = {kCallback};
      app.keys = {open_half(key)};
      app.dpop_bound = true;
      change(app);
    });
    EXPECT_TRUE(run(apps->assign_group(client.app.id, directory::GroupId::parse(everyone).value(), cause)));
    return client;
  }
  std::string issuer_assertion(const Client& client, const std::string& path = "") {
    auto all = assertion_claims(client);
    all["aud"] = std::string(kBase) + kServerPath + path;
    return assertion(all);
  }
  std::string proof_with(const Jwk& with, std::string method, std::string path, const std::string& token = "") {
    json::object claims{{"jti", "p" + std::to_string(++serial)}, {"htm", method}, {"htu", kBase + path}, {"iat", to_seconds(clock.now())}};
    if (token.empty()) claims["nonce"] = provider->nonces().make(clock.now());
    else claims["ath"] = base64url_encode(crypto::sha256(token));
    return jose::sign(with, {{"typ", "dpop+jwt"}, {"jwk", with.public_json().value()}}, to_text(claims)).value();
  }
  Got post(std::string path, Fields fields, Fields headers = {{"Accept", "*/*"}}) {
    Visitor caller(router);
    return caller.post(kServerPath + path, fields, std::move(headers));
  }
  Got push(const Client& client, const Fields& changes = {}) { return post("/v1/par", with(issuer_assertion(client), question(client, changes))); }
  Got token_of(const Client& client, Fields fields, std::string aud = "") {
    return post("/v1/token", with(issuer_assertion(client, aud), std::move(fields)), {{"DPoP", proof_with(dpop, "POST", std::string(kServerPath) + "/v1/token")}});
  }

  Jwk dpop = pair_of(crypto::KeySpec::p256, "");
};
INSTANTIATE_TEST_SUITE_P(Everywhere, ProfileSpec, testing::ValuesIn(store::every_backend()), store::name_of);

TEST_P(ProfileSpec, a_client_that_does_everything_right_gets_bound_tokens) {
  const auto client = given_fapi_client();
  const auto pushed = push(client);
  ASSERT_EQ(pushed.status(), 201) << pushed.body();
  Visitor browser(router);
  const auto got = walk(browser, std::string(kServerPath) + "/v1/authorize?" + signin::encode({{"client_id", client.app.client_id}, {"request_uri", pushed.text("request_uri")}}));
  ASSERT_TRUE(got.location().starts_with(kCallback)) << got.location() << got.body();
  EXPECT_EQ(parameter(got.location(), "iss"), std::string(kBase) + kServerPath);
  const auto tokens = token_of(client, {{"grant_type", "authorization_code"}, {"code", parameter(got.location(), "code")}, {"redirect_uri", kCallback}, {"code_verifier", kVerifier}});
  ASSERT_EQ(tokens.status(), 200) << tokens.body();
  EXPECT_EQ(tokens.text("token_type"), "DPoP");
  const auto token = tokens.text("access_token");
  const auto path = std::string(kServerPath) + "/v1/userinfo";
  Visitor caller(router);
  EXPECT_EQ(caller.get(path, {{"Authorization", "DPoP " + token}, {"DPoP", proof_with(dpop, "GET", path, token)}}).status(), 200);
}

TEST_P(ProfileSpec, what_is_not_pushed_goes_nowhere) {
  const auto client = given_fapi_client();
  Visitor browser(router);
  const auto open = browser.get(authorize_url(client));
  EXPECT_EQ(open.location(), "") << "an error of an open request is a page";
  EXPECT_EQ(open.status(), 400);
  for (const auto& [changes, error] : std::vector<std::pair<Fields, std::string>>{
           {{{"response_type", "id_token"}}, "unsupported_response_type"},
           {{{"response_type", "code id_token"}}, "unsupported_response_type"},
           {{{"code_challenge", ""}, {"code_challenge_method", ""}}, "invalid_request"},
           {{{"code_challenge_method", "plain"}}, "invalid_request"},
           {{{"redirect_uri", "https://evil.example.com/"}}, "invalid_request"}}) {
    const auto refused = push(client, changes);
    EXPECT_EQ(refused.status(), 400);
    EXPECT_EQ(refused.text("error"), error) << refused.body();
  }
}

TEST_P(ProfileSpec, weak_clients_and_weak_proofs_get_nothing) {
  const Fields grant{{"grant_type", "client_credentials"}, {"scope", "orders.read"}};
  const auto good = given_fapi_client();
  EXPECT_EQ(token_of(good, grant).status(), 200);
  EXPECT_EQ(token_of(good, grant, "/v1/token").text("error"), "invalid_client") << "the issuer is the one audience";
  EXPECT_EQ(token_of(given_fapi_client([](auto& app) { app.dpop_bound = false; }), grant).text("error"), "unauthorized_client");
  const auto weak = given_service(ClientAuth::secret_basic, [](auto& app) { app.dpop_bound = true; });
  EXPECT_EQ(call(weak, std::string(kServerPath) + "/v1/token", grant).text("error"), "unauthorized_client");
  dpop = pair_of(crypto::KeySpec::rsa2048, "", Alg::RS256);
  EXPECT_EQ(token_of(good, grant).text("error"), "invalid_dpop_proof") << "RS256";
  dpop = pair_of(crypto::KeySpec::p256, "");
  key = pair_of(crypto::KeySpec::rsa2048, "r1", Alg::RS256);
  const auto rsa = given_fapi_client();
  EXPECT_EQ(token_of(rsa, grant).text("error"), "invalid_client") << "RS256";
}

TEST_P(ProfileSpec, metadata_promises_no_more) {
  Visitor caller(router);
  const auto said = caller.get(std::string(kServerPath) + "/.well-known/openid-configuration").json();
  EXPECT_EQ(find_bool(said, "require_pushed_authorization_requests"), true);
  EXPECT_EQ(find_strings(said, "response_types_supported"), std::vector<std::string>{"code"});
  EXPECT_EQ(find_strings(said, "token_endpoint_auth_methods_supported"), std::vector<std::string>{"private_key_jwt"});
  EXPECT_EQ(find_strings(said, "dpop_signing_alg_values_supported"), (std::vector<std::string>{"PS256", "ES256", "EdDSA"}));
  EXPECT_EQ(find_strings(said, "grant_types_supported"), (std::vector<std::string>{"authorization_code", "refresh_token", "client_credentials"}));
  EXPECT_EQ(find_strings(said, "id_token_signing_alg_values_supported"), std::vector<std::string>{"ES256"});
  // The org's own server stays as it was.
  EXPECT_EQ(find_bool(caller.get("/.well-known/openid-configuration").json(), "require_pushed_authorization_requests"), false);
}

}  // namespace
}  // namespace gatehouse::idp
