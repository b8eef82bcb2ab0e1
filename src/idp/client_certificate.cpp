#include "idp/client_certificate.h"

#include <algorithm>

#include "core/bytes.h"
#include "core/text.h"
#include "crypto/x509.h"
#include "oauth/error.h"

namespace gatehouse::idp {
namespace {

using Kind = directory::TlsSubject::Kind;
using crypto::AlternativeName;

std::unexpected<Error> no_client(std::string why) {
  return oauth::refusal(oauth::Code::invalid_client, std::move(why));
}

constexpr std::size_t kNamePartsMax = 32;

struct NamePart {
  std::string type, value;
  char before;  // ',' or, in an RDN of several values, '+'
  friend bool operator==(const NamePart&, const NamePart&) = default;
};

bool is_type(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return is_alnum(c) || c == '.' || c == '-'; });
}

// One part up to the separator that ends it; empty when it is not "type=value". Quotes (RFC 1779) are not read.
std::optional<NamePart> read_part(std::string_view& rest, char before) {
  const auto equals = rest.find('=');
  if (equals == std::string_view::npos) return std::nullopt;
  NamePart part{to_lower(trim(rest.substr(0, equals))), "", before};
  std::size_t at = equals + 1, kept = 0;  // `kept`: spaces up to there belong to the value
  while (at < rest.size() && rest[at] == ' ') ++at;
  for (; at < rest.size() && rest[at] != ',' && rest[at] != '+'; ++at) {
    if (rest[at] == '"') return std::nullopt;
    if (rest[at] != '\\') {
      part.value += rest[at];
      if (rest[at] != ' ') kept = part.value.size();
      continue;
    }
    const auto hex = at + 2 < rest.size() ? hex_decode(rest.substr(at + 1, 2)) : failure(Fault::invalid, "");
    if (hex) part.value += *hex;
    else if (at + 1 < rest.size()) part.value += rest[at + 1];
    else return std::nullopt;
    at += hex ? 2 : 1;
    kept = part.value.size();
  }
  part.value.resize(kept);
  rest.remove_prefix(at);
  if (!is_type(part.type) || part.value.empty()) return std::nullopt;
  return part;
}

std::optional<std::vector<NamePart>> read_name(std::string_view text) {
  std::vector<NamePart> parts;
  for (char before = ','; parts.size() < kNamePartsMax;) {
    auto part = read_part(text, before);
    if (!part) return std::nullopt;
    parts.push_back(*std::move(part));
    if (text.empty()) return parts;
    before = text.front();
    text.remove_prefix(1);
  }
  return std::nullopt;
}

AlternativeName::Kind kind_of(Kind kind) {
  switch (kind) {
    case Kind::dns: return AlternativeName::Kind::dns;
    case Kind::uri: return AlternativeName::Kind::uri;
    case Kind::ip: return AlternativeName::Kind::ip;
    case Kind::email: return AlternativeName::Kind::email;
    case Kind::dn: break;
  }
  std::unreachable();
}

bool names(const crypto::CertificateFacts& facts, const directory::TlsSubject& subject) {
  if (subject.kind == Kind::dn) return same_name(facts.subject, subject.value);
  return std::ranges::any_of(facts.alternatives, [&](const AlternativeName& name) {
    if (name.kind != kind_of(subject.kind)) return false;
    return subject.kind == Kind::dns ? equal_ignoring_case(name.value, subject.value) : name.value == subject.value;
  });
}

std::unexpected<Error> no_certificate() {
  return no_client("This client proves itself with a certificate, and the connection has none.");
}

}  // namespace

bool same_name(std::string_view a, std::string_view b) {
  const auto left = read_name(a), right = read_name(b);
  return left && right && *left == *right;
}

// CVE-2023-2422 (Keycloak): the names of a certificate were believed whoever had issued it.
Result<void> check_authority_certificate(const directory::App& app, const net::Request& request) {
  if (request.client_certificate_der.empty()) return no_certificate();
  if (!request.client_certificate_trusted)
    return no_client("The certificate of the connection is not of an authority that is trusted here.");
  const auto facts = crypto::read_certificate_der(request.client_certificate_der);
  if (!facts) return no_client("The certificate of the connection cannot be read.");
  if (!app.tls_subject || !names(*facts, *app.tls_subject))
    return no_client("The certificate of the connection names somebody else.");
  return {};
}

Result<void> check_registered_certificate(const KnownKeys& keys, const net::Request& request) {
  if (request.client_certificate.empty()) return no_certificate();
  if (std::ranges::find(keys.certificates, request.client_certificate) == keys.certificates.end())
    return no_client("The certificate of the connection is none that this client registered.");
  return {};
}

Result<void> check_bound(const json::object& claims, std::string_view certificate) {
  const auto* confirmation = claims.if_contains("cnf");
  if (confirmation == nullptr) return {};
  const auto bound_to = find_string(*confirmation, "x5t#S256");
  if (!bound_to || (!certificate.empty() && *bound_to == certificate)) return {};
  return oauth::refusal(oauth::Code::invalid_token,
                        "The token is bound to a certificate that the connection does not have.");
}

}  // namespace gatehouse::idp
