// How a content key reaches another party: RSA-OAEP, Diffie-Hellman on a curve, AES key wrap. No PKCS#1 v1.5 encryption:
// its padding answers questions (Bleichenbacher). What a failed call says is the same whatever was wrong, for the
// same reason; callers still must not let a peer tell "no key" from "wrong text" (RFC 7516 §11.5).
// Randomness of OAEP is OpenSSL's own, as with signatures (keys.h).
#pragma once

#include <string>
#include <string_view>

#include "core/error.h"
#include "core/secret.h"
#include "crypto/keys.h"

namespace gatehouse::crypto {

inline constexpr std::size_t kWrappedKeyMax = 128;  // bytes of a key that is wrapped: twice the longest content key

// The hash of OAEP and of its mask alike. SHA-1 is sound here: OAEP needs no collision resistance (RFC 8017 §B.1).
enum class Oaep { sha1, sha256 };

// Fault::invalid when the key is not RSA or `plain` does not fit into it.
Result<std::string> oaep_encrypt(const PublicKey& to, Oaep hash, const Secret& plain);
Result<Secret> oaep_decrypt(const PrivateKey& key, Oaep hash, std::string_view sealed);

// The shared secret: x coordinate as long as the field (NIST curves), 32 bytes (X25519, all-zero results refused). Both
// on one curve; that the peer's point lies on it was checked when its PublicKey was made (invalid-curve attack).
Result<Secret> agree(const PrivateKey& ours, const PublicKey& theirs);

// RFC 3394 with its default initial value. `kek` has 16, 24 or 32 bytes, `key` a multiple of 8 from 16 to kWrappedKeyMax.
Result<std::string> wrap_key(const Secret& kek, const Secret& key);
Result<Secret> unwrap_key(const Secret& kek, std::string_view wrapped);

}  // namespace gatehouse::crypto
