// Back-channel logout (OpenID Connect Back-Channel Logout 1.0): whoever got tokens in a session is told when it ends. What is
// to be told stands in the store from the end of the session on; send_logout_tokens() is called again and again, by every
// node, and is the only place that sends.
#pragma once

#include "idp/provider.h"

namespace gatehouse::idp {

inline constexpr Seconds kLogoutTokenLife{120};   // §2.4 recommends at most two minutes
inline constexpr Seconds kLogoutPatience{3600};   // what could not be told until then is not told
inline constexpr std::int64_t kLogoutAttempts = 5;

// To go with the unit that ends the session.
store::Unit logouts_for(Provider& provider, const std::string& session_id);
// One round: everything that is due, one after the other.
Task<void> send_logout_tokens(Provider& provider);

}  // namespace gatehouse::idp
