// Digests and message authentication. Bytes in, bytes out; hex and base64url are core/bytes.h.
// Knows nothing of keys kept anywhere: the key of an HMAC is a parameter.
#pragma once

#include <string>
#include <string_view>

namespace gatehouse::crypto {

enum class Hash { sha256, sha384, sha512 };

std::size_t size_of(Hash hash);  // in bytes
std::string digest(Hash hash, std::string_view bytes);
std::string sha256(std::string_view bytes);  // 32 bytes
std::string sha384(std::string_view bytes);  // 48 bytes
std::string sha512(std::string_view bytes);  // 64 bytes

// RFC 2104. Compare what comes out with equal_constant_time().
std::string hmac(Hash hash, std::string_view key, std::string_view bytes);
std::string hmac_sha256(std::string_view key, std::string_view bytes);

}  // namespace gatehouse::crypto
