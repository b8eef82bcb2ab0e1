// Key pairs as values: cheap to copy, immutable, usable from any thread. Whoever holds one need not check it again:
// type, size, curve and the match of both halves were checked when it came in.
// Knows nothing of JOSE or X.509 names; components are plain big-endian bytes. Randomness of key generation and of
// signatures is OpenSSL's own (seeded by the kernel), the one place where it is not injected.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/error.h"
#include "core/secret.h"

namespace gatehouse::crypto {

inline constexpr int kRsaBitsMin = 2048;       // NIST SP 800-131A; RFC 7518 §3.3
inline constexpr int kRsaBitsMax = 8192;       // above, one verification costs milliseconds: a way to be stalled
inline constexpr std::size_t kKeyTextMax = 32 * 1024;  // PEM or DER of one key

enum class KeyType { rsa, p256, p384, p521, ed25519, x25519 };  // x25519 agrees on secrets and signs nothing (key_transport.h)
enum class KeySpec { rsa2048, rsa3072, rsa4096, p256, p384, p521, ed25519, x25519 };  // what can be generated

// Names as in RFC 7518 §3.1 and RFC 8037.
enum class SignatureAlgorithm { RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA };

std::string_view name_of(KeyType type);             // "RSA", "P-256", "P-384", "P-521", "Ed25519", "X25519"
std::string_view name_of(SignatureAlgorithm alg);   // "RS256" …
std::optional<SignatureAlgorithm> signature_algorithm(std::string_view name);
// ES256 fits only P-256, and so on (RFC 7518 §3.4).
bool fits(SignatureAlgorithm alg, KeyType type);

// Big-endian without leading zeros for RSA; fixed length of the curve for EC; RFC 8032 and 7748 bytes for Ed25519 and X25519 (x only).
struct PublicComponents {
  KeyType type = KeyType::rsa;
  std::string n, e;  // rsa
  std::string x, y;  // p256 p384 p521; ed25519 and x25519 have x
};
struct PrivateComponents {
  PublicComponents open;
  Secret d;                  // every type
  Secret p, q, dp, dq, qi;   // rsa
};

class PublicKey {
 public:
  // SPKI ("BEGIN PUBLIC KEY"). Fault::invalid says what is wrong with it.
  static Result<PublicKey> from_pem(std::string_view text);
  static Result<PublicKey> from_der(std::string_view bytes);
  static Result<PublicKey> from_components(const PublicComponents& parts);

  KeyType type() const;
  int bits() const;
  std::string pem() const;
  std::string der() const;
  PublicComponents components() const;

  // False also when the algorithm does not fit the key. ECDSA signatures are raw r||s of exact length (RFC 7518
  // §3.4), PSS salts are as long as the hash (§3.5).
  [[nodiscard]] bool verify(SignatureAlgorithm alg, std::string_view data, std::string_view signature) const;

  friend bool operator==(const PublicKey& a, const PublicKey& b);  // the same key

 private:
  friend class PrivateKey;
  friend struct KeyAccess;
  struct State;
  explicit PublicKey(std::shared_ptr<const State> state) : state_(std::move(state)) {}
  std::shared_ptr<const State> state_;
};

class PrivateKey {
 public:
  static Result<PrivateKey> generate(KeySpec spec);  // RSA takes 50 ms to seconds: run it on a core::Pool
  // PKCS#8, not encrypted; PEM also "BEGIN RSA PRIVATE KEY" and "BEGIN EC PRIVATE KEY".
  static Result<PrivateKey> from_pem(const Secret& text);
  static Result<PrivateKey> from_der(const Secret& bytes);
  static Result<PrivateKey> from_components(const PrivateComponents& parts);

  KeyType type() const { return public_.type(); }
  int bits() const { return public_.bits(); }
  const PublicKey& public_key() const { return public_; }
  Secret pem() const;  // PKCS#8
  Secret der() const;
  PrivateComponents components() const;

  // Fault::invalid when the algorithm does not fit the key.
  Result<std::string> sign(SignatureAlgorithm alg, std::string_view data) const;

 private:
  friend struct KeyAccess;
  explicit PrivateKey(PublicKey whole) : public_(std::move(whole)) {}
  PublicKey public_;  // its state holds both halves; PublicKey has no way to the private one
};

}  // namespace gatehouse::crypto
