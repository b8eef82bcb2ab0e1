// Certificates: a local authority for `gatehouse up --tls`, and the few facts about a certificate that start-up checks.
// Owns no files and no handshake: net does TLS, app keeps the PEM texts.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/random.h"
#include "crypto/keys.h"

namespace gatehouse::crypto {

inline constexpr std::size_t kCertificateNamesMax = 100;

struct Validity {
  Timestamp from, until;
};

struct Certificate {
  std::string pem;  // this certificate alone, without its issuer
  PrivateKey key;   // P-256
};

// Self-signed, may sign leaves only (path length 0).
Result<Certificate> make_authority(std::string_view common_name, Validity validity, Random& random);
// For servers, signed by `authority`. Names are DNS names or IP addresses; at least one. A wildcard
// needs two labels below it: clients take "*.gate.localhost" but not "*.localhost", so list the hosts there.
Result<Certificate> issue_leaf(const Certificate& authority, const std::vector<std::string>& names, Validity validity,
                               Random& random);

// For a key that has to go about as a certificate (JWK x5c, self-signed mutual TLS): PEM, signed by itself, no authority.
// Fault::invalid for X25519, which signs nothing.
Result<std::string> self_signed(const PrivateKey& key, std::string_view common_name, Validity validity, Random& random);

// One entry of subjectAltName, of the kinds that name a client (RFC 8705 §2.1.2). The kind belongs to the name: a DNS name that
// reads like an address is none.
struct AlternativeName {
  enum class Kind { dns, uri, ip, email } kind;
  std::string value;
  friend bool operator==(const AlternativeName&, const AlternativeName&) = default;
};
struct CertificateFacts {
  std::string subject;  // RFC 2253 form, for people
  Validity validity;
  std::vector<std::string> names;  // DNS names and IP addresses of subjectAltName
  std::vector<AlternativeName> alternatives;
  PublicKey key;
};
// The first certificate of a PEM text. Fault::invalid when there is none or its key is of a kind we do not use.
Result<CertificateFacts> read_certificate(std::string_view pem);
// The same of DER: exactly one certificate, nothing behind it.
Result<CertificateFacts> read_certificate_der(std::string_view der);
// The first certificate of a PEM text as DER: what TLS sends and what thumbprints are taken of.
Result<std::string> certificate_der(std::string_view pem);
// 20 bytes. Only to compare with JWK's old "x5t"; it proves nothing.
std::string sha1_thumbprint(std::string_view der);
// Fault::invalid with what to do when the certificate is not for this key.
Result<void> check_matches(std::string_view certificate_pem, const PrivateKey& key);

}  // namespace gatehouse::crypto
