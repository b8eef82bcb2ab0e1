#include "idp/client_keys.h"

#include <algorithm>
#include <array>

#include "core/bytes.h"
#include "jose/encryption_key.h"
#include "jose/jwk_x509.h"
#include "oauth/client/discovery.h"
#include "oauth/error.h"

namespace gatehouse::idp {
namespace {

// RFC 7517 §4, RFC 7518 §6. What else clients send (status, _links …) is none of the key.
constexpr std::array<std::string_view, 12> kPublicMembers = {"kty", "use", "key_ops", "alg", "kid", "n",
                                                             "e",   "crv", "x",       "y",   "x5c", "x5t#S256"};
constexpr std::array<std::string_view, 8> kPrivateMembers = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"};

std::unexpected<Error> bad(const std::string& kid, std::string_view why) {
  auto named = kid.empty() ? std::string("a key") : "the key '" + kid.substr(0, jose::kKidMax) + "'";
  return failure(Fault::invalid, "jwks: " + std::move(named) + " " + std::string(why));
}

Result<void> check_key(const json::object& jwk, const std::string& kid) {
  if (find_string(jwk, "use") == "enc") {
    const auto key = jose::EncryptionKey::parse(jwk);
    if (!key) return bad(kid, "cannot be used: " + key.error().message());
    return {};
  }
  const auto key = jose::Jwk::parse(jwk);
  if (!key) return bad(kid, "cannot be used: " + key.error().message());
  if (!key->can_verify()) return bad(kid, "is not for verifying (key_ops)");
  return {};
}

// The certificate that comes with a key, if one does. KeySet::parse leaves out what cannot be used or was published as
// a pair; so does this.
std::optional<std::string> certificate_of(const json::value& jwk) {
  const auto key = jose::Jwk::parse(jwk);
  if (!key || key->can_sign()) return std::nullopt;
  const auto members = jose::read_x509(jwk);
  if (!members) return std::nullopt;
  if (!members->chain.empty()) return jose::x5t_s256(members->chain.front());
  if (!members->x5t_s256.empty()) return base64url_encode(members->x5t_s256);
  return std::nullopt;
}

Result<KnownKeys> known_keys(const json::value& jwks) {
  KnownKeys known;
  GH_TRY(known.set, jose::KeySet::parse(jwks));
  for (const auto& jwk : find(jwks, "keys")->get_array())  // parse() has seen that it is an array
    if (auto certificate = certificate_of(jwk)) known.certificates.push_back(*std::move(certificate));
  return known;
}

}  // namespace

Result<directory::ClientKey> read_client_key(const json::value& jwk) {
  if (!jwk.is_object()) return bad("", "is not a JSON object");
  const auto kid = find_string(jwk, "kid").value_or("");
  for (const auto name : kPrivateMembers)
    if (find(jwk, name) != nullptr)
      return bad(kid, "comes with its private half ('" + std::string(name) +
                          "'), which nobody but the client may have: make a new pair and send its public half only");
  json::object kept;
  for (const auto name : kPublicMembers)
    if (const auto* member = find(jwk, name); member != nullptr && !member->is_null()) kept[name] = *member;
  GH_DO(check_key(kept, kid));
  directory::ClientKey key;
  key.jwk = to_text(kept);
  key.active = find_string(jwk, "status").value_or("ACTIVE") != "INACTIVE";
  return key;
}

Result<std::vector<directory::ClientKey>> read_client_keys(const json::value& jwks) {
  const auto* list = jwks.is_array() ? &jwks : find(jwks, "keys");
  if (list == nullptr || !list->is_array()) return failure(Fault::invalid, "jwks: must be {\"keys\": […]}");
  if (list->get_array().size() > jose::kKeySetKeysMax) return failure(Fault::invalid, "jwks: more than 100 keys");
  std::vector<directory::ClientKey> keys;
  for (const auto& entry : list->get_array()) {
    GH_TRY(auto key, read_client_key(entry));
    keys.push_back(std::move(key));
  }
  return keys;
}

Result<KnownKeysPtr> ClientKeys::registered(const directory::App& app) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = parsed_.find(app.id.str());
    if (found != parsed_.end() && found->second.version == app.version && found->second.created == app.created) return found->second.keys;
  }
  json::array active;
  for (const auto& key : app.keys) {
    if (!key.active) continue;
    GH_TRY(auto jwk, parse_json(key.jwk));
    active.push_back(std::move(jwk));
  }
  GH_TRY(auto known, known_keys({{"keys", std::move(active)}}));
  auto made = std::make_shared<const KnownKeys>(std::move(known));
  const std::lock_guard lock(mutex_);
  if (parsed_.size() >= kParsedKeysMax) parsed_.clear();
  parsed_.insert_or_assign(app.id.str(), Parsed{app.version, app.created, made});
  return made;
}

std::shared_ptr<oauth::client::Kept<KnownKeys>> ClientKeys::published(const std::string& uri) {
  const std::lock_guard lock(mutex_);
  const auto now = clock_.now();
  if (!published_.contains(uri) && published_.size() >= kKeyAddressesMax)
    published_.erase(std::ranges::min_element(published_, {}, [](const auto& entry) { return entry.second.used; }));
  auto& entry = published_[uri];
  entry.used = now;
  if (!entry.keys)
    entry.keys = std::make_shared<oauth::client::Kept<KnownKeys>>(
        clock_, [this, uri] { return fetch(uri); }, kPublishedKeyTimes);
  return entry.keys;
}

Task<KnownKeys> ClientKeys::fetch(std::string uri) {
  GH_CO_TRY(const auto text, co_await oauth::client::fetch_document(*http_, uri, kPublishedKeysMax));
  auto document = parse_json(text);
  if (!document) co_return failure(Fault::upstream, "jwks_uri: " + uri + " does not answer with JSON");
  auto known = known_keys(*document);
  if (!known)
    co_return failure(Fault::upstream,
                      "jwks_uri: " + uri + " publishes what cannot be used: " + known.error().message());
  // As of issuers: an empty set is what a broken server publishes, not a decision to revoke everything.
  if (known->set.empty()) co_return failure(Fault::upstream, "jwks_uri: " + uri + " publishes no usable key");
  co_return known;
}

Task<KnownKeysPtr> ClientKeys::get(directory::App app, std::string kid) {
  if (app.jwks_uri.empty()) co_return registered(app);
  const auto unavailable = [](Error error) {
    // What the client is told names no address: whoever knows its id may ask.
    auto told =
        oauth::refusal(oauth::Code::invalid_client, "The keys of the client cannot be fetched from its jwks_uri.");
    return std::unexpected(std::move(told.error()).while_doing(error.message()));
  };
  if (http_ == nullptr) co_return unavailable(Error(Fault::internal, "no way to fetch them"));
  const auto kept = published(app.jwks_uri);  // ours too, for as long as somebody waits in it
  auto keys = co_await kept->get();
  if (!keys) co_return unavailable(std::move(keys.error()));
  if (kid.empty() || (*keys)->set.find(kid) != nullptr) co_return keys;
  auto newer = co_await kept->get_newer_than(*std::move(keys));
  if (!newer) co_return unavailable(std::move(newer.error()));
  co_return newer;
}

}  // namespace gatehouse::idp
