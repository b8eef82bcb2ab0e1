// Certificates of clients: whose they are, which ones are taken, and tokens that are bound to one.
#include "idp/client_certificate.h"
#include "crypto/x509.h"
#include "idp/client_auth_test.h"
#include "jose/jwk_x509.h"

namespace gatehouse::idp {
namespace {

using directory::TlsSubject;

class ClientCertificateSpec : public ClientAuthTest {
 protected:
  struct Shown {
    std::string der, thumbprint;
    bool trusted = true;
  };
  static Shown shown(const std::string& pem, bool trusted = true) {
    auto der = crypto::certificate_der(pem).value();
    auto thumbprint = jose::x5t_s256(der);
    return {std::move(der), std::move(thumbprint), trusted};
  }
  crypto::Validity year() { return {clock.now(), clock.now() + Seconds(365 * 86400)}; }
  Shown issued(std::vector<std::string> names) {
    return shown(crypto::issue_leaf(authority, names, year(), *random).value().pem);
  }
  Got post(const Shown& certificate, Fields fields, std::string path = "/oauth2/default/v1/token") {
    Visitor caller(router);
    caller.certificate = certificate.thumbprint;
    caller.certificate_der = certificate.der;
    caller.certificate_trusted = certificate.trusted;
    return caller.post(std::move(path), fields, {{"Accept", "application/json"}});
  }
  Got token(const Client& client, const Shown& certificate) {
    return post(certificate,
                {{"grant_type", "client_credentials"}, {"scope", "orders.read"}, {"client_id", client.app.client_id}});
  }
  Client given_bot(TlsSubject subject) {
    return given_service(ClientAuth::tls_client_auth, [&](auto& app) { app.tls_subject = std::move(subject); });
  }
  crypto::Certificate authority = crypto::make_authority("Bots CA", year(), *random).value();
};

TEST_P(ClientCertificateSpec, an_authority_vouches_for_the_registered_name) {
  const auto by_dns = given_bot({TlsSubject::Kind::dns, "bot.example.com"}),
             by_ip = given_bot({TlsSubject::Kind::ip, "192.0.2.10"}),
             by_dn = given_bot({TlsSubject::Kind::dn, "CN=bot.example.com"}),
             by_uri = given_bot({TlsSubject::Kind::uri, "bot.example.com"});
  const auto bot = issued({"bot.example.com", "192.0.2.10"}), other = issued({"other.example.com"});
  EXPECT_EQ(token(by_dns, bot).status(), 200);
  EXPECT_EQ(token(by_ip, bot).status(), 200);
  EXPECT_EQ(token(by_dn, bot).status(), 200);
  EXPECT_EQ(token(by_dns, issued({"BOT.example.com"})).status(), 200);
  EXPECT_EQ(token(by_uri, bot).text("error"), "invalid_client") << "a DNS name is no URI";
  EXPECT_EQ(token(by_dns, other).text("error"), "invalid_client");
  EXPECT_EQ(token(by_ip, other).text("error"), "invalid_client");
  EXPECT_EQ(token(by_dn, other).text("error"), "invalid_client");
  EXPECT_EQ(token(by_dns, issued({"*.example.com"})).text("error"), "invalid_client") << "names are equal or not";
  EXPECT_EQ(token(by_dns, Shown()).text("error"), "invalid_client");
  EXPECT_NE(last_reason().find("has none"), std::string::npos);
}

// CVE-2023-2422 (Keycloak): anybody's certificate with the right name in it.
TEST_P(ClientCertificateSpec, a_name_means_nothing_without_the_authority) {
  const auto bot = given_bot({TlsSubject::Kind::dn, "CN=bot"});
  const auto mine = shown(
      crypto::self_signed(crypto::PrivateKey::generate(crypto::KeySpec::p256).value(), "bot", year(), *random).value(),
      false);
  EXPECT_EQ(token(bot, mine).text("error"), "invalid_client");
  EXPECT_NE(last_reason().find("not of an authority"), std::string::npos);
}

TEST_P(ClientCertificateSpec, a_self_signed_one_must_be_registered) {
  const auto pair = crypto::PrivateKey::generate(crypto::KeySpec::p256).value();
  const auto pem = crypto::self_signed(pair, "bot", year(), *random).value(),
             renewed = crypto::self_signed(pair, "bot", year(), *random).value();
  auto jwk = Jwk::of(pair.public_key(), "tls").value().public_json().value();
  const std::vector<std::string> chain{pem};
  ASSERT_TRUE(jose::add_x509(jwk, pair.public_key(), chain));
  const auto bot =
      given_service(ClientAuth::self_signed_tls, [&](auto& app) { app.keys = {read_client_key(jwk).value()}; });
  EXPECT_EQ(token(bot, shown(pem, false)).status(), 200) << "who signed it does not matter";
  EXPECT_EQ(token(bot, shown(renewed, false)).text("error"), "invalid_client")
      << "another certificate, though of the same key";
  EXPECT_EQ(token(bot, issued({"bot"})).text("error"), "invalid_client") << "nor does an authority help";
  EXPECT_EQ(token(bot, Shown()).text("error"), "invalid_client");
  // By thumbprint alone.
  jwk.erase("x5c");
  const auto brief =
      given_service(ClientAuth::self_signed_tls, [&](auto& app) { app.keys = {read_client_key(jwk).value()}; });
  EXPECT_EQ(token(brief, shown(pem, false)).status(), 200);
  // A key without a certificate lets nobody in.
  jwk.erase("x5t#S256");
  const auto bare =
      given_service(ClientAuth::self_signed_tls, [&](auto& app) { app.keys = {read_client_key(jwk).value()}; });
  EXPECT_EQ(token(bare, shown(pem, false)).text("error"), "invalid_client");
}

TEST_P(ClientCertificateSpec, a_certificate_is_no_proof_of_others_and_nothing_else_of_its_clients) {
  const auto bot = given_bot({TlsSubject::Kind::dns, "bot.example.com"}),
             basic = given_service(ClientAuth::secret_basic), signer = given_signer();
  const auto certificate = issued({"bot.example.com"});
  EXPECT_EQ(token(basic, certificate).text("error"), "invalid_client");
  EXPECT_EQ(token(signer, certificate).text("error"), "invalid_client");
  EXPECT_EQ(post(certificate, {{"grant_type", "client_credentials"},
                               {"client_id", bot.app.client_id},
                               {"client_secret", "anything-at-all"}})
                .text("error"),
            "invalid_client");
  EXPECT_EQ(post(certificate, with(assertion(bot), {{"grant_type", "client_credentials"}})).text("error"),
            "invalid_client");
  ASSERT_TRUE(run(apps->deactivate(bot.app.id, cause)));
  EXPECT_EQ(token(bot, certificate).text("error"), "invalid_client") << "disabled";
}

TEST_P(ClientCertificateSpec, tokens_bound_to_a_certificate) {
  const auto client = given_service(ClientAuth::private_key_jwt, [this](auto& app) {
    app.keys = {open_half(key)};
    app.certificate_bound = true;
  });
  const auto mine = issued({"bot.example.com"}), other = issued({"other.example.com"});
  const auto ask_for = [&](const Shown& certificate, std::string scope, std::string server) {
    auto own = assertion_claims(client);
    own["aud"] = std::string(kBase) + server + "/v1/token";
    return post(certificate, with(assertion(own), {{"grant_type", "client_credentials"}, {"scope", scope}}),
                server + "/v1/token");
  };
  EXPECT_EQ(ask_for(Shown(), "orders.read", "/oauth2/default").text("error"), "invalid_request");
  const auto bound = ask_for(mine, "orders.read", "/oauth2/default");
  ASSERT_EQ(bound.status(), 200) << bound.body();
  EXPECT_EQ(claims(bound.text("access_token")).at_pointer("/cnf/x5t#S256"), json::value(mine.thumbprint));
  const auto inspected =
      post(mine, with(assertion(client), {{"token", bound.text("access_token")}}), "/oauth2/default/v1/introspect");
  EXPECT_EQ(inspected.json().at_pointer("/cnf/x5t#S256"), json::value(mine.thumbprint)) << inspected.body();

  const auto own = ask_for(mine, "okta.users.read", "/oauth2").text("access_token");
  EXPECT_TRUE(run(provider->principal_of(own, idp::Shown{.certificate = mine.thumbprint})));
  EXPECT_FALSE(run(provider->principal_of(own, idp::Shown{.certificate = other.thumbprint})));
  EXPECT_FALSE(run(provider->principal_of(own)));
}

TEST_P(ClientCertificateSpec, metadata_promises_what_the_listeners_take) {
  Visitor caller(router);
  const auto promised = [&](std::string_view method) {
    const auto about = caller.get("/oauth2/default/.well-known/openid-configuration").json();
    return std::ranges::count(find_strings(about, "token_endpoint_auth_methods_supported"), method) == 1;
  };
  EXPECT_FALSE(promised("tls_client_auth"));
  EXPECT_FALSE(promised("self_signed_tls_client_auth"));
  provider->take_certificates({.of_authorities = true, .self_signed = false});
  EXPECT_TRUE(promised("tls_client_auth"));
  EXPECT_FALSE(promised("self_signed_tls_client_auth"));
  provider->take_certificates({.of_authorities = false, .self_signed = true});
  EXPECT_FALSE(promised("tls_client_auth"));
  EXPECT_TRUE(promised("self_signed_tls_client_auth"));
  EXPECT_EQ(
      find_bool(caller.get("/.well-known/openid-configuration").json(), "tls_client_certificate_bound_access_tokens"),
      true);
}

TEST_P(ClientCertificateSpec, where_clients_with_certificates_come_is_the_same_issuer) {
  provider->take_certificates({.of_authorities = true, .self_signed = false});
  provider->add_certificate_alias("http://mtls.localhost:8080", kBase);
  Visitor caller(router), other_door(router, "mtls.localhost:8080");
  const auto about = caller.get("/oauth2/default/.well-known/openid-configuration").json();
  EXPECT_EQ(about.at_pointer("/mtls_endpoint_aliases/token_endpoint"),
            json::value("http://mtls.localhost:8080/oauth2/default/v1/token"));
  EXPECT_EQ(about.at_pointer("/mtls_endpoint_aliases/pushed_authorization_request_endpoint"),
            json::value("http://mtls.localhost:8080/oauth2/default/v1/par"));
  EXPECT_EQ(find_string(about, "token_endpoint"), std::string(kBase) + "/oauth2/default/v1/token");
  const auto client = given_signer();
  auto at_alias = assertion_claims(client);
  at_alias["aud"] = "http://mtls.localhost:8080/oauth2/default/v1/token";
  Fields fields = with(assertion(at_alias), {{"grant_type", "client_credentials"}, {"scope", "orders.read"}});
  const auto got = other_door.post("/oauth2/default/v1/token", fields, {{"Accept", "application/json"}});
  ASSERT_EQ(got.status(), 200) << got.body();
  EXPECT_EQ(find_string(claims(got.text("access_token")), "iss"), std::string(kBase) + "/oauth2/default");
  Visitor nowhere(router, "other.localhost:8080");
  EXPECT_EQ(nowhere.post("/oauth2/default/v1/token", fields, {{"Accept", "application/json"}}).status(), 404);
}

INSTANTIATE_TEST_SUITE_P(Everywhere, ClientCertificateSpec, testing::ValuesIn(store::every_backend()), store::name_of);

TEST(DistinguishedNames, are_compared_part_by_part) {
  const auto same = [](std::string_view a, std::string_view b) { return same_name(a, b) && same_name(b, a); };
  EXPECT_TRUE(same("CN=bot,O=Engines", "cn=bot, o=Engines"));
  EXPECT_TRUE(same("CN=bot,O=Engines\\, Inc.", "CN=bot,O=Engines\\2C Inc."));
  EXPECT_TRUE(same("CN=J\\C3\\BCrgen", "CN=J\xc3\xbcrgen"));
  EXPECT_TRUE(same("CN=bot+OU=Bots,C=DE", "CN=bot+OU=Bots,C=DE"));
  EXPECT_TRUE(same("CN=a\\ ", "CN=a\\20"));
  EXPECT_FALSE(same("CN=bot,O=Engines", "O=Engines,CN=bot"));
  EXPECT_FALSE(same("CN=bot", "CN=Bot"));
  EXPECT_FALSE(same("CN=bot", "CN=bot,O=Engines"));
  EXPECT_FALSE(same("CN=bot+OU=Bots", "CN=bot,OU=Bots"));
  EXPECT_FALSE(same("CN=bot,O=x", "CN=bot\\,O=x"));  // one value with a comma in it
  EXPECT_FALSE(same("CN=a", "CN=a\\ "));
  for (const auto* none : {"", "bot", "CN=", "=bot", "CN=bot,", ",CN=bot", "CN=\"bot\"", "CN=bot\\"})
    EXPECT_FALSE(same(none, none)) << none;
}

}  // namespace
}  // namespace gatehouse::idp
