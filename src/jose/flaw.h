// Every way in which a token can be wrong, one value and one sentence each. The sentence is the message of the Error
// (Fault::unauthenticated), so it may be shown; the name goes to the log.
#pragma once

#include <optional>
#include <source_location>
#include <string_view>

#include "core/error.h"

namespace gatehouse::jose {

enum class Flaw {
  too_large,            // above kTokenMax
  not_compact,          // not three parts
  bad_encoding,         // not strict base64url
  bad_header,           // not a JSON object, or members of wrong types
  alg_missing,
  alg_none,
  alg_unknown,
  alg_not_allowed,
  critical_extension,   // "crit" is there
  unencoded_payload,    // "b64" is there (RFC 7797)
  no_key,               // no key of the set fits
  too_many_keys,        // no kid, and more candidates than kCandidatesMax
  bad_signature,
  wrong_type,           // "typ"
  bad_claims,           // the payload is not a JSON object
  bad_time,             // exp, nbf, iat or auth_time is not a sane number
  expiry_missing,
  expired,
  not_yet_valid,        // nbf
  issued_in_future,     // iat
  too_old,              // iat, older than the caller accepts
  issued_at_missing,    // iat, where the caller limits the age
  issuer_missing,
  wrong_issuer,
  audience_missing,
  bad_audience,         // neither a string nor an array of strings
  wrong_audience,
  subject_missing,
  not_encrypted,        // not five parts
  alg_refused,          // RSA1_5, PBES2-*
  enc_missing,
  enc_unknown,
  enc_not_allowed,
  compressed,           // "zip" is there
  bad_encryption,       // whatever is wrong with key, nonce, text or tag: which of them is nobody's business
  not_nested,           // "cty" says that there is no token inside
  header_contradicts,   // claims repeated in the header (RFC 7519 §5.3) differ
  nothing_expected,     // our own mistake: no issuer, audience or time was given; fail closed
};
inline constexpr int kFlaws = static_cast<int>(Flaw::nothing_expected) + 1;

std::string_view name_of(Flaw flaw);      // "expired"
std::string_view sentence_of(Flaw flaw);  // "The token has expired."
std::unexpected<Error> flawed(Flaw flaw, std::source_location at = std::source_location::current());
std::optional<Flaw> flaw_of(const Error& error);  // of an Error that came from this room

}  // namespace gatehouse::jose
