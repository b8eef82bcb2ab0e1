// JSON Web Keys and sets of them (RFC 7517, 7518 §6, 8037 §2). A Jwk that exists is usable: its kind, size, curve and
// `alg` agree. A set holds one kind only, so that a public key can never be taken for an HMAC secret, nor an `oct`
// key that somebody slipped into a published set for a key at all. Fetches nothing: x5u, x5c and friends are ignored.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/json.h"
#include "core/secret.h"
#include "crypto/keys.h"
#include "jose/alg.h"

namespace gatehouse::jose {

inline constexpr std::size_t kKidMax = 256;               // bytes
inline constexpr std::size_t kKeySetTextMax = 256 * 1024;  // bytes of JSON
inline constexpr std::size_t kKeySetKeysMax = 100;
inline constexpr std::size_t kSecretKeyMax = 1024;        // bytes of an oct key

enum class KeyKind { asymmetric, symmetric };

class Jwk {
 public:
  // Without `kid` it becomes the thumbprint. With `alg` the key is for that algorithm alone.
  static Result<Jwk> of(crypto::PublicKey key, std::string kid = {}, std::optional<Alg> alg = {});
  static Result<Jwk> of(crypto::PrivateKey key, std::string kid = {}, std::optional<Alg> alg = {});
  // At least as long as the hash (RFC 7518 §3.2). Always bound to one algorithm.
  static Result<Jwk> of(Secret bytes, std::string kid, Alg alg);
  // A public or a private key; what it is not for (use "enc", key_ops without sign or verify) is refused.
  static Result<Jwk> parse(const json::value& value);

  KeyKind kind() const { return std::holds_alternative<Secret>(key_) ? KeyKind::symmetric : KeyKind::asymmetric; }
  const std::string& kid() const { return kid_; }  // may be empty in a parsed key
  std::optional<Alg> alg() const { return alg_; }
  bool can_sign() const { return !std::holds_alternative<crypto::PublicKey>(key_) && may_sign_; }
  bool can_verify() const { return may_verify_; }
  // By `alg` when it has one, otherwise by type and curve.
  bool fits(Alg alg) const;
  // The algorithm it signs with: `alg`, or the natural one of its type (RS256, ES256, EdDSA …).
  Alg signing_alg() const;

  Result<std::string> sign(Alg alg, std::string_view data) const;
  [[nodiscard]] bool verify(Alg alg, std::string_view data, std::string_view signature) const;

  const crypto::PublicKey* public_key() const;  // nullptr for a symmetric key
  Result<json::object> public_json() const;     // Fault::denied for a symmetric key: it has no public half
  json::object secret_json() const;             // all of it; seal what comes out
  std::string thumbprint() const;               // RFC 7638, SHA-256, base64url

 private:
  using Material = std::variant<crypto::PublicKey, crypto::PrivateKey, Secret>;
  Jwk(Material key, std::string kid, std::optional<Alg> alg) : key_(std::move(key)), kid_(std::move(kid)), alg_(alg) {}
  static Result<Jwk> make(Material key, std::string kid, std::optional<Alg> alg);
  Material key_;
  std::string kid_;
  std::optional<Alg> alg_;
  bool may_sign_ = true, may_verify_ = true;  // key_ops
};

class KeySet {
 public:
  KeySet() = default;  // no key: verifies nothing
  // Of one kind, no kid twice.
  static Result<KeySet> of(std::vector<Jwk> keys);
  // A published set ({"keys":[…]}). Keys that we cannot use, or that come with their private half, are left out
  // (RFC 7517 §5) and told in ignored(); a kid twice or a key of the other kind spoils the whole set.
  static Result<KeySet> parse(std::string_view text, KeyKind kind = KeyKind::asymmetric);
  static Result<KeySet> parse(const json::value& value, KeyKind kind = KeyKind::asymmetric);

  KeyKind kind() const { return kind_; }
  bool empty() const { return keys_.empty(); }
  const std::vector<Jwk>& keys() const { return keys_; }
  const std::vector<std::string>& ignored() const { return ignored_; }  // for the log
  const Jwk* find(std::string_view kid) const;
  json::object public_json() const;  // {"keys":[…]}: public halves only; symmetric keys have none and are left out

 private:
  KeyKind kind_ = KeyKind::asymmetric;
  std::vector<Jwk> keys_;
  std::vector<std::string> ignored_;
};

}  // namespace gatehouse::jose
