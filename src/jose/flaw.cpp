#include "jose/flaw.h"

#include <string>
#include <utility>

namespace gatehouse::jose {
namespace {

struct Words {
  std::string_view name, sentence;
};

Words words_of(Flaw flaw) {
  switch (flaw) {
    case Flaw::too_large: return {"too_large", "The token is larger than is read here."};
    case Flaw::not_compact: return {"not_compact", "The token does not have the three parts of a signed token."};
    case Flaw::bad_encoding: return {"bad_encoding", "A part of the token is not base64url."};
    case Flaw::bad_header: return {"bad_header", "The header of the token cannot be read."};
    case Flaw::alg_missing: return {"alg_missing", "The token does not name its algorithm."};
    case Flaw::alg_none: return {"alg_none", "The token is not signed."};
    case Flaw::alg_unknown: return {"alg_unknown", "The token names an algorithm that is not known here."};
    case Flaw::alg_not_allowed: return {"alg_not_allowed", "The token is signed with an algorithm that is not allowed here."};
    case Flaw::critical_extension: return {"critical_extension", "The token demands extensions that are not supported here."};
    case Flaw::unencoded_payload: return {"unencoded_payload", "The token uses the b64 extension, which is not supported here."};
    case Flaw::no_key: return {"no_key", "No key of the issuer fits the token."};
    case Flaw::too_many_keys: return {"too_many_keys", "The token names no key, and too many keys could fit."};
    case Flaw::bad_signature: return {"bad_signature", "The signature of the token is wrong."};
    case Flaw::wrong_type: return {"wrong_type", "The token is of another type than is expected here."};
    case Flaw::bad_claims: return {"bad_claims", "The claims of the token cannot be read."};
    case Flaw::bad_time: return {"bad_time", "A time in the token is not a number of seconds since 1970."};
    case Flaw::expiry_missing: return {"expiry_missing", "The token does not say when it expires."};
    case Flaw::expired: return {"expired", "The token has expired."};
    case Flaw::not_yet_valid: return {"not_yet_valid", "The token is not valid yet."};
    case Flaw::issued_in_future: return {"issued_in_future", "The token was issued in the future, or a clock is wrong."};
    case Flaw::too_old: return {"too_old", "The token was issued too long ago."};
    case Flaw::issued_at_missing: return {"issued_at_missing", "The token does not say when it was issued."};
    case Flaw::issuer_missing: return {"issuer_missing", "The token does not name its issuer."};
    case Flaw::wrong_issuer: return {"wrong_issuer", "The token comes from another issuer."};
    case Flaw::audience_missing: return {"audience_missing", "The token does not name its audience."};
    case Flaw::bad_audience: return {"bad_audience", "The audience of the token cannot be read."};
    case Flaw::wrong_audience: return {"wrong_audience", "The token is meant for another audience."};
    case Flaw::subject_missing: return {"subject_missing", "The token does not name its subject."};
    case Flaw::not_encrypted: return {"not_encrypted", "The token does not have the five parts of an encrypted token."};
    case Flaw::alg_refused: return {"alg_refused", "The token is encrypted with RSA1_5 or a password, which are refused here."};
    case Flaw::enc_missing: return {"enc_missing", "The token does not name the cipher of its content."};
    case Flaw::enc_unknown: return {"enc_unknown", "The token names a cipher that is not known here."};
    case Flaw::enc_not_allowed: return {"enc_not_allowed", "The token is encrypted with a cipher that is not allowed here."};
    case Flaw::compressed: return {"compressed", "The token is compressed, which is refused here."};
    case Flaw::bad_encryption: return {"bad_encryption", "The token cannot be decrypted."};
    case Flaw::not_nested: return {"not_nested", "The encrypted token holds something else than a signed token."};
    case Flaw::header_contradicts: return {"header_contradicts", "The header of the encrypted token contradicts its claims."};
    case Flaw::nothing_expected: return {"nothing_expected", "What to expect of a token is not configured here, so none is accepted."};
  }
  std::unreachable();
}

}  // namespace

std::string_view name_of(Flaw flaw) { return words_of(flaw).name; }
std::string_view sentence_of(Flaw flaw) { return words_of(flaw).sentence; }

std::unexpected<Error> flawed(Flaw flaw, std::source_location at) {
  Error error(Fault::unauthenticated, std::string(sentence_of(flaw)), at);
  return std::unexpected(std::move(error).while_doing("token: " + std::string(name_of(flaw))));
}

// The sentence is the key: it is unique, and an Error carries no other type of ours.
std::optional<Flaw> flaw_of(const Error& error) {
  for (int i = 0; i < kFlaws; ++i)
    if (error.message() == sentence_of(static_cast<Flaw>(i))) return static_cast<Flaw>(i);
  return std::nullopt;
}

}  // namespace gatehouse::jose
