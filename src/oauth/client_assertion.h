// Client assertions (RFC 7521 §4.2, RFC 7523 §3, OpenID Connect Core §9): a JWT by which a client proves that it has
// its key. Bytes, values and a time that comes in; knows no store. Whether a `jti` has come before is the caller's
// question.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "jose/jwt.h"

namespace gatehouse::oauth {

inline constexpr std::string_view kAssertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
inline constexpr Seconds kAssertionLifeMax{3600};  // from now to `exp`, as at Okta; the skew comes on top
inline constexpr std::size_t kAssertionJtiMax = 256;
inline constexpr std::size_t kAssertionAudiencesMax = 8;

struct AssertionRules {
  std::string client_id;               // must be both `iss` and `sub`
  std::vector<std::string> audiences;  // the addresses of this server, see canonical_audience()
  std::span<const jose::Alg> algs;     // what the client's registration allows
  Timestamp now{};
  Seconds skew{60};
};
struct Assertion {
  std::string jti;    // empty: it has none, and may be used until it expires
  Timestamp until{};  // a replay is possible until then
};

// From whom it claims to be (`sub`), unverified: to find the keys. Code::invalid_client.
Result<std::string> client_of_assertion(std::string_view assertion);

// Code::invalid_client says what is wrong. Every audience that it names must be one of ours: whoever else it was meant
// for could bring it here (draft-ietf-oauth-rfc7523bis).
Result<Assertion> check_client_assertion(std::string_view assertion, const jose::KeySet& keys,
                                         const AssertionRules& rules);

// An address as it is compared: the default port left out and "//" as "/", because clients join base and path
// carelessly. What is no http(s) address stays as it is.
std::string canonical_audience(std::string_view text);

}  // namespace gatehouse::oauth
