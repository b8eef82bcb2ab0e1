#include "jose/jwk.h"

#include <algorithm>

#include "core/bytes.h"
#include "crypto/hash.h"
#include "jose/jwk_members.h"

namespace gatehouse::jose {
namespace {

using crypto::KeyType;
using members::refused;

crypto::Hash hash_of(Alg alg) {
  return alg == Alg::HS256 ? crypto::Hash::sha256 : alg == Alg::HS384 ? crypto::Hash::sha384 : crypto::Hash::sha512;
}

struct Purpose {
  bool sign = true, verify = true;
};

// RFC 7517 §4.2, §4.3. A key for encryption is none of ours.
Result<Purpose> read_purpose(const json::value& key) {
  GH_TRY(const auto use, members::text(key, "use"));
  if (use && *use != "sig") return refused("its use is not signing");
  GH_TRY(const auto ops, members::operations(key));
  if (!ops) return Purpose{};
  const Purpose purpose{std::ranges::binary_search(*ops, "sign"), std::ranges::binary_search(*ops, "verify")};
  if (!purpose.sign && !purpose.verify) return refused("its key_ops have neither sign nor verify");
  return purpose;
}

Result<std::optional<Alg>> read_alg(const json::value& key) {
  GH_TRY(const auto name, members::text(key, "alg"));
  if (!name) return std::nullopt;
  const auto alg = alg_named(*name);
  if (!alg) return refused("its alg is not a signature algorithm that is known here");
  return alg;
}

}  // namespace

Result<Jwk> Jwk::make(Material key, std::string kid, std::optional<Alg> alg) {
  if (!members::is_kid(kid)) return refused("its kid is longer than 256 bytes or not UTF-8");
  Jwk made(std::move(key), std::move(kid), std::nullopt);
  if (const auto* open = made.public_key(); open != nullptr && open->type() == KeyType::x25519) return refused("an X25519 key signs nothing");
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
  GH_TRY(const auto kid, members::text(value, "kid"));

  std::optional<Jwk> key;
  if (kty == "oct") {
    if (!alg) return refused("an oct key must say its alg");
    GH_TRY(auto secret, members::needed(value, "k"));
    GH_TRY(key, of(Secret(std::move(secret)), kid.value_or(""), *alg));
  } else if (members::is_asymmetric(kty)) {
    GH_TRY(auto pair, members::asymmetric(value, kty));
    Material material = std::visit([](auto half) { return Material(std::move(half)); }, std::move(pair));
    GH_TRY(key, make(std::move(material), kid.value_or(""), alg));
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
    case KeyType::x25519: break;  // make() lets none in
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
  auto json = members::essential(*open);
  if (!kid_.empty()) json["kid"] = kid_;
  if (alg_) json["alg"] = std::string(name_of(*alg_));
  json["use"] = "sig";
  return json;
}

json::object Jwk::secret_json() const {
  if (const auto* secret = std::get_if<Secret>(&key_)) {
    json::object json{{"kty", "oct"}, {"k", base64url_encode(secret->reveal())}, {"alg", std::string(name_of(*alg_))}, {"use", "sig"}};
    if (!kid_.empty()) json["kid"] = kid_;
    return json;
  }
  auto json = public_json().value();
  if (const auto* pair = std::get_if<crypto::PrivateKey>(&key_)) members::add_private(json, *pair);
  return json;
}

std::string Jwk::thumbprint() const {
  const auto* open = public_key();
  return open != nullptr ? members::thumbprint(*open) : members::thumbprint(std::get<Secret>(key_));
}

}  // namespace gatehouse::jose
