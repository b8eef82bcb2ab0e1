// Protection of APIs by access tokens, answering as RFC 6750 says.
#pragma once

#include <memory>

#include "gateway/policy.h"

namespace gatehouse::gateway {

Result<std::unique_ptr<Policy>> make_token_policy(oauth::client::TokenNeeds needs, TokenPolicyConfig config);

// Where the request carries its token. Fault::unauthenticated: nowhere. Fault::invalid: in a place or in a number that
// RFC 6750 §2 does not allow (twice, in the query, not a b64token).
Result<std::string_view> bearer_of(const net::Request& request);

// The scopes that rules demand of a method; nullopt when rules exist and none of them covers it (denied).
std::optional<std::vector<std::string>> scopes_for(const std::vector<ScopeRule>& rules, std::string_view method);

}  // namespace gatehouse::gateway
