// Clients that prove themselves, for the tests of it.
#pragma once

#include "idp/idp_test.h"
#include "oauth/client_assertion.h"

namespace gatehouse::idp {

using directory::ClientAuth;
using jose::Alg;
using jose::Jwk;

class ClientAuthTest : public IdpTest {
 protected:
  static Jwk pair_of(crypto::KeySpec spec, std::string kid, std::optional<Alg> alg = {}) {
    return Jwk::of(crypto::PrivateKey::generate(spec).value(), std::move(kid), alg).value();
  }
  static directory::ClientKey open_half(const Jwk& key) { return read_client_key(key.public_json().value()).value(); }

  // A service with an assignment to nobody and the scope okta.users.read.
  Client given_service(ClientAuth auth, const std::function<void(directory::App&)>& change = [](auto&) {}) {
    directory::NewApp asked{.app = {.id = directory::no_app_id(),
                                    .label = "Bot",
                                    .kind = directory::AppKind::service,
                                    .active = true,
                                    .client_id = {},
                                    .auth = auth,
                                    .redirect_uris = {},
                                    .post_logout_redirect_uris = {},
                                    .grant_types = {"client_credentials"},
                                    .scopes = {"okta.users.read"},
                                    .initiate_login_uri = {},
                                    .created = {},
                                    .updated = {},
                                    .more = {}},
                            .client_id = {},
                            .secret = {}};
    change(asked.app);
    auto made = run(apps->create(std::move(asked), cause));
    EXPECT_TRUE(made) << (made ? "" : made.error().message());
    return {made->app, made->secret ? std::string(made->secret->reveal()) : ""};
  }
  Client given_signer() {
    return given_service(ClientAuth::private_key_jwt, [this](auto& app) { app.keys = {open_half(key)}; });
  }
  json::object assertion_claims(const Client& client) {
    const auto now = to_seconds(clock.now());
    return {{"iss", client.app.client_id},
            {"sub", client.app.client_id},
            {"aud", std::string(kBase) + "/oauth2/default/v1/token"},
            {"exp", now + 300},
            {"iat", now},
            {"jti", "j" + std::to_string(++serial)}};
  }
  static Fields with(std::string assertion, Fields more = {}) {
    Fields fields{{"client_assertion_type", std::string(oauth::kAssertionType)},
                  {"client_assertion", std::move(assertion)}};
    fields.insert(fields.end(), more.begin(), more.end());
    return fields;
  }
  std::string assertion(const Client& client) { return jose::sign_jwt(key, assertion_claims(client)).value(); }
  std::string assertion(const json::object& claims) { return jose::sign_jwt(key, claims).value(); }
  Got ask(Fields fields, Fields headers = {{"Accept", "application/json"}},
          std::string path = "/oauth2/default/v1/token") {
    fields.insert(fields.begin(), {{"grant_type", "client_credentials"}, {"scope", "orders.read"}});
    Visitor caller(router);
    return caller.post(std::move(path), fields, std::move(headers));
  }
  std::string last_reason() {
    while (!provider->events().idle()) std::this_thread::yield();
    return to_text(last_event());
  }

  Jwk key = pair_of(crypto::KeySpec::p256, "k1");
  std::atomic<int> serial = 0;
};

}  // namespace gatehouse::idp
