// Answers of the token endpoint, as RFC 6749 §5.1 and OpenID Connect Core §3.1.3.3 have them.
#pragma once

#include <optional>
#include <string>

#include "core/clock.h"
#include "core/json.h"
#include "oauth/scope.h"

namespace gatehouse::oauth {

struct TokenResponse {
  std::string access_token;
  Seconds expires_in{0};
  Scopes scope;
  std::optional<std::string> id_token, refresh_token;
  bool with_proof = false;        // token_type DPoP (RFC 9449 §5), else Bearer

  json::object to_json() const;   // members in Okta's order
};

}  // namespace gatehouse::oauth
