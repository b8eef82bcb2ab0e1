// What an administrator writes about browser sign-on, as plain values.
#pragma once

#include <string>
#include <vector>

#include "gateway/config.h"
#include "oauth/client/code_flow.h"

namespace gatehouse::access {

inline constexpr Seconds kSignInTime{600};            // from leaving for the issuer to coming back
inline constexpr std::size_t kReturnPathMax = 1024;   // bytes of the address restored after sign-in; longer ones end at "/"
inline constexpr std::size_t kClaimsMax = 32 * 1024;  // bytes of JSON kept with a session
inline constexpr Seconds kStoreRecheck{1};            // how long a node may not notice what another one revoked
inline constexpr Seconds kSeenEvery{60};              // last_seen is written at most so often
inline constexpr std::size_t kSessionCacheEntries = 32 * 1024;
inline constexpr int kSignInAttempts = 3;             // in a row without success, before a person is asked

struct SsoConfig {
  std::string name;                                   // of the policy, as routes call it
  oauth::client::CodeFlowConfig issuer;
  std::vector<gateway::IdentityHeader> headers;
  Seconds idle{2 * 3600}, absolute{12 * 3600};        // of a session
  // The issuer is asked at least so often whether somebody may still act; sessions of deactivated users end within it.
  Seconds revalidate{60};
  // While the issuer cannot be reached, sessions live on for so long; zero: nobody passes without its word.
  Seconds issuer_outage_grace{300};
  std::string public_origin;                          // "https://wiki.example.com"; empty: as the request says
  friend bool operator==(const SsoConfig&, const SsoConfig&) = default;
};

}  // namespace gatehouse::access
