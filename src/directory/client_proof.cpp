#include "directory/client_proof.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "core/bytes.h"
#include "core/text.h"
#include "crypto/hash.h"
#include "directory/happened.h"
#include "directory/memory.h"

namespace gatehouse::directory {
namespace {

constexpr std::array<std::string_view, kClientAuths> kNames = {"none",
                                                               "client_secret_basic",
                                                               "client_secret_post",
                                                               "client_secret_jwt",
                                                               "private_key_jwt",
                                                               "tls_client_auth",
                                                               "self_signed_tls_client_auth"};
// RFC 7518 §6.2.2, §6.3.2, §6.4; RFC 8037 §2.
constexpr std::array<std::string_view, 8> kPrivateMembers = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"};
constexpr std::array<std::string_view, 3> kSecretAlgs = {"HS256", "HS384", "HS512"};
constexpr std::array<std::string_view, 10> kKeyAlgs = {"RS256", "RS384", "RS512", "PS256", "PS384",
                                                       "PS512", "ES256", "ES384", "ES512", "EdDSA"};
constexpr std::size_t kSubjectMax = 1024;

bool uses_keys(ClientAuth auth) { return auth == ClientAuth::private_key_jwt || auth == ClientAuth::self_signed_tls; }

template <std::size_t n>
bool has(const std::array<std::string_view, n>& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

Result<void> check_key(const ClientKey& key) {
  if (key.jwk.size() > kClientKeyMax) return failure(Fault::invalid, "jwks: a key is larger than 16 KiB");
  const auto jwk = parse_json(key.jwk);
  if (!jwk || !jwk->is_object()) return failure(Fault::invalid, "jwks: a key is not a JSON object");
  for (const auto name : kPrivateMembers)
    if (find(*jwk, name) != nullptr) return failure(Fault::invalid, "jwks: a key comes with its private half");
  return {};
}

Result<void> check_keys(const std::vector<ClientKey>& keys) {
  if (keys.size() > kClientKeysMax)
    return failure(Fault::invalid, fmt::format("jwks: more than {} keys", kClientKeysMax));
  std::set<std::string> kids;
  std::size_t bytes = 0;
  for (const auto& key : keys) {
    GH_DO(check_key(key));
    bytes += key.jwk.size();
    const auto kid = find_string(parse_json(key.jwk).value(), "kid").value_or("");
    if (kid.empty() && keys.size() > 1)
      return failure(Fault::invalid, "jwks: Each key should have a unique kid when adding multiple keys.");
    if (!kids.insert(kid).second)
      return failure(Fault::invalid, "jwks: All keys in the 'jwks' must have a unique `kid`.");
  }
  if (bytes > kClientKeysBytesMax) return failure(Fault::invalid, "jwks: the keys are larger than 64 KiB together");
  return {};
}

// Whoever can answer in the place of a plain address chooses the keys. On this machine nobody else can.
Result<void> check_jwks_uri(const std::string& uri) {
  constexpr std::string_view kHere[] = {"http://localhost:", "http://localhost/",
                                        "http://127.0.0.1:", "http://127.0.0.1/"};
  const bool here = std::ranges::any_of(kHere, [&](auto prefix) { return uri.starts_with(prefix); });
  const bool plain = std::ranges::all_of(uri, [](char c) { return c > 0x20 && c < 0x7F; });
  if (!plain || uri.size() > kUriMax || uri.contains('#') || (!here && !uri.starts_with("https://")))
    return failure(Fault::invalid, "jwks_uri: must be an https address");
  return {};
}

Result<void> check_alg(const App& app) {
  if (app.auth_signing_alg.empty()) return {};
  if (app.auth == ClientAuth::secret_jwt && has(kSecretAlgs, app.auth_signing_alg)) return {};
  if (app.auth == ClientAuth::private_key_jwt && has(kKeyAlgs, app.auth_signing_alg)) return {};
  return failure(Fault::invalid, fmt::format("token_endpoint_auth_signing_alg: '{}' does not go with {}",
                                             app.auth_signing_alg, name_of(app.auth)));
}

// The type is hashed too: a secret of one kind never fits where another kind is asked for.
std::string hash_of(const Secret& secret, std::string typed = "client_secret:") {
  typed += secret.reveal();
  return base64url_encode(crypto::sha256(typed));
}

std::string sealed_in(const OrgId& org, const App& app, std::string_view secret_id) {
  return fmt::format("apps/{}/{}/secrets/{}", org.str(), app.id.str(), secret_id);
}

std::unexpected<Error> cannot_seal() {
  return failure(Fault::internal, "client_secret_jwt: there is no key to seal the secret with");
}

ClientSecret told(const StoredSecret& secret) {
  // 16 bytes of a hash of the hash, as long as Okta's.
  return {secret.id, secret.active, base64url_encode(crypto::sha256(secret.hash).substr(0, 16)), secret.created,
          secret.updated};
}

Result<std::vector<StoredSecret>::iterator> named(StoredApp& app, std::string_view id) {
  const auto found = std::ranges::find(app.secrets, id, &StoredSecret::id);
  if (found == app.secrets.end()) return failure(Fault::missing, "client_secret: not found");
  return found;
}

}  // namespace

std::string_view name_of(ClientAuth auth) { return kNames.at(static_cast<std::size_t>(auth)); }

std::optional<ClientAuth> client_auth_named(std::string_view name) {
  const auto found = std::ranges::find(kNames, name);
  if (found == kNames.end()) return std::nullopt;
  return static_cast<ClientAuth>(found - kNames.begin());
}

bool has_secret(ClientAuth auth) {
  return auth == ClientAuth::secret_basic || auth == ClientAuth::secret_post || auth == ClientAuth::secret_jwt;
}

bool needs_new_secret(ClientAuth before, ClientAuth after) {
  if (after == ClientAuth::secret_jwt) return before != ClientAuth::secret_jwt;
  return has_secret(after) && !has_secret(before);
}

Result<void> check_client_proof(const App& app) {
  GH_DO(check_keys(app.keys));
  GH_DO(check_alg(app));
  if (!app.jwks_uri.empty()) GH_DO(check_jwks_uri(app.jwks_uri));
  // RFC 7591 §2: "The 'jwks_uri' and 'jwks' parameters MUST NOT both be present".
  if (!app.keys.empty() && !app.jwks_uri.empty()) return failure(Fault::invalid, "jwks: give either jwks or jwks_uri");
  if (uses_keys(app.auth) && app.keys.empty() && app.jwks_uri.empty())
    return failure(Fault::invalid,
                   fmt::format("jwks: {} needs the client's public keys, in jwks or at jwks_uri", name_of(app.auth)));
  if ((app.auth == ClientAuth::tls_client_auth) != app.tls_subject.has_value())
    return failure(
        Fault::invalid,
        "tls_client_auth: needs exactly one of the tls_client_auth_subject_dn and tls_client_auth_san_ members, "
        "and nothing else may have one");
  if (app.tls_subject && (app.tls_subject->value.empty() || app.tls_subject->value.size() > kSubjectMax ||
                          !is_utf8(app.tls_subject->value)))
    return failure(Fault::invalid, "tls_client_auth: the subject has 1 to 1024 bytes");
  if (app.certificate_bound && app.auth == ClientAuth::none)
    return failure(Fault::invalid,
                   "tls_client_certificate_bound_access_tokens: a public client's refresh tokens would not be bound");
  return {};
}

Result<void> check_given_secret(ClientAuth auth, const Secret& secret) {
  const auto text = secret.reveal();
  if (!has_secret(auth))
    return failure(Fault::invalid, fmt::format("client_secret: cannot be used with {}", name_of(auth)));
  if (text.size() < kGivenSecretMin)
    return failure(Fault::invalid, fmt::format("client_secret: must be at least {} characters", kGivenSecretMin));
  if (text.size() > kGivenSecretMax)
    return failure(Fault::invalid, fmt::format("client_secret: can't be more than {} characters", kGivenSecretMax));
  if (auth == ClientAuth::secret_jwt && text.size() < kSigningSecretMin)
    return failure(Fault::invalid, fmt::format("client_secret: must be at least {} characters for client_secret_jwt",
                                               kSigningSecretMin));
  if (!std::ranges::all_of(text, [](char c) { return c >= 0x20 && c < 0x7F; }))
    return failure(Fault::invalid, "client_secret: must only contain printable ASCII");
  return {};
}

Secret random_secret(Random& random) {
  constexpr std::size_t kLength = 64;  // characters of [A-Za-z0-9], as at Okta; 381 bits
  return Secret(random_text(random, kLength));
}

Result<StoredSecret> kept_secret(const Needs& needs, const OrgId& org, const App& app, const Secret& secret) {
  constexpr std::size_t kIdLength = 17;
  const auto now = needs.clock.now();
  StoredSecret kept{"ocs" + random_text(needs.random, kIdLength), hash_of(secret), "", true, now, now};
  if (app.auth != ClientAuth::secret_jwt) return kept;
  if (needs.sealer == nullptr) return cannot_seal();
  GH_TRY(kept.sealed, needs.sealer->seal(sealed_in(org, app, kept.id), secret.reveal()));
  return kept;
}

void name_keys(App& app, const std::vector<ClientKey>& before, const Needs& needs) {
  constexpr std::size_t kIdLength = 17;
  const auto now = needs.clock.now();
  for (auto& key : app.keys) {
    const auto known = std::ranges::find(before, key.jwk, &ClientKey::jwk);
    if (known != before.end()) {
      key.id = known->id;
      key.created = known->created;
      key.updated = known->active == key.active ? known->updated : now;
    } else {
      key.id = "pks" + random_text(needs.random, kIdLength);
      key.created = key.updated = now;
    }
  }
}

std::vector<StoredSecret> secrets_after(std::vector<StoredSecret> secrets, ClientAuth before, ClientAuth after) {
  if (!has_secret(after) || needs_new_secret(before, after)) return {};
  if (after != ClientAuth::secret_jwt)
    for (auto& secret : secrets) secret.sealed.clear();
  return secrets;
}

Secret registration_token(Random& random) {
  constexpr std::size_t kBytes = 32;
  return Secret("ghm_" + random_token(random, kBytes));
}

std::string hash_of_registration(const Secret& token) { return hash_of(token, "registration_token:"); }

bool is_registration_token(const App& app, const Secret& token) {
  return !app.registration_hash.empty() && equal_constant_time(hash_of_registration(token), app.registration_hash);
}

Task<bool> Apps::check_secret(App app, Secret secret) {
  auto found = co_await client(app.client_id);
  if (!found && found.error().fault() == Fault::missing) co_return false;
  if (!found) co_return std::unexpected(std::move(found.error()));
  if (found->app.id != app.id || !found->app.active) co_return false;
  const auto shown = hash_of(secret);
  bool right = false;
  for (const auto& each : found->secrets)
    if (equal_constant_time(shown, each.hash) && each.active) right = true;
  co_return right;
}

Task<std::vector<Secret>> Apps::signing_secrets(App app) {
  std::vector<Secret> opened;
  auto found = co_await client(app.client_id);
  if (!found && found.error().fault() == Fault::missing) co_return opened;
  if (!found) co_return std::unexpected(std::move(found.error()));
  if (found->app.id != app.id || !found->app.active || found->app.auth != ClientAuth::secret_jwt) co_return opened;
  if (needs_.sealer == nullptr) co_return cannot_seal();
  for (const auto& each : found->secrets) {
    if (!each.active || each.sealed.empty()) continue;
    GH_CO_TRY(auto secret, needs_.sealer->open(sealed_in(org_, app, each.id), each.sealed));
    opened.push_back(std::move(secret));
  }
  co_return opened;
}

Task<void> Apps::keep_secrets(StoredApp app, std::string event_type, std::string message, Cause cause) {
  store::Unit unit;
  unit.push_back(update_secrets(org_, app));
  unit.push_back(needs_.log.statement(org_, happened(event_type, message, cause, app.app)));
  GH_CO_DO(co_await needs_.write(std::move(unit)));
  co_return Result<void>();
}

Task<Secret> Apps::new_secret(AppId id, Cause cause) {
  GH_CO_TRY(auto app, co_await stored(std::move(id)));
  if (!has_secret(app.app.auth)) co_return failure(Fault::conflict, "app: this client has no secret");
  auto secret = random_secret(needs_.random);
  GH_CO_TRY(auto kept, kept_secret(needs_, org_, app.app, secret));
  app.secrets.assign(1, std::move(kept));
  GH_CO_DO(co_await keep_secrets(std::move(app), "app.oauth2.client.lifecycle.new_secret", "Create new client secret",
                                 std::move(cause)));
  co_return secret;
}

Task<std::vector<ClientSecret>> Apps::secrets(AppId id) {
  GH_CO_TRY(const auto app, co_await stored(std::move(id)));
  std::vector<ClientSecret> all;
  for (const auto& secret : app.secrets) all.push_back(told(secret));
  co_return all;
}

Task<NewClientSecret> Apps::add_secret(AppId id, std::optional<Secret> given, bool active, Cause cause) {
  GH_CO_TRY(auto app, co_await stored(std::move(id)));
  auto secret = given ? *std::move(given) : random_secret(needs_.random);
  GH_CO_DO(check_given_secret(app.app.auth, secret));
  if (app.secrets.size() >= kClientSecretsMax)
    co_return failure(Fault::invalid,
                      fmt::format("client_secret: there are {} already; delete one first", kClientSecretsMax));
  GH_CO_TRY(auto kept, kept_secret(needs_, org_, app.app, secret));
  if (std::ranges::find(app.secrets, kept.hash, &StoredSecret::hash) != app.secrets.end())
    co_return failure(Fault::invalid, "client_secret: this is one already");
  kept.active = active || app.secrets.empty();
  NewClientSecret made{told(kept), std::move(secret)};
  app.secrets.push_back(std::move(kept));
  GH_CO_DO(co_await keep_secrets(std::move(app), "app.oauth2.client.lifecycle.new_secret", "Create new client secret",
                                 std::move(cause)));
  co_return made;
}

Task<ClientSecret> Apps::set_secret_active(AppId id, std::string secret_id, bool active, Cause cause) {
  GH_CO_TRY(auto app, co_await stored(std::move(id)));
  GH_CO_TRY(auto found, named(app, secret_id));
  if (found->active == active) co_return told(*found);
  if (!active && std::ranges::count(app.secrets, true, &StoredSecret::active) == 1)
    co_return failure(Fault::invalid, "client_secret: You can't deactivate the only active client secret.");
  found->active = active;
  found->updated = needs_.clock.now();
  const auto changed = told(*found);
  const std::string_view verb = active ? "activate" : "deactivate";
  GH_CO_DO(co_await keep_secrets(std::move(app), fmt::format("app.oauth2.client.secret.{}", verb),
                                 fmt::format("{} client secret", verb), std::move(cause)));
  co_return changed;
}

Task<void> Apps::remove_secret(AppId id, std::string secret_id, Cause cause) {
  GH_CO_TRY(auto app, co_await stored(std::move(id)));
  GH_CO_TRY(auto found, named(app, secret_id));
  if (found->active)
    co_return failure(Fault::invalid, "client_secret: You can't delete an active client secret; deactivate it first.");
  app.secrets.erase(found);
  co_return co_await keep_secrets(std::move(app), "app.oauth2.client.secret.delete", "delete client secret",
                                  std::move(cause));
}

}  // namespace gatehouse::directory
