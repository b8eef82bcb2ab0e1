// New keys in every form that somebody may want to paste somewhere: JWK, JWK set, PEM, certificate. Behind
// `gatehouse keys generate`. Words as in RFC 7517 and 7518, so that a command line passes them on and the faults are told here.
// Pure but for randomness; keeps nothing, writes nothing.
#pragma once

#include <optional>
#include <string>

#include "core/clock.h"
#include "core/json.h"
#include "core/random.h"
#include "core/secret.h"
#include "crypto/x509.h"

namespace gatehouse::jose {

enum class KeyUse { sig, enc };
enum class KidPolicy {
  thumbprint,  // RFC 7638
  given,       // KeyOrder::kid_given
  date,        // "sig-2026-11-21T09:30:00.000Z"
};

struct KeyOrder {
  std::string type = "EC";  // "RSA", "EC", "OKP", "oct"
  std::string curve;        // EC: "P-256" (default), "P-384", "P-521"; OKP: "Ed25519" for sig, "X25519" for enc
  int bits = 0;             // RSA: 2048 (default), 3072, 4096; oct: what `alg` needs (default) or more for HS*
  KeyUse use = KeyUse::sig;
  std::string alg;          // empty: the usual one of the type
  KidPolicy kid = KidPolicy::thumbprint;
  std::string kid_given;
  Timestamp now{};          // for KidPolicy::date
  struct SelfSigned {
    std::string common_name;
    crypto::Validity validity;
  };
  std::optional<SelfSigned> certificate;  // adds x5c and x5t#S256; not for oct and X25519
};

struct GeneratedKey {
  std::string kid, alg;
  Secret secret_jwk, secret_set;       // JSON with the private half: {…} and {"keys":[…]}
  json::object public_jwk, public_set; // empty for oct: it has no public half
  Secret private_pem;                  // PKCS#8; this and the next are empty for oct
  std::string public_pem;              // SPKI
  std::string certificate_pem;         // only when ordered
};

// Fault::invalid says which word does not fit. RSA takes 50 ms to seconds: run it on a core::Pool.
Result<GeneratedKey> generate_key(const KeyOrder& order, Random& random);

}  // namespace gatehouse::jose
