// Signed, then encrypted (RFC 7519 §11.2: "nested"): the signature says from whom, the encryption for whom.
// One layer of each; a token inside a token inside a token is refused because its inside is not signed.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "jose/jwe.h"
#include "jose/jwt.h"

namespace gatehouse::jose {

// `typ` is the inner token's ("" leaves it out); the outer one says cty "JWT".
Result<std::string> sign_then_encrypt(const Jwk& signer, const json::object& claims, std::string_view typ, const EncryptionKey& to, Enc enc,
                                      Random& random);

struct Unsealing {
  const EncryptionKeySet& keys;
  std::span<const Enc> allowed;
};
// Decrypts, then verify_jwt(). An outer cty that is there must be "JWT" (some writers leave it out, and the signature is
// checked anyway); iss, sub and aud repeated in the outer header must be those of the claims (RFC 7519 §5.3).
Result<Jwt> decrypt_then_verify(std::string_view token, const Unsealing& unsealing, const KeySet& keys, std::span<const Alg> allowed,
                                const Expect& expect);

}  // namespace gatehouse::jose
