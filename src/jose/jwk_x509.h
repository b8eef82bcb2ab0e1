// The X.509 members of a JWK (RFC 7517 §4.6 to §4.9): read, and held against the key they come with. They never choose
// a key and never make one trusted: chains are not validated, x5u is never fetched.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"
#include "crypto/keys.h"

namespace gatehouse::jose {

inline constexpr std::size_t kCertificatesMax = 8;             // of one x5c
inline constexpr std::size_t kCertificateMax = 16 * 1024;      // bytes of DER

struct X509Members {
  std::vector<std::string> chain;  // x5c as DER, the key's own first
  std::string x5t, x5t_s256;       // raw bytes: 20 and 32, or empty
};

// Spelling and sizes only.
Result<X509Members> read_x509(const json::value& jwk);
// Fault::invalid when the members speak of another key or certificate.
Result<void> check_x509(const json::value& jwk, const crypto::PublicKey& key);
// Adds x5c and x5t#S256. The first certificate must be for `key`.
Result<void> add_x509(json::object& jwk, const crypto::PublicKey& key, std::span<const std::string> certificates_pem);

// RFC 8705 §3.1: the confirmation of a certificate-bound token, base64url of the SHA-256 of the certificate's DER.
std::string x5t_s256(std::string_view der);

}  // namespace gatehouse::jose
