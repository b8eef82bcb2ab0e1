// For the .cpp files of this room alone: how the content key of a JWE travels (RFC 7516 §5.1 steps 1 to 6, RFC 7518 §4).
#pragma once

#include <string>
#include <string_view>

#include "core/json.h"
#include "core/random.h"
#include "core/secret.h"
#include "jose/encryption_key.h"

namespace gatehouse::jose {

struct SentKey {
  Secret content;
  std::string encrypted;  // empty for `dir` and ECDH-ES
};

// Makes a content key for `to` and adds what the way needs (epk, iv, tag) to the header.
Result<SentKey> send_content_key(const EncryptionKey& to, KeyAlg alg, Enc enc, json::object& header, Random& random);
// Any failure means the same; what came out has the length of `enc`.
Result<Secret> receive_content_key(const EncryptionKey& key, KeyAlg alg, Enc enc, const json::object& header, std::string_view encrypted);

// RFC 7518 §4.6.2 over SHA-256; `size` in bytes.
Secret concat_kdf(const Secret& shared, std::string_view algorithm, std::string_view party_u, std::string_view party_v, std::size_t size);

}  // namespace gatehouse::jose
