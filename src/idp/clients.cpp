#include "idp/clients.h"

#include <algorithm>

#include "idp/client_certificate.h"
#include "idp/profile.h"
#include "oauth/client_assertion.h"
#include "oauth/error.h"

namespace gatehouse::idp {
namespace {

using directory::ClientAuth;
using oauth::Presented;

constexpr const char* kAssertions = "client_assertion";   // what has been used, among what secrets::Handles remembers

std::unexpected<Error> no_client(std::string why) { return oauth::refusal(oauth::Code::invalid_client, std::move(why)); }

std::unexpected<Error> not_proven() {
  return no_client("Client authentication failed. Either the client or the client credentials are invalid.");
}

std::unexpected<Error> another_way(const directory::App& app) {
  return no_client("This client is registered for " + std::string(directory::name_of(app.auth)) + " and proves itself in no other way.");
}

Task<directory::App> find_client(Provider& provider, std::string client_id) {
  auto app = co_await provider.needs().apps.find_by_client(std::move(client_id));
  if (!app && app.error().fault() != Fault::missing && app.error().fault() != Fault::invalid) co_return std::unexpected(std::move(app.error()));
  if (!app || !is_client(*app)) co_return no_client("Invalid value for 'client_id' parameter.");
  co_return app;
}

// RFC 7523 §3 names the token endpoint; the issuer and the endpoint that is called are its other names (RFC 9126 §2). Under
// every address of the org: clients write the one that they were configured with.
std::vector<std::string> audiences_of(const Provider& provider, const Server& server, const net::Request& request) {
  std::vector<std::string> audiences;
  if (demands_issuer_as_audience(server.profile)) {
    for (const auto& base : provider.bases()) audiences.push_back(oauth::canonical_audience(server.issuer(base)));
    return audiences;
  }
  for (const auto& base : provider.bases())
    for (const auto& name : {server.issuer(base), base + server.path() + "/v1/token", base + request.path})
      audiences.push_back(oauth::canonical_audience(name));
  for (const auto& [origin, base] : provider.certificate_aliases()) {
    audiences.push_back(oauth::canonical_audience(origin + server.path() + "/v1/token"));
    audiences.push_back(oauth::canonical_audience(origin + request.path));
  }
  return audiences;
}

std::vector<jose::Alg> algs_for(const directory::App& app) {
  if (const auto alg = jose::alg_named(app.auth_signing_alg)) return {*alg};
  if (app.auth == ClientAuth::secret_jwt) return {jose::kSymmetricAlgs.begin(), jose::kSymmetricAlgs.end()};
  return {jose::kAsymmetricAlgs.begin(), jose::kAsymmetricAlgs.end()};
}

// Every secret for every algorithm that it is long enough for (RFC 7518 §3.2). Without a kid: a secret has no name.
Result<KnownKeysPtr> keys_of(const std::vector<Secret>& secrets) {
  std::vector<jose::Jwk> keys;
  for (const auto& secret : secrets)
    for (const auto alg : jose::kSymmetricAlgs)
      if (auto key = jose::Jwk::of(secret, "", alg)) keys.push_back(*std::move(key));
  KnownKeys known;
  GH_TRY(known.set, jose::KeySet::of(std::move(keys)));
  return std::make_shared<const KnownKeys>(std::move(known));
}

Task<KnownKeysPtr> keys_for(Provider& provider, directory::App app, std::string kid) {
  if (app.auth == ClientAuth::private_key_jwt) co_return co_await provider.client_keys().get(std::move(app), std::move(kid));
  GH_CO_TRY(const auto secrets, co_await provider.needs().apps.signing_secrets(std::move(app)));
  co_return keys_of(secrets);
}

// Only what is otherwise good is remembered. CVE-2020-5300, CVE-2020-15222: the same assertion came again, at this or at
// another endpoint.
Task<void> check_assertion(Provider& provider, const net::Call& call, Server server, directory::App app, std::string assertion) {
  const auto header = jose::peek_header(assertion);
  auto kid = header ? find_string(*header, "kid").value_or("") : "";
  GH_CO_TRY(const auto keys, co_await keys_for(provider, app, std::move(kid)));
  const auto algs = allowed(server.profile, algs_for(app));
  const oauth::AssertionRules rules{.client_id = app.client_id,
                                    .audiences = audiences_of(provider, server, call.request),
                                    .algs = algs,
                                    .now = provider.needs().clock.now(),
                                    .skew = provider.needs().client_skew};
  GH_CO_TRY(const auto good, oauth::check_client_assertion(assertion, keys->set, rules));
  if (good.jti.empty()) co_return Result<void>();
  auto name = app.client_id + " " + good.jti;
  GH_CO_TRY(const bool first, co_await provider.needs().handles.first_use(provider.org(), kAssertions, std::move(name), good.until));
  if (!first) co_return no_client("The client_assertion is refused: it was used already (jti).");
  co_return Result<void>();
}

Task<void> check_secret(Provider& provider, directory::App app, Secret secret) {
  GH_CO_TRY(const bool right, co_await provider.needs().apps.check_secret(std::move(app), std::move(secret)));
  if (!right) co_return no_client("The client secret supplied for a confidential client is invalid.");
  co_return Result<void>();
}

Task<void> check_self_signed(Provider& provider, const net::Call& call, directory::App app) {
  GH_CO_TRY(const auto keys, co_await provider.client_keys().get(std::move(app), ""));
  co_return check_registered_certificate(*keys, call.request);
}

bool shows_secret(Presented how) { return how == Presented::secret_basic || how == Presented::secret_post; }

Task<void> prove(Provider& provider, const net::Call& call, Server server, directory::App app, oauth::ClientCredentials shown) {
  switch (app.auth) {
    case ClientAuth::none:
      if (shown.how != Presented::id_only) co_return no_client("This client is public and has no secret.");
      co_return Result<void>();
    case ClientAuth::secret_basic:
    case ClientAuth::secret_post:
      // Both ways of showing a secret are taken for either setting: the proof is the same.
      if (shows_secret(shown.how)) co_return co_await check_secret(provider, std::move(app), std::move(shown.secret));
      break;
    case ClientAuth::secret_jwt:
    case ClientAuth::private_key_jwt:
      if (shown.how == Presented::assertion)
        co_return co_await check_assertion(provider, call, std::move(server), std::move(app), std::move(shown.assertion));
      break;
    case ClientAuth::tls_client_auth:
      if (shown.how == Presented::id_only) co_return check_authority_certificate(app, call.request);
      break;
    case ClientAuth::self_signed_tls:
      if (shown.how == Presented::id_only) co_return co_await check_self_signed(provider, call, std::move(app));
      break;
  }
  if (shown.how == Presented::id_only) co_return not_proven();
  co_return another_way(app);
}

}  // namespace

bool is_client(const directory::App& app) { return app.active && app.sign_on_mode == "OPENID_CONNECT"; }

Task<Server> server_of(Provider& provider, const net::Call& call) {
  for (const auto& [name, value] : call.path)
    if (name == "authorizationServerId") co_return co_await provider.servers().find(value);
  co_return co_await provider.servers().find("");
}

std::vector<ClientAuth> client_auth_methods(const Provider& provider) {
  std::vector methods{ClientAuth::secret_basic, ClientAuth::secret_post, ClientAuth::secret_jwt, ClientAuth::private_key_jwt, ClientAuth::none};
  const auto& taken = provider.certificates();
  if (taken.of_authorities) methods.push_back(ClientAuth::tls_client_auth);
  if (taken.self_signed) methods.push_back(ClientAuth::self_signed_tls);
  return methods;
}

std::vector<jose::Alg> assertion_algs() {
  std::vector<jose::Alg> all(jose::kAsymmetricAlgs.begin(), jose::kAsymmetricAlgs.end());
  all.insert(all.end(), jose::kSymmetricAlgs.begin(), jose::kSymmetricAlgs.end());
  return all;
}

Task<directory::App> authenticate_client(Provider& provider, const net::Call& call, Server server, oauth::Params params, Proof proof) {
  const auto& fields = call.request.fields;
  if (fields.count(net::Header::authorization) > 1) co_return no_client("More than one Authorization header.");
  const std::string authorization(fields.only(net::Header::authorization).value_or(""));
  GH_CO_TRY(auto shown, oauth::read_credentials(authorization, params));
  if (shown.how == Presented::nothing) co_return not_proven();
  // RFC 6749 §2.3.1; addresses end up in logs. Assertions may come there: the OpenMetadata bot sends them so, and they pass.
  if (shown.how == Presented::secret_post && call.body.empty())
    co_return oauth::refusal(oauth::Code::invalid_request, "A client_secret must not be sent in the address.");

  GH_CO_TRY(auto app, co_await find_client(provider, shown.client_id));
  GH_CO_DO(co_await prove(provider, call, std::move(server), app, std::move(shown)));
  if (app.auth == ClientAuth::none && proof == Proof::required) co_return no_client("This needs a client that can prove who it is.");
  co_return app;
}

std::string claimed_client(const net::Call& call, const oauth::Params& params) {
  const std::string authorization(call.request.fields.only(net::Header::authorization).value_or(""));
  auto shown = oauth::read_credentials(authorization, params);
  return shown && !shown->client_id.empty() ? std::move(shown->client_id) : params.text("client_id");
}

}  // namespace gatehouse::idp
