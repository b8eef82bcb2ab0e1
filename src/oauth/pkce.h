// Proof Key for Code Exchange, RFC 7636. S256 only: "plain" proves nothing to somebody who saw the request.
#pragma once

#include <string>
#include <string_view>

#include "core/error.h"
#include "core/random.h"
#include "core/secret.h"

namespace gatehouse::oauth {

// code-verifier = 43*128unreserved (RFC 7636 §4.1)
bool is_verifier(std::string_view text);
std::string challenge_of(std::string_view verifier);   // BASE64URL(SHA256(verifier)), 43 characters
Secret new_verifier(Random& random);                   // 43 characters

class Challenge {
 public:
  // `method` must be S256; an absent one means "plain" (RFC 7636 §4.3) and is refused like it.
  static Result<Challenge> parse(std::string_view challenge, std::string_view method);
  const std::string& str() const { return text_; }
  bool met_by(std::string_view verifier) const;        // constant time

 private:
  explicit Challenge(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

}  // namespace gatehouse::oauth
