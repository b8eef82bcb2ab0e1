// JSON Web Encryption, compact form only (RFC 7516 §7.1). The key's algorithm decides; the token's `alg` must agree. `enc`
// must be on the caller's list. `crit` and `zip` are refused, the latter because a small text may unfold into a huge one.
// Encrypting proves nothing about who did it (anybody has the public key): sign first, see nested_jwt.h.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "core/json.h"
#include "core/random.h"
#include "jose/encryption_key.h"
#include "jose/flaw.h"

namespace gatehouse::jose {

inline constexpr std::size_t kEncryptedTokenMax = 32 * 1024;  // bytes of a compact token: a signed one of kTokenMax fits in
inline constexpr int kDecryptingKeysMax = 4;                  // keys tried for a token without kid; one RSA try costs 1 ms

struct Decrypted {
  json::object header;  // authentic: it is covered by the tag
  std::string payload;
  std::string kid;      // of the key that opened it; may be empty
  KeyAlg alg;
  Enc enc;
};

// `to` must be bound to one algorithm. `header` may add members (typ, cty, apu, apv …); those that make the encryption come
// from here. Content key and nonce are `random`'s; ephemeral keys and OAEP are OpenSSL's (crypto/keys.h).
// Fault::limited when the token would exceed kEncryptedTokenMax.
Result<std::string> encrypt(const EncryptionKey& to, Enc enc, json::object header, std::string_view payload, Random& random);

// Fault::unauthenticated, see flaw_of(). From the wrapped key on, everything that can be wrong is Flaw::bad_encryption, and a
// wrong key costs the same work as a wrong text (RFC 7516 §11.5).
Result<Decrypted> decrypt(std::string_view token, const EncryptionKeySet& keys, std::span<const Enc> allowed);

// Five parts: worth decrypt(). Says nothing about whether they are sound.
bool is_encrypted(std::string_view token);
// The header as it claims to be: to find the right keys or to show it to a person. Decide nothing by it.
Result<json::object> peek_encrypted_header(std::string_view token);

}  // namespace gatehouse::jose
