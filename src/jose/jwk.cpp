#include "jose/jwk.h"

#include <algorithm>
#include <array>

#include "core/bytes.h"
#include "core/text.h"
#include "crypto/hash.h"

namespace gatehouse::jose {
namespace {

using crypto::KeyType;

constexpr std::size_t kKeyOpsMax = 10;

crypto::Hash hash_of(Alg alg) {
  return alg == Alg::HS256 ? crypto::Hash::sha256 : alg == Alg::HS384 ? crypto::Hash::sha384 : crypto::Hash::sha512;
}

std::unexpected<Error> refused(std::string why) { return failure(Fault::invalid, "jwk: " + std::move(why)); }

// A member that must be base64url when it is there; empty when it is not.
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

// Absent: empty. Of another type: refused, because what it says cannot be respected.
Result<std::optional<std::string>> text(const json::value& key, std::string_view name) {
  const auto* member = find(key, name);
  if (member == nullptr) return std::nullopt;
  if (!member->is_string()) return refused(std::string(name) + " must be a string");
  return std::string(member->get_string());
}

Result<crypto::PublicComponents> read_public(const json::value& key, std::string_view kty) {
  crypto::PublicComponents parts;
  if (kty == "RSA") {
    if (find(key, "oth") != nullptr) return refused("RSA keys with more than two primes are not used here");
    GH_TRY(parts.n, needed(key, "n"));
    GH_TRY(parts.e, needed(key, "e"));
    return parts;
  }
  const auto curve = find_string(key, "crv").value_or("");
  GH_TRY(parts.x, needed(key, "x"));
  if (kty == "OKP") {
    if (curve != "Ed25519") return refused("of the curves of OKP only Ed25519 is used here");
    parts.type = KeyType::ed25519;
    return parts;
  }
  GH_TRY(parts.y, needed(key, "y"));
  for (const auto type : {KeyType::p256, KeyType::p384, KeyType::p521}) {
    if (curve != crypto::name_of(type)) continue;
    parts.type = type;
    return parts;
  }
  return refused("of the curves of EC only P-256, P-384 and P-521 are used here");
}

Result<crypto::PrivateKey> read_private(const json::value& key, crypto::PublicComponents open) {
  crypto::PrivateComponents parts;
  parts.open = std::move(open);
  const std::array<std::pair<std::string_view, Secret*>, 6> members{
      {{"d", &parts.d}, {"p", &parts.p}, {"q", &parts.q}, {"dp", &parts.dp}, {"dq", &parts.dq}, {"qi", &parts.qi}}};
  for (const auto& [name, target] : members) {
    if (parts.open.type != KeyType::rsa && name != "d") continue;
    GH_TRY(auto value, bytes(key, name));
    *target = Secret(std::move(value));
  }
  return crypto::PrivateKey::from_components(parts);
}

struct Purpose {
  bool sign = true, verify = true;
};

// RFC 7517 §4.2, §4.3. A key for encryption is none of ours.
Result<Purpose> read_purpose(const json::value& key) {
  GH_TRY(const auto use, text(key, "use"));
  if (use && *use != "sig") return refused("its use is not signing");
  const auto* ops = find(key, "key_ops");
  if (ops == nullptr) return Purpose{};
  auto names = find_strings(key, "key_ops");
  if (!ops->is_array() || names.size() != ops->get_array().size() || names.size() > kKeyOpsMax) return refused("key_ops cannot be read");
  std::ranges::sort(names);
  if (std::ranges::adjacent_find(names) != names.end()) return refused("key_ops names an operation twice");
  const Purpose purpose{std::ranges::binary_search(names, "sign"), std::ranges::binary_search(names, "verify")};
  if (!purpose.sign && !purpose.verify) return refused("its key_ops have neither sign nor verify");
  return purpose;
}

Result<std::optional<Alg>> read_alg(const json::value& key) {
  GH_TRY(const auto name, text(key, "alg"));
  if (!name) return std::nullopt;
  const auto alg = alg_named(*name);
  if (!alg) return refused("its alg is not a signature algorithm that is known here");
  return alg;
}

bool is_kid(std::string_view kid) { return kid.size() <= kKidMax && is_utf8(kid); }

std::string kty_of(KeyType type) { return type == KeyType::rsa ? "RSA" : type == KeyType::ed25519 ? "OKP" : "EC"; }

// The members that make the key, in the order of RFC 7638 §3.2.
json::object essential(const crypto::PublicKey& key) {
  const auto parts = key.components();
  json::object members;
  if (parts.type == KeyType::rsa) members["e"] = base64url_encode(parts.e);
  if (parts.type != KeyType::rsa) members["crv"] = std::string(crypto::name_of(parts.type));
  members["kty"] = kty_of(parts.type);
  if (parts.type == KeyType::rsa) members["n"] = base64url_encode(parts.n);
  if (parts.type != KeyType::rsa) members["x"] = base64url_encode(parts.x);
  if (!parts.y.empty()) members["y"] = base64url_encode(parts.y);
  return members;
}

}  // namespace

Result<Jwk> Jwk::make(Material key, std::string kid, std::optional<Alg> alg) {
  if (!is_kid(kid)) return refused("its kid is longer than 256 bytes or not UTF-8");
  Jwk made(std::move(key), std::move(kid), std::nullopt);
  if (alg && !made.fits(*alg)) return refused("its alg does not fit its type");
  made.alg_ = alg;
  return made;
}

Result<Jwk> Jwk::of(crypto::PublicKey key, std::string kid, std::optional<Alg> alg) {
  GH_TRY(auto made, make(std::move(key), std::move(kid), alg));
  if (made.kid_.empty()) made.kid_ = made.thumbprint();
  made.may_sign_ = false;
  return made;
}

Result<Jwk> Jwk::of(crypto::PrivateKey key, std::string kid, std::optional<Alg> alg) {
  GH_TRY(auto made, make(std::move(key), std::move(kid), alg));
  if (made.kid_.empty()) made.kid_ = made.thumbprint();
  return made;
}

Result<Jwk> Jwk::of(Secret bytes, std::string kid, Alg alg) {
  if (!is_symmetric(alg)) return refused("an oct key is for HS256, HS384 or HS512 only");
  if (bytes.reveal().size() < crypto::size_of(hash_of(alg))) return refused("an oct key must be as long as its hash");
  if (bytes.reveal().size() > kSecretKeyMax) return refused("an oct key has at most 1024 bytes");
  return make(std::move(bytes), std::move(kid), alg);
}

Result<Jwk> Jwk::parse(const json::value& value) {
  if (!value.is_object()) return refused("must be a JSON object");
  const auto kty = find_string(value, "kty").value_or("");
  GH_TRY(const auto purpose, read_purpose(value));
  GH_TRY(const auto alg, read_alg(value));
  GH_TRY(const auto kid, text(value, "kid"));

  std::optional<Jwk> key;
  if (kty == "oct") {
    if (!alg) return refused("an oct key must say its alg");
    GH_TRY(auto secret, needed(value, "k"));
    GH_TRY(key, of(Secret(std::move(secret)), kid.value_or(""), *alg));
  } else if (kty == "RSA" || kty == "EC" || kty == "OKP") {
    GH_TRY(auto parts, read_public(value, kty));
    if (find(value, "d") != nullptr) {
      GH_TRY(auto pair, read_private(value, std::move(parts)));
      GH_TRY(key, make(std::move(pair), kid.value_or(""), alg));
    } else {
      GH_TRY(auto open, crypto::PublicKey::from_components(parts));
      GH_TRY(key, make(std::move(open), kid.value_or(""), alg));
    }
  } else {
    return refused("its kty is not RSA, EC, OKP or oct");
  }
  key->may_sign_ = purpose.sign;
  key->may_verify_ = purpose.verify;
  return *std::move(key);
}

bool Jwk::fits(Alg alg) const {
  if (alg_) return alg == *alg_;
  const auto* open = public_key();
  const auto signature = signature_of(alg);
  return open == nullptr ? !signature : signature && crypto::fits(*signature, open->type());
}

Alg Jwk::signing_alg() const {
  if (alg_) return *alg_;
  switch (public_key()->type()) {  // a symmetric key always has its alg
    case KeyType::rsa: return Alg::RS256;
    case KeyType::p256: return Alg::ES256;
    case KeyType::p384: return Alg::ES384;
    case KeyType::p521: return Alg::ES512;
    case KeyType::ed25519: return Alg::EdDSA;
  }
  std::unreachable();
}

Result<std::string> Jwk::sign(Alg alg, std::string_view data) const {
  if (!can_sign() || !fits(alg)) return refused("this key does not sign, or not with " + std::string(name_of(alg)));
  if (const auto* secret = std::get_if<Secret>(&key_)) return crypto::hmac(hash_of(alg), secret->reveal(), data);
  return std::get<crypto::PrivateKey>(key_).sign(*signature_of(alg), data);
}

bool Jwk::verify(Alg alg, std::string_view data, std::string_view signature) const {
  if (!can_verify() || !fits(alg)) return false;
  if (const auto* secret = std::get_if<Secret>(&key_))
    return equal_constant_time(crypto::hmac(hash_of(alg), secret->reveal(), data), signature);
  return public_key()->verify(*signature_of(alg), data, signature);
}

const crypto::PublicKey* Jwk::public_key() const {
  if (const auto* pair = std::get_if<crypto::PrivateKey>(&key_)) return &pair->public_key();
  return std::get_if<crypto::PublicKey>(&key_);
}

Result<json::object> Jwk::public_json() const {
  const auto* open = public_key();
  if (open == nullptr) return failure(Fault::denied, "jwk: a symmetric key has no public half");
  auto members = essential(*open);
  if (!kid_.empty()) members["kid"] = kid_;
  if (alg_) members["alg"] = std::string(name_of(*alg_));
  members["use"] = "sig";
  return members;
}

json::object Jwk::secret_json() const {
  json::object members;
  if (const auto* secret = std::get_if<Secret>(&key_)) {
    members["kty"] = "oct";
    members["k"] = base64url_encode(secret->reveal());
    members["alg"] = std::string(name_of(*alg_));
    members["use"] = "sig";
    if (!kid_.empty()) members["kid"] = kid_;
    return members;
  }
  members = public_json().value();
  const auto* pair = std::get_if<crypto::PrivateKey>(&key_);
  if (pair == nullptr) return members;
  const auto parts = pair->components();
  const std::array<std::pair<std::string_view, const Secret*>, 6> secrets{
      {{"d", &parts.d}, {"p", &parts.p}, {"q", &parts.q}, {"dp", &parts.dp}, {"dq", &parts.dq}, {"qi", &parts.qi}}};
  for (const auto& [name, value] : secrets)
    if (!value->empty()) members[json::string_view(name.data(), name.size())] = base64url_encode(value->reveal());
  return members;
}

std::string Jwk::thumbprint() const {
  const auto* open = public_key();
  json::object members;
  if (open != nullptr) {
    members = essential(*open);
  } else {
    members["k"] = base64url_encode(std::get<Secret>(key_).reveal());
    members["kty"] = "oct";
  }
  return base64url_encode(crypto::sha256(to_text(members)));
}

}  // namespace gatehouse::jose
