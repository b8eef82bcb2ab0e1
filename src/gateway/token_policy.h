// Protection of APIs by access tokens, answering as RFC 6750, 9449 (DPoP) and 9470 (step up) say. Verification is oauth's
// business; here a request is compared with what is known of its token.
#pragma once

#include <memory>

#include "gateway/policy.h"
#include "oauth/client/token_check.h"
#include "oauth/dpop.h"

namespace gatehouse::gateway {

inline constexpr std::string_view kResourceMetadataPath = "/.well-known/oauth-protected-resource";

// Borrowed; shared by all policies of the process and by the configurations that follow one another, or a proof could be used
// once more after a reload. A policy that wants DPoP cannot be made without.
struct Proofs {
  oauth::dpop::Replays* replays = nullptr;
  const oauth::dpop::Nonces* nonces = nullptr;
};

Result<std::unique_ptr<Policy>> make_token_policy(oauth::client::TokenNeeds needs, TokenPolicyConfig config, Proofs proofs = {});

enum class Scheme { bearer, dpop };
struct Credentials {
  Scheme scheme = Scheme::bearer;
  std::string_view token;      // whatever stands behind the scheme; see is_b64token
};
// Where the request carries its token. Fault::unauthenticated: nowhere. Fault::invalid: in a place or in a number that
// RFC 6750 §2 does not allow (twice, in the query).
Result<Credentials> credentials_of(const net::Request& request);
bool is_b64token(std::string_view text);

// The scopes that rules demand of a method; nullopt when rules exist and none of them covers it (denied).
std::optional<std::vector<std::string>> scopes_for(const std::vector<ScopeRule>& rules, std::string_view method);

}  // namespace gatehouse::gateway
