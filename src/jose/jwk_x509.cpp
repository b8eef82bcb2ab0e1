#include "jose/jwk_x509.h"

#include "core/bytes.h"
#include "crypto/hash.h"
#include "crypto/x509.h"
#include "jose/jwk_members.h"

namespace gatehouse::jose {
namespace {

using members::refused;

constexpr std::size_t kSha1Size = 20, kSha256Size = 32;

Result<std::vector<std::string>> read_chain(const json::value& jwk) {
  const auto* member = find(jwk, "x5c");
  if (member == nullptr) return std::vector<std::string>();
  if (!member->is_array() || member->get_array().empty() || member->get_array().size() > kCertificatesMax)
    return refused("x5c must be an array of 1 to 8 certificates");
  std::vector<std::string> chain;
  for (const auto& entry : member->get_array()) {
    if (!entry.is_string() || entry.get_string().size() > kCertificateMax * 4 / 3 + 4) return refused("x5c holds what is no certificate");
    auto der = base64_decode(std::string_view(entry.get_string()));  // base64, not base64url: RFC 7517 §4.7
    if (!der || der->empty()) return refused("x5c is not base64");
    chain.push_back(*std::move(der));
  }
  return chain;
}

// Auth0 and others after it publish the base64url of 40 hex digits. Nothing hangs on x5t, so both spellings are read.
Result<std::string> read_x5t(const json::value& jwk) {
  GH_TRY(auto print, members::bytes(jwk, "x5t"));
  if (print.size() == 2 * kSha1Size) {
    auto raw = hex_decode(print);
    if (raw) return raw;
  }
  if (!print.empty() && print.size() != kSha1Size) return refused("x5t is not a SHA-1 thumbprint");
  return print;
}

}  // namespace

Result<X509Members> read_x509(const json::value& jwk) {
  X509Members found;
  GH_TRY(found.chain, read_chain(jwk));
  GH_TRY(found.x5t, read_x5t(jwk));
  GH_TRY(found.x5t_s256, members::bytes(jwk, "x5t#S256"));
  if (!found.x5t_s256.empty() && found.x5t_s256.size() != kSha256Size) return refused("x5t#S256 is not a SHA-256 thumbprint");
  return found;
}

Result<void> check_x509(const json::value& jwk, const crypto::PublicKey& key) {
  GH_TRY(const auto found, read_x509(jwk));
  if (found.chain.empty()) return {};  // thumbprints of a certificate that is not there cannot be checked
  const auto& own = found.chain.front();
  const auto facts = crypto::read_certificate_der(own);
  if (!facts) return refused("the certificate in x5c cannot be read");
  if (facts->key != key) return refused("the certificate in x5c is for another key");
  if (!found.x5t.empty() && found.x5t != crypto::sha1_thumbprint(own)) return refused("x5t is not the thumbprint of the certificate in x5c");
  if (!found.x5t_s256.empty() && found.x5t_s256 != crypto::sha256(own))
    return refused("x5t#S256 is not the thumbprint of the certificate in x5c");
  return {};
}

Result<void> add_x509(json::object& jwk, const crypto::PublicKey& key, std::span<const std::string> certificates_pem) {
  if (certificates_pem.empty() || certificates_pem.size() > kCertificatesMax) return refused("x5c has 1 to 8 certificates");
  json::array chain;
  std::string first;
  for (const auto& pem : certificates_pem) {
    GH_TRY(auto der, crypto::certificate_der(pem));
    chain.emplace_back(base64_encode(der));
    if (first.empty()) first = std::move(der);
  }
  GH_TRY(const auto facts, crypto::read_certificate_der(first));
  if (facts.key != key) return refused("the certificate is for another key");
  jwk["x5c"] = std::move(chain);
  jwk["x5t#S256"] = x5t_s256(first);
  return {};
}

std::string x5t_s256(std::string_view der) { return base64url_encode(crypto::sha256(der)); }

}  // namespace gatehouse::jose
