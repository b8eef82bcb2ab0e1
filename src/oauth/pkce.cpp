#include "oauth/pkce.h"

#include <algorithm>

#include "core/bytes.h"
#include "core/text.h"
#include "crypto/hash.h"
#include "oauth/error.h"

namespace gatehouse::oauth {
namespace {

constexpr std::size_t kVerifierMin = 43, kVerifierMax = 128, kChallengeLength = 43;

bool is_unreserved(char c) { return is_alnum(c) || c == '-' || c == '.' || c == '_' || c == '~'; }

}  // namespace

bool is_verifier(std::string_view text) {
  return text.size() >= kVerifierMin && text.size() <= kVerifierMax && std::ranges::all_of(text, is_unreserved);
}

std::string challenge_of(std::string_view verifier) { return base64url_encode(crypto::sha256(verifier)); }

Secret new_verifier(Random& random) { return Secret(random_token(random, 32)); }

Result<Challenge> Challenge::parse(std::string_view challenge, std::string_view method) {
  if (method != "S256") return refusal(Code::invalid_request, "The code_challenge_method must be S256.");
  auto bytes = base64url_decode(challenge);
  if (challenge.size() != kChallengeLength || !bytes)
    return refusal(Code::invalid_request, "The code_challenge is not the base64url form of a SHA-256 hash.");
  return Challenge(std::string(challenge));
}

bool Challenge::met_by(std::string_view verifier) const {
  return is_verifier(verifier) && equal_constant_time(challenge_of(verifier), text_);
}

}  // namespace gatehouse::oauth
