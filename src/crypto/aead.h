// Authenticated encryption of texts with a fresh key: the six content ciphers of RFC 7518 §5. Lengths of key, nonce and
// tag are exact; a tag is always checked, whole, before anything comes out. Values at rest are seal.h's business.
#pragma once

#include <string>
#include <string_view>

#include "core/error.h"
#include "core/secret.h"

namespace gatehouse::crypto {

inline constexpr std::size_t kAeadPlainMax = 1024 * 1024;  // bytes, of plain text and of associated data

// CBC with HMAC is encrypt-then-MAC as in RFC 7518 §5.2.2; the first half of the key is for the MAC.
enum class Aead { A128GCM, A192GCM, A256GCM, A128CBC_HS256, A192CBC_HS384, A256CBC_HS512 };

struct AeadSizes {
  std::size_t key, nonce, tag;  // bytes
};
AeadSizes sizes_of(Aead cipher);

struct Ciphered {
  std::string text, tag;
};

// `nonce` must never be used twice with one key. Fault::internal for wrong lengths: they are the caller's own mistake.
Result<Ciphered> encipher(Aead cipher, const Secret& key, std::string_view nonce, std::string_view associated, std::string_view plain);
// Fault::invalid, with one sentence for everything that can be wrong: a sender must not learn whether it was the tag,
// the padding or a length.
Result<Secret> decipher(Aead cipher, const Secret& key, std::string_view nonce, std::string_view associated, std::string_view text,
                        std::string_view tag);

}  // namespace gatehouse::crypto
