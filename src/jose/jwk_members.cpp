#include "jose/jwk_members.h"

#include <algorithm>
#include <array>

#include "core/bytes.h"
#include "core/text.h"
#include "crypto/hash.h"
#include "jose/jwk.h"
#include "jose/jwk_x509.h"

namespace gatehouse::jose::members {
namespace {

using crypto::KeyType;

constexpr std::size_t kKeyOpsMax = 10;
constexpr std::array<std::string_view, 6> kPrivateNames{"d", "p", "q", "dp", "dq", "qi"};

std::array<const Secret*, 6> private_numbers(const crypto::PrivateComponents& parts) {
  return {&parts.d, &parts.p, &parts.q, &parts.dp, &parts.dq, &parts.qi};  // in the order of kPrivateNames
}

std::string_view kty_of(KeyType type) {
  switch (type) {
    case KeyType::rsa: return "RSA";
    case KeyType::ed25519:
    case KeyType::x25519: return "OKP";
    case KeyType::p256:
    case KeyType::p384:
    case KeyType::p521: return "EC";
  }
  std::unreachable();
}

Result<KeyType> curve_of(const json::value& key, std::string_view kty) {
  const auto curve = find_string(key, "crv").value_or("");
  for (const auto type : {KeyType::p256, KeyType::p384, KeyType::p521, KeyType::ed25519, KeyType::x25519})
    if (curve == crypto::name_of(type) && kty == kty_of(type)) return type;
  return refused(kty == "OKP" ? "of the curves of OKP only Ed25519 and X25519 are used here"
                              : "of the curves of EC only P-256, P-384 and P-521 are used here");
}

Result<crypto::PublicComponents> read_public(const json::value& key, std::string_view kty) {
  crypto::PublicComponents parts;
  if (kty == "RSA") {
    if (find(key, "oth") != nullptr) return refused("RSA keys with more than two primes are not used here");
    GH_TRY(parts.n, needed(key, "n"));
    GH_TRY(parts.e, needed(key, "e"));
    return parts;
  }
  GH_TRY(parts.type, curve_of(key, kty));
  GH_TRY(parts.x, needed(key, "x"));
  if (kty != "OKP") {
    GH_TRY(parts.y, needed(key, "y"));
  }
  return parts;
}

Result<crypto::PrivateKey> read_private(const json::value& key, crypto::PublicComponents open) {
  crypto::PrivateComponents parts;
  parts.open = std::move(open);
  const std::array<Secret*, 6> targets{&parts.d, &parts.p, &parts.q, &parts.dp, &parts.dq, &parts.qi};
  const std::size_t count = parts.open.type == KeyType::rsa ? targets.size() : 1;
  for (std::size_t i = 0; i < count; ++i) {
    GH_TRY(auto value, bytes(key, kPrivateNames[i]));
    *targets[i] = Secret(std::move(value));
  }
  return crypto::PrivateKey::from_components(parts);
}

json::string_view name(std::string_view text) { return {text.data(), text.size()}; }

}  // namespace

std::unexpected<Error> refused(std::string why, std::source_location at) { return failure(Fault::invalid, "jwk: " + std::move(why), at); }

Result<std::string> bytes(const json::value& key, std::string_view name) {
  const auto* member = find(key, name);
  if (member == nullptr) return std::string();
  if (!member->is_string()) return refused(std::string(name) + " must be a string");
  auto decoded = base64url_decode(std::string_view(member->get_string()));
  if (!decoded || decoded->empty()) return refused(std::string(name) + " is not base64url");
  return decoded;
}

Result<std::string> needed(const json::value& key, std::string_view name) {
  GH_TRY(auto value, bytes(key, name));
  if (value.empty()) return refused(std::string(name) + " is missing");
  return value;
}

Result<std::optional<std::string>> text(const json::value& key, std::string_view name) {
  const auto* member = find(key, name);
  if (member == nullptr) return std::nullopt;
  if (!member->is_string()) return refused(std::string(name) + " must be a string");
  return std::string(member->get_string());
}

Result<std::optional<std::vector<std::string>>> operations(const json::value& key) {
  const auto* ops = find(key, "key_ops");
  if (ops == nullptr) return std::nullopt;
  auto names = find_strings(key, "key_ops");
  if (!ops->is_array() || names.size() != ops->get_array().size() || names.size() > kKeyOpsMax) return refused("key_ops cannot be read");
  std::ranges::sort(names);
  if (std::ranges::adjacent_find(names) != names.end()) return refused("key_ops names an operation twice");
  return names;
}

Result<KeyPair> asymmetric(const json::value& key, std::string_view kty) {
  GH_TRY(auto parts, read_public(key, kty));
  if (find(key, "d") != nullptr) {
    GH_TRY(auto pair, read_private(key, std::move(parts)));
    GH_DO(check_x509(key, pair.public_key()));
    return pair;
  }
  GH_TRY(auto open, crypto::PublicKey::from_components(parts));
  GH_DO(check_x509(key, open));
  return open;
}

Result<crypto::PublicKey> open_half(const json::value& key) {
  const auto kty = find_string(key, "kty").value_or("");
  if (!is_asymmetric(kty)) return refused("its kty is not RSA, EC or OKP");
  GH_TRY(const auto parts, read_public(key, kty));
  return crypto::PublicKey::from_components(parts);
}

bool is_asymmetric(std::string_view kty) { return kty == "RSA" || kty == "EC" || kty == "OKP"; }
bool is_kid(std::string_view kid) { return kid.size() <= kKidMax && is_utf8(kid); }

json::object essential(const crypto::PublicKey& key) {
  const auto parts = key.components();
  json::object members;
  if (parts.type == KeyType::rsa) members["e"] = base64url_encode(parts.e);
  if (parts.type != KeyType::rsa) members["crv"] = name(crypto::name_of(parts.type));
  members["kty"] = name(kty_of(parts.type));
  if (parts.type == KeyType::rsa) members["n"] = base64url_encode(parts.n);
  if (parts.type != KeyType::rsa) members["x"] = base64url_encode(parts.x);
  if (!parts.y.empty()) members["y"] = base64url_encode(parts.y);
  return members;
}

void add_private(json::object& to, const crypto::PrivateKey& key) {
  const auto parts = key.components();
  const auto numbers = private_numbers(parts);
  for (std::size_t i = 0; i < numbers.size(); ++i)
    if (!numbers[i]->empty()) to[name(kPrivateNames[i])] = base64url_encode(numbers[i]->reveal());
}

std::string thumbprint(const crypto::PublicKey& key) { return base64url_encode(crypto::sha256(to_text(essential(key)))); }

std::string thumbprint(const Secret& bytes) {
  const json::object members{{"k", base64url_encode(bytes.reveal())}, {"kty", "oct"}};
  return base64url_encode(crypto::sha256(to_text(members)));
}

bool has_private_half(const json::value& key) {
  return std::ranges::any_of(kPrivateNames, [&](std::string_view member) { return find(key, member) != nullptr; });
}

Result<const json::array*> entries(const json::value& set) {
  const auto* list = find(set, "keys");
  if (list == nullptr || !list->is_array()) return failure(Fault::invalid, "jwks: must be a JSON object with an array \"keys\"");
  if (list->get_array().size() > kKeySetKeysMax) return failure(Fault::invalid, "jwks: more than 100 keys");
  if (!std::ranges::all_of(list->get_array(), [](const json::value& entry) { return entry.is_object(); }))
    return failure(Fault::invalid, "jwks: every key must be a JSON object");
  return &list->get_array();
}

bool repeats_a_kid(const json::array& entries, std::string_view use) {
  std::vector<std::string> kids;
  for (const auto& entry : entries) {
    const auto kty = find_string(entry, "kty").value_or("");
    auto kid = find_string(entry, "kid").value_or("");
    if (kid.empty() || find_string(entry, "use").value_or(std::string(use)) != use || (kty != "oct" && !is_asymmetric(kty))) continue;
    kids.push_back(std::move(kid));
  }
  std::ranges::sort(kids);
  return std::ranges::adjacent_find(kids) != kids.end();
}

}  // namespace gatehouse::jose::members
