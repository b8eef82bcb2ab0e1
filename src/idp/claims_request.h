// The `claims` parameter (OpenID Connect Core §5.5) and `acr_values`: what a client asks for one by one. Pure; whether any of
// it is told is decided where it is told.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"

namespace gatehouse::idp {

inline constexpr std::size_t kClaimsRequestMax = 8 * 1024;   // bytes
inline constexpr std::size_t kClaimsAskedMax = 100;          // in each place

// How somebody who signed in with a password was authenticated, in Okta's words: the exact one, and one that it meets as well.
inline constexpr std::string_view kAcrPassword = "urn:okta:loa:1fa:pwd", kAcrAnyFactor = "urn:okta:loa:1fa:any";

// What is told beside that which the scopes open.
struct AskedClaims {
  std::vector<std::string> id_token = {}, userinfo = {};
  std::string acr = {};                                      // empty: nobody has asked
};

struct ClaimsRequest {
  std::vector<std::string> id_token = {}, userinfo = {};     // names, each once; voluntary or essential is the same to us
  std::string sub = {};                                      // nobody else will do
  bool acr = false, acr_essential = false;
  std::vector<std::string> acrs = {};                        // in the order of preference

  // Unknown members are ignored. Code::invalid_request: it is not what the standard says.
  static Result<ClaimsRequest> parse(std::string_view text);
  // The level that is told when these are wanted, `acr_values` after what `claims` says. Empty: nobody has asked.
  // Code::unmet_authentication_requirements: none of them can be reached and one of them is essential.
  Result<std::string> reached(const std::vector<std::string>& acr_values) const;
};

}  // namespace gatehouse::idp
