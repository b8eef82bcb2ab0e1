#include "jose/encryption_key.h"

#include <algorithm>

#include "core/bytes.h"
#include "jose/jwk_members.h"

namespace gatehouse::jose {
namespace {

using crypto::KeyType;
using members::refused;

bool fits_type(KeyAlg alg, KeyType type) {
  if (type == KeyType::ed25519) return false;
  return way_of(alg) == (type == KeyType::rsa ? Way::rsa : Way::agreement);
}

bool fits_secret(KeyAlg alg, std::size_t size) {
  const auto way = way_of(alg);
  if (way == Way::wrap || way == Way::gcm_wrap) return size == wrapping_size(alg);
  return way == Way::direct && std::ranges::any_of(kEveryEnc, [&](Enc enc) { return crypto::sizes_of(enc).key == size; });
}

struct Purpose {
  bool encrypt = true, decrypt = true;
};

// RFC 7517 §4.2, §4.3. The public half of an agreement has no operation of its own (W3C Web Cryptography), hence the empty list.
Result<Purpose> read_purpose(const json::value& key) {
  GH_TRY(const auto use, members::text(key, "use"));
  if (use && *use != "enc") return refused("its use is not encryption");
  GH_TRY(const auto ops, members::operations(key));
  if (!ops || ops->empty()) return Purpose{};
  const auto has = [&](std::string_view name) { return std::ranges::binary_search(*ops, name); };
  if (has("sign") || has("verify")) return refused("its key_ops are for signatures");
  const bool agrees = has("deriveKey") || has("deriveBits");
  const Purpose purpose{agrees || has("encrypt") || has("wrapKey"), agrees || has("decrypt") || has("unwrapKey")};
  if (!purpose.encrypt && !purpose.decrypt) return refused("its key_ops have nothing to do with encryption");
  return purpose;
}

struct Named {
  std::optional<KeyAlg> alg;
  std::optional<Enc> enc;
};

Result<Named> read_alg(const json::value& key) {
  GH_TRY(const auto name, members::text(key, "alg"));
  if (!name) return Named{};
  if (is_refused_key_alg(*name)) return refused("its alg, " + *name + ", is refused here: it lets strangers ask questions of the key");
  if (const auto enc = enc_named(*name)) return Named{KeyAlg::dir, enc};
  const auto alg = key_alg_named(*name);
  if (!alg) return refused("its alg is not an encryption algorithm that is known here");
  return Named{alg, std::nullopt};
}

std::unexpected<Error> no_alg() { return refused("a private or secret key for encryption must say its alg"); }

}  // namespace

Result<EncryptionKey> EncryptionKey::make(Material key, std::string kid, std::optional<KeyAlg> alg, std::optional<Enc> enc) {
  if (!members::is_kid(kid)) return refused("its kid is longer than 256 bytes or not UTF-8");
  EncryptionKey made(std::move(key), std::move(kid));
  const auto* open = made.public_key();
  if (open != nullptr && open->type() == KeyType::ed25519) return refused("an Ed25519 key only signs");
  if (alg && !made.fits(*alg)) return refused("its alg does not fit its type or length");
  if (enc && (alg != KeyAlg::dir || crypto::sizes_of(*enc).key != made.secret()->reveal().size()))
    return refused("its alg does not fit its type or length");
  made.alg_ = alg;
  made.enc_ = enc;
  return made;
}

Result<EncryptionKey> EncryptionKey::of(crypto::PublicKey key, std::string kid, std::optional<KeyAlg> alg) {
  GH_TRY(auto made, make(std::move(key), std::move(kid), alg, {}));
  if (made.kid_.empty()) made.kid_ = made.thumbprint();
  return made;
}

Result<EncryptionKey> EncryptionKey::of(crypto::PrivateKey key, std::string kid, KeyAlg alg) {
  GH_TRY(auto made, make(std::move(key), std::move(kid), alg, {}));
  if (made.kid_.empty()) made.kid_ = made.thumbprint();
  return made;
}

Result<EncryptionKey> EncryptionKey::of(Secret bytes, std::string kid, KeyAlg alg, std::optional<Enc> enc) {
  return make(std::move(bytes), std::move(kid), alg, enc);
}

Result<EncryptionKey> EncryptionKey::parse(const json::value& value) {
  if (!value.is_object()) return refused("must be a JSON object");
  const auto kty = gatehouse::find_string(value, "kty").value_or("");
  GH_TRY(const auto purpose, read_purpose(value));
  GH_TRY(const auto named, read_alg(value));
  GH_TRY(const auto kid, members::text(value, "kid"));

  std::optional<EncryptionKey> key;
  if (kty == "oct") {
    if (!named.alg) return no_alg();
    GH_TRY(auto secret, members::needed(value, "k"));
    GH_TRY(key, make(Secret(std::move(secret)), kid.value_or(""), named.alg, named.enc));
  } else if (members::is_asymmetric(kty)) {
    if (named.enc) return refused("its alg does not fit its type or length");
    GH_TRY(auto pair, members::asymmetric(value, kty));
    if (std::holds_alternative<crypto::PrivateKey>(pair) && !named.alg) return no_alg();
    Material material = std::visit([](auto half) { return Material(std::move(half)); }, std::move(pair));
    GH_TRY(key, make(std::move(material), kid.value_or(""), named.alg, {}));
  } else {
    return refused("its kty is not RSA, EC, OKP or oct");
  }
  key->may_encrypt_ = purpose.encrypt;
  key->may_decrypt_ = purpose.decrypt;
  return *std::move(key);
}

bool EncryptionKey::fits(KeyAlg alg) const {
  if (alg_) return alg == *alg_;
  const auto* open = public_key();
  return open != nullptr ? fits_type(alg, open->type()) : fits_secret(alg, secret()->reveal().size());
}

bool EncryptionKey::fits(KeyAlg alg, Enc enc) const {
  if (!fits(alg)) return false;
  if (alg != KeyAlg::dir) return true;
  return enc_ ? *enc_ == enc : crypto::sizes_of(enc).key == secret()->reveal().size();
}

Result<EncryptionKey> EncryptionKey::bound_to(KeyAlg alg) const {
  if (!fits(alg)) return refused("this key is not for " + std::string(name_of(alg)));
  auto bound = *this;
  bound.alg_ = alg;
  return bound;
}

const crypto::PublicKey* EncryptionKey::public_key() const {
  if (const auto* pair = private_key()) return &pair->public_key();
  return std::get_if<crypto::PublicKey>(&key_);
}
const crypto::PrivateKey* EncryptionKey::private_key() const { return std::get_if<crypto::PrivateKey>(&key_); }
const Secret* EncryptionKey::secret() const { return std::get_if<Secret>(&key_); }

Result<json::object> EncryptionKey::public_json() const {
  const auto* open = public_key();
  if (open == nullptr) return failure(Fault::denied, "jwk: a symmetric key has no public half");
  auto json = members::essential(*open);
  if (!kid_.empty()) json["kid"] = kid_;
  if (alg_) json["alg"] = std::string(name_of(*alg_));
  json["use"] = "enc";
  return json;
}

json::object EncryptionKey::secret_json() const {
  if (const auto* bytes = secret()) {
    const auto alg = enc_ ? name_of(*enc_) : name_of(*alg_);
    json::object json{{"kty", "oct"}, {"k", base64url_encode(bytes->reveal())}, {"alg", std::string(alg)}, {"use", "enc"}};
    if (!kid_.empty()) json["kid"] = kid_;
    return json;
  }
  auto json = public_json().value();
  if (const auto* pair = private_key()) members::add_private(json, *pair);
  return json;
}

std::string EncryptionKey::thumbprint() const {
  const auto* open = public_key();
  return open != nullptr ? members::thumbprint(*open) : members::thumbprint(*secret());
}

}  // namespace gatehouse::jose
