// Keys to encrypt to and to decrypt with (RFC 7517, `use` "enc"): another kind than the Jwk of signatures, so that neither
// can be used as the other. The algorithm is a property of the key. A set has one kind, as with signatures.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/json.h"
#include "core/secret.h"
#include "crypto/keys.h"
#include "jose/jwe_alg.h"
#include "jose/jwk.h"

namespace gatehouse::jose {

class EncryptionKey {
 public:
  // Somebody else's. Without `alg` it takes every algorithm of its type; bound_to() narrows it. Without kid: thumbprint.
  static Result<EncryptionKey> of(crypto::PublicKey key, std::string kid = {}, std::optional<KeyAlg> alg = {});
  // Our own always has its algorithm, so that a token cannot choose one.
  static Result<EncryptionKey> of(crypto::PrivateKey key, std::string kid, KeyAlg alg);
  // Exactly as long as `alg` says. For `dir` the key is the content key: `enc` is its one cipher.
  static Result<EncryptionKey> of(Secret bytes, std::string kid, KeyAlg alg, std::optional<Enc> enc = {});
  // Keys for something else (use "sig", key_ops of signatures) and private or secret keys without alg are refused.
  // A `dir` key has alg "dir" (its length must then fit one cipher of the token) or the name of its cipher (RFC 7520 §5.6).
  static Result<EncryptionKey> parse(const json::value& value);

  KeyKind kind() const { return std::holds_alternative<Secret>(key_) ? KeyKind::symmetric : KeyKind::asymmetric; }
  const std::string& kid() const { return kid_; }
  std::optional<KeyAlg> alg() const { return alg_; }
  bool can_encrypt() const { return may_encrypt_; }
  bool can_decrypt() const { return !std::holds_alternative<crypto::PublicKey>(key_) && may_decrypt_; }
  bool fits(KeyAlg alg) const;
  bool fits(KeyAlg alg, Enc enc) const;  // a `dir` key has one cipher, or one length
  // The same key for one algorithm only; Fault::invalid when it does not fit.
  Result<EncryptionKey> bound_to(KeyAlg alg) const;

  const crypto::PublicKey* public_key() const;    // nullptr for a symmetric key
  const crypto::PrivateKey* private_key() const;  // nullptr unless it is a pair
  const Secret* secret() const;                   // nullptr unless symmetric
  Result<json::object> public_json() const;       // Fault::denied for a symmetric key
  json::object secret_json() const;               // all of it; seal what comes out
  std::string thumbprint() const;                 // RFC 7638

 private:
  using Material = std::variant<crypto::PublicKey, crypto::PrivateKey, Secret>;
  EncryptionKey(Material key, std::string kid) : key_(std::move(key)), kid_(std::move(kid)) {}
  static Result<EncryptionKey> make(Material key, std::string kid, std::optional<KeyAlg> alg, std::optional<Enc> enc);
  Material key_;
  std::string kid_;
  std::optional<KeyAlg> alg_;
  std::optional<Enc> enc_;  // of a `dir` key
  bool may_encrypt_ = true, may_decrypt_ = true;  // key_ops
};

class EncryptionKeySet {
 public:
  EncryptionKeySet() = default;  // no key: decrypts nothing
  // Of one kind, no kid twice.
  static Result<EncryptionKeySet> of(std::vector<EncryptionKey> keys);
  // A published set, with the rules of KeySet::parse: keys for signing, unusable ones and private halves are left out
  // and told; a kid twice or an `oct` key spoils the set.
  static Result<EncryptionKeySet> parse(std::string_view text);
  static Result<EncryptionKeySet> parse(const json::value& value);

  bool empty() const { return keys_.empty(); }
  const std::vector<EncryptionKey>& keys() const { return keys_; }
  const std::vector<std::string>& ignored() const { return ignored_; }  // for the log
  const EncryptionKey* find(std::string_view kid) const;
  // The key to encrypt to with `alg`: the first that fits, one that names the algorithm before one that names none.
  // Fault::missing when there is none.
  Result<EncryptionKey> recipient(KeyAlg alg) const;
  json::object public_json() const;  // {"keys":[…]}: public halves only

 private:
  std::vector<EncryptionKey> keys_;
  std::vector<std::string> ignored_;
};

}  // namespace gatehouse::jose
