// What an administrator writes about the gateway, as plain values. app reads YAML into these; Snapshot::build judges them.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gateway/pool_config.h"
#include "gateway/retry.h"
#include "oauth/client/token_check.h"
#include "policy/rules.h"

namespace gatehouse::gateway {

class Stage;

inline constexpr std::size_t kRoutesMax = 10'000;
inline constexpr std::size_t kPoolsMax = 1'000;
inline constexpr std::size_t kRouteDepthMax = 32;   // segments of a route's path
inline constexpr std::size_t kOriginsMax = 100;     // of one route
inline constexpr std::size_t kInjectionsMax = 64;   // headers set by one route or one policy

// An identity header: `name` carries the claim. Lists are joined by `separator`; entries that contain it, or a control
// character, are left out. Without a usable value the header is absent, whatever the client sent.
struct IdentityHeader {
  std::string name, claim;
  std::string separator = ",";
  friend bool operator==(const IdentityHeader&, const IdentityHeader&) = default;
};

// Scopes that the token must all have for these methods (empty: for every method).
struct ScopeRule {
  std::vector<std::string> methods, scopes;
};

// API protection by access tokens.
struct TokenPolicyConfig {
  std::string name, realm = "api";
  oauth::client::TokenRules tokens;
  std::vector<IdentityHeader> headers;
  enum class ForwardToken { yes, no } forward_token = ForwardToken::yes;
  // RFC 9449. Whatever stands here, a token that is bound to a key never passes without a proof. A nonce needs a round trip more
  // and makes proofs good for minutes whatever the client's clock says.
  enum class Dpop { off, optional, required } dpop = Dpop::off;
  enum class DpopNonce { no, required } dpop_nonce = DpopNonce::no;
  // RFC 8705. A token that is bound to a certificate always needs it; `required` refuses those that are not bound.
  enum class CertificateBound { optional, required } certificate_bound = CertificateBound::optional;
};

// How somebody must have signed in (RFC 9470); a token that says otherwise is answered with a challenge to sign in again.
using StepUp = policy::StepUp;

enum class HostHeader { preserve, upstream };

// Connections that turn into tunnels.
struct WebSocketRules {
  bool allowed = true;
  // Whose pages may open one besides our own ("https://app.example.com"); "*": anybody's. Asked when a cookie vouched for
  // the user, and always when there are some.
  std::vector<std::string> origins = {};
  bool outlives_identity = false;                   // else a tunnel ends with the session or token that opened it
  std::chrono::milliseconds recheck{30000};         // how often the policy is asked again about a session
};

struct RouteConfig {
  std::string name;                                 // for logs; made from host and path when empty
  std::string host;                                 // exact, without port
  std::string path = "/";                           // prefix of whole segments: /a covers /a and /a/b, not /ab
  std::vector<std::string> methods;                 // empty: all but CONNECT and TRACE
  std::string policy;                               // "public", or the name of a policy
  std::vector<ScopeRule> scopes;                    // for token policies; a method that no rule names is denied when rules exist
  StepUp step_up;                                   // for token policies
  policy::RulesPtr rules;                           // about whoever the policy recognised; nullptr: no more is asked
  policy::RulesPtr shadow_rules;                    // asked beside them; decide nothing
  enum class Upstream { needed, elsewhere } serves = Upstream::needed;   // elsewhere: only asked about, by forward-auth
  std::string upstream;                             // name of a pool; may be empty when a stage answers everything
  WebSocketRules websocket;
  RetryRules retry;
  Timeouts timeouts;
  HostHeader host_header = HostHeader::preserve;
  std::vector<std::pair<std::string, std::string>> set_headers;   // fixed ones for the upstream
  std::vector<std::shared_ptr<Stage>> stages;       // made by app, outermost first; those before the policy go around the others
};

struct ForwardAuthConfig {
  std::vector<std::string> callers;   // networks; mandatory
  enum class Proof { network, secret, signature } proof = Proof::network;
  Secret secret;
};

struct Config {
  std::vector<PoolConfig> pools;
  std::vector<TokenPolicyConfig> tokens;
  std::vector<RouteConfig> routes;
  std::optional<ForwardAuthConfig> forward_auth;
  std::vector<std::string> managed_headers;         // further names that no client may send
};

}  // namespace gatehouse::gateway
