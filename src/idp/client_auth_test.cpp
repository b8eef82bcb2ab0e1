// Every way in which a client proves itself, and what is refused.
#include "idp/client_auth_test.h"

namespace gatehouse::idp {
namespace {

class ClientAuthSpec : public ClientAuthTest {};

TEST_P(ClientAuthSpec, a_key_proves_a_client) {
  const auto client = given_signer();
  const auto got = ask(with(assertion(client)));
  ASSERT_EQ(got.status(), 200) << got.body();
  EXPECT_EQ(find_string(IdpTest::claims(got.text("access_token")), "cid"), client.app.client_id);
  EXPECT_EQ(ask(with(assertion(client), {{"client_id", client.app.client_id}})).status(), 200);
  // At the org server its own endpoint is the audience, and a token from there does not fit here.
  auto own = assertion_claims(client);
  own["aud"] = std::string(kBase) + "/oauth2/v1/token";
  Visitor caller(router);
  Fields fields = with(assertion(own), {{"grant_type", "client_credentials"}, {"scope", "okta.users.read"}});
  EXPECT_EQ(caller.post("/oauth2/v1/token", fields, {{"Accept", "application/json"}}).status(), 200);
  own["jti"] = "another";
  EXPECT_EQ(ask(with(assertion(own))).text("error"), "invalid_client");
}

// The OpenMetadata bot: all parameters in the address, an empty body.
TEST_P(ClientAuthSpec, parameters_may_come_in_the_address_but_no_secret) {
  const auto client = given_signer();
  Fields fields = with(assertion(client), {{"grant_type", "client_credentials"}, {"scope", "orders.read"}});
  Visitor caller(router);
  const auto post = [&](const Fields& all) {
    return caller.send(net::Method::post, "/oauth2/default/v1/token?" + signin::encode(all), {}, "");
  };
  EXPECT_EQ(post(fields).status(), 200);
  const auto plain = given_service(ClientAuth::secret_post);
  Fields shown{{"grant_type", "client_credentials"},
               {"scope", "orders.read"},
               {"client_id", plain.app.client_id},
               {"client_secret", plain.secret}};
  EXPECT_EQ(post(shown).text("error"), "invalid_request");
  EXPECT_EQ(caller.post("/oauth2/default/v1/token", shown, {{"Accept", "*/*"}}).status(), 200);
}

// CVE-2020-5300 (Hydra), CVE-2020-15222 (fosite): an assertion is good once, wherever it is shown first.
TEST_P(ClientAuthSpec, an_assertion_is_good_once_at_all_endpoints) {
  const auto client = given_signer();
  const auto used = assertion(client);
  ASSERT_EQ(ask(with(used)).status(), 200);
  const auto again = ask(with(used));
  EXPECT_EQ(again.status(), 401);
  EXPECT_EQ(again.text("error"), "invalid_client");
  EXPECT_NE(last_reason().find("used already (jti)"), std::string::npos) << last_reason();
  EXPECT_NE(last_reason().find(client.app.client_id), std::string::npos) << "whose it is stands in the assertion alone";
  for (const auto* endpoint : {"introspect", "revoke"})
    EXPECT_EQ(ask(with(used, {{"token", "x"}}), {{"Accept", "*/*"}}, std::string("/oauth2/default/v1/") + endpoint)
                  .text("error"),
              "invalid_client")
        << endpoint;
  const auto first_elsewhere = assertion(client);
  EXPECT_EQ(ask(with(first_elsewhere, {{"token", "x"}}), {{"Accept", "*/*"}}, "/oauth2/default/v1/introspect").status(),
            200);
  EXPECT_EQ(ask(with(first_elsewhere)).text("error"), "invalid_client");
  // Another client may use the same jti.
  const auto other = given_service(ClientAuth::private_key_jwt, [this](auto& app) { app.keys = {open_half(key)}; });
  auto same = assertion_claims(client);
  EXPECT_EQ(ask(with(assertion(same))).status(), 200);
  same["iss"] = same["sub"] = other.app.client_id;
  EXPECT_EQ(ask(with(assertion(same))).status(), 200);
}

TEST_P(ClientAuthSpec, of_64_at_once_exactly_one_wins) {
  const auto client = given_signer();
  const auto one = assertion(client);
  EXPECT_EQ(at_once(64, [&] { return ask(with(one)).status() == 200; }), 1);
}

// Okta's clients may leave jti out; then the assertion may come again until it expires.
TEST_P(ClientAuthSpec, without_a_jti_it_lives_until_it_expires) {
  const auto client = given_signer();
  auto nameless = assertion_claims(client);
  nameless.erase("jti");
  const auto one = assertion(nameless);
  EXPECT_EQ(ask(with(one)).status(), 200);
  EXPECT_EQ(ask(with(one)).status(), 200);
  clock.advance(Seconds(300 + 60));
  EXPECT_EQ(ask(with(one)).text("error"), "invalid_client");
}

TEST_P(ClientAuthSpec, a_refused_assertion_takes_no_room_and_its_jti_is_still_free) {
  const auto client = given_signer();
  auto late = assertion_claims(client);
  late["exp"] = to_seconds(clock.now()) - 3600;
  EXPECT_EQ(ask(with(assertion(late))).status(), 401);
  EXPECT_EQ(read("select count(*) from handles where kind = 'client_assertion'").value().at(0).number(0), 0);
  late["exp"] = to_seconds(clock.now()) + 60;
  EXPECT_EQ(ask(with(assertion(late))).status(), 200);
  EXPECT_EQ(read("select count(*) from handles where kind = 'client_assertion'").value().at(0).number(0), 1);
}

TEST_P(ClientAuthSpec, keys_are_named_by_kid_and_go_at_once) {
  const auto second = pair_of(crypto::KeySpec::p256, "k2"), nameless = pair_of(crypto::KeySpec::ed25519, "k3");
  auto client = given_service(ClientAuth::private_key_jwt,
                              [&](auto& app) { app.keys = {open_half(key), open_half(second), open_half(nameless)}; });
  EXPECT_EQ(ask(with(jose::sign_jwt(second, assertion_claims(client)).value())).status(), 200);
  EXPECT_EQ(ask(with(jose::sign_jwt(nameless, assertion_claims(client)).value())).status(), 200);
  // A name that is not hers, with the right key: the name decides.
  const auto mislabelled = Jwk::of(crypto::PrivateKey::generate(crypto::KeySpec::p256).value(), "k2").value();
  EXPECT_EQ(ask(with(jose::sign_jwt(mislabelled, assertion_claims(client)).value())).text("error"), "invalid_client");

  client.app = run(apps->find(client.app.id)).value();
  client.app.keys.at(0).active = false;
  ASSERT_TRUE(run(apps->update(client.app, cause)));
  EXPECT_EQ(ask(with(assertion(client))).text("error"), "invalid_client") << "deactivated";
  EXPECT_EQ(ask(with(jose::sign_jwt(second, assertion_claims(client)).value())).status(), 200);
}

TEST_P(ClientAuthSpec, the_registered_algorithm_is_the_only_one) {
  const auto rsa = crypto::PrivateKey::generate(crypto::KeySpec::rsa2048).value();
  const auto as_rs = Jwk::of(rsa, "r").value(), as_ps = Jwk::of(rsa, "r", Alg::PS256).value();
  const auto client = given_service(ClientAuth::private_key_jwt, [&](auto& app) {
    app.keys = {open_half(as_rs)};
    app.auth_signing_alg = "PS256";
  });
  EXPECT_EQ(ask(with(jose::sign_jwt(as_ps, assertion_claims(client)).value())).status(), 200);
  const auto got = ask(with(jose::sign_jwt(as_rs, assertion_claims(client)).value()));
  EXPECT_EQ(got.text("error"), "invalid_client");
  EXPECT_NE(got.text("error_description").find("algorithm that is not allowed"), std::string::npos);
}

TEST_P(ClientAuthSpec, a_secret_signs) {
  const auto client = given_service(ClientAuth::secret_jwt);
  const auto by = [&](std::string_view secret, Alg alg) {
    return jose::sign_jwt(Jwk::of(Secret(std::string(secret)), "", alg).value(), assertion_claims(client)).value();
  };
  for (const auto alg : jose::kSymmetricAlgs)
    EXPECT_EQ(ask(with(by(client.secret, alg))).status(), 200) << jose::name_of(alg);
  EXPECT_EQ(ask(with(by(std::string(64, 'x'), Alg::HS256))).text("error"), "invalid_client");
  const auto second = run(apps->add_secret(client.app.id, std::nullopt, true, cause)).value();
  EXPECT_EQ(ask(with(by(second.secret.reveal(), Alg::HS256))).status(), 200);
  EXPECT_EQ(ask(with(by(client.secret, Alg::HS256))).status(), 200) << "two live secrets";
  const auto first = run(apps->secrets(client.app.id)).value().at(0).id;
  ASSERT_TRUE(run(apps->set_secret_active(client.app.id, first, false, cause)));
  EXPECT_EQ(ask(with(by(client.secret, Alg::HS256))).text("error"), "invalid_client");
  // An assertion by a private key is none of a shared secret, and the secret itself is not shown.
  EXPECT_EQ(ask(with(assertion(client))).text("error"), "invalid_client");
  EXPECT_EQ(ask({}, authorization({client.app, std::string(second.secret.reveal())})).text("error"), "invalid_client");
}

TEST_P(ClientAuthSpec, nobody_proves_himself_in_another_way_than_registered) {
  const auto basic = given_service(ClientAuth::secret_basic), signer = given_signer();
  const auto spa = given_spa();
  EXPECT_EQ(ask(with(assertion(basic))).text("error"), "invalid_client");
  EXPECT_EQ(ask(with(assertion(spa))).text("error"), "invalid_client");
  EXPECT_EQ(ask({{"client_id", signer.app.client_id}}).text("error"), "invalid_client");
  EXPECT_EQ(ask({{"client_id", signer.app.client_id}, {"client_secret", "anything-at-all"}}).text("error"),
            "invalid_client");
  EXPECT_EQ(ask({}, authorization({signer.app, "anything-at-all"})).text("error"), "invalid_client");
  EXPECT_EQ(ask(with("eyJhbGciOiJub25lIn0.e30.", {{"client_id", basic.app.client_id}})).text("error"),
            "invalid_client");
  // A proof of one client for another.
  const auto other = given_signer();
  EXPECT_EQ(ask(with(assertion(other), {{"client_id", signer.app.client_id}})).text("error"), "invalid_client");
  EXPECT_EQ(
      ask(with(jose::sign_jwt(pair_of(crypto::KeySpec::p256, "k1"), assertion_claims(signer)).value())).text("error"),
      "invalid_client");
}

// CVE-2026-9689 (Keycloak): a parameter that stands there twice means nothing. RFC 6749 §2.3: one way to prove oneself.
TEST_P(ClientAuthSpec, one_proof_said_once) {
  const auto client = given_signer();
  const auto one = assertion(client);
  EXPECT_EQ(ask(with(one, {{"client_assertion", one}})).text("error"), "invalid_request");
  EXPECT_EQ(ask(with(one, {{"client_assertion_type", std::string(oauth::kAssertionType)}})).text("error"),
            "invalid_request");
  EXPECT_EQ(ask(with(one, {{"client_id", client.app.client_id}, {"client_id", client.app.client_id}})).text("error"),
            "invalid_request");
  EXPECT_EQ(ask(with(one, {{"client_secret", "x"}})).text("error"), "invalid_request");
  EXPECT_EQ(ask(with(one), authorization({client.app, "x"})).text("error"), "invalid_request");
  EXPECT_EQ(ask({{"client_assertion", one}}).text("error"), "invalid_client");
  EXPECT_EQ(ask({{"client_assertion_type", std::string(oauth::kAssertionType)}}).text("error"), "invalid_request");
  EXPECT_EQ(ask({{"client_assertion", one}, {"client_assertion_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"}})
                .text("error"),
            "invalid_client");
  // CVE-2026-9704 (Keycloak): too long is an error, not an absence.
  EXPECT_EQ(ask(with(one + std::string(16 * 1024, 'x'))).text("error"), "invalid_request");
  EXPECT_EQ(ask(with(one)).status(), 200) << "none of these has used it up";
}

// CVE-2025-64521 (authentik): a deactivated service account is refused, whatever it proves itself with.
TEST_P(ClientAuthSpec, a_disabled_client_is_refused_in_every_way) {
  const auto basic = given_service(ClientAuth::secret_basic), signing = given_service(ClientAuth::secret_jwt),
             signer = given_signer();
  const auto try_all = [&](int expected) {
    EXPECT_EQ(ask({}, authorization(basic)).status(), expected);
    EXPECT_EQ(ask({{"client_id", basic.app.client_id}, {"client_secret", basic.secret}}).status(), expected);
    EXPECT_EQ(
        ask(with(jose::sign_jwt(Jwk::of(Secret(signing.secret), "", Alg::HS256).value(), assertion_claims(signing))
                     .value()))
            .status(),
        expected);
    EXPECT_EQ(ask(with(assertion(signer))).status(), expected);
  };
  try_all(200);
  for (const auto* client : {&basic, &signing, &signer}) ASSERT_TRUE(run(apps->deactivate(client->app.id, cause)));
  try_all(401);
  EXPECT_NE(last_reason().find("invalid_client"), std::string::npos);
}

TEST_P(ClientAuthSpec, metadata_names_what_is_taken) {
  Visitor caller(router);
  const auto about = caller.get("/oauth2/default/.well-known/openid-configuration").json();
  for (const auto* endpoint : {"token", "introspection", "revocation"}) {
    const auto methods = find_strings(about, std::string(endpoint) + "_endpoint_auth_methods_supported");
    EXPECT_EQ(methods, (std::vector<std::string>{"client_secret_basic", "client_secret_post", "client_secret_jwt",
                                                 "private_key_jwt", "none"}))
        << endpoint;
    const auto algs = find_strings(about, std::string(endpoint) + "_endpoint_auth_signing_alg_values_supported");
    EXPECT_EQ(algs.size(), jose::kAsymmetricAlgs.size() + jose::kSymmetricAlgs.size());
    EXPECT_EQ(std::ranges::count(algs, "none"), 0) << "RFC 8414 §2: the value 'none' MUST NOT be used";
  }
}

INSTANTIATE_TEST_SUITE_P(Everywhere, ClientAuthSpec, testing::ValuesIn(store::every_backend()), store::name_of);

}  // namespace
}  // namespace gatehouse::idp
