// The seam between proxying and knowing who calls. A policy says who may pass and as whom; it never sees the upstream.
// Implemented here (public, token) and in rooms above (access: browser sign-on).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/json.h"
#include "core/task.h"
#include "gateway/config.h"
#include "net/exchange.h"
#include "policy/facts.h"

namespace gatehouse::gateway {

// Paths under this prefix belong to the gateway itself on every guarded host; they are never forwarded.
inline constexpr std::string_view kOwnPrefix = "/.gatehouse/";

// What a policy is told about the rule that matched.
struct Demand {
  std::string route;                     // name, for logs
  std::vector<ScopeRule> scopes;
  std::string path;                      // of the rule: names the resource (RFC 9728)
  StepUp step_up;
};

// As whom a request goes on.
struct Pass {
  std::shared_ptr<const std::string> header_lines;         // "X-Remote-User: ada\r\n…", values checked; may be null
  std::shared_ptr<const json::object> attributes;          // for the route's rule; may be null
  std::string who;                                         // for the log
  enum class Authorization { keep, remove } authorization = Authorization::keep;
  // What vouched for the caller. A browser sends a cookie for every page that asks it to, also for those of other sites.
  enum class Shown { nothing, token, cookie } shown = Shown::nothing;
  std::optional<Timestamp> valid_until;                    // when the identity ends by itself, if that is known
};

using Verdict = std::variant<Pass, net::Reply>;

class Policy {
 public:
  virtual ~Policy() = default;
  // Names that only this policy sets or reads, on every route of the gateway.
  virtual std::vector<std::string> managed_headers() const { return {}; }
  virtual std::vector<std::string> own_cookies() const { return {}; }
  // The verdict when it is known without waiting; asked first.
  virtual std::optional<Verdict> at_once(const net::Request&, const Demand&) { return std::nullopt; }
  // `exchange` and `demand` are borrowed: the gateway keeps them alive until the verdict is there. Reads no body.
  // An Error is answered as the gateway's own fault (Fault::upstream: 503).
  virtual Task<Verdict> check(net::Exchange& exchange, const Demand& demand) = 0;
  // The route's rules would let the caller pass if they proved anew who they are. Asked only after this policy let them
  // pass; 403 unless the policy knows how to ask (RFC 9470, a new sign-in).
  virtual Task<net::Reply> step_up(net::Exchange& exchange, const Demand& demand, policy::StepUp wanted);
  // For `gatehouse explain`: the verdict if whoever has these claims had been recognised. Fault::missing: cannot be imagined.
  virtual Result<Verdict> imagine(const net::Request& request, const Demand& demand, std::shared_ptr<const json::object> claims);
  // In a word, for explanations.
  virtual std::string_view kind() const { return "policy"; }
  // May scopes be demanded of it? (A route with scopes behind a policy that ignores them would be open.)
  virtual bool understands_scopes() const { return false; }
  // Likewise for Demand::step_up.
  virtual bool understands_step_up() const { return false; }
  // The challenge that sends somebody to sign in better (RFC 9470); nullopt when this policy has none.
  virtual std::optional<net::Reply> challenge(const net::Request&, const Demand&) const { return std::nullopt; }
  // What the rule's resource says about itself (RFC 9728), for everybody; nullopt when it has nothing to say.
  virtual std::optional<net::Reply> resource_metadata(const net::Request&, const Demand&) const { return std::nullopt; }
  // Pages below kOwnPrefix; Fault::missing when the path is none of them.
  virtual bool has_pages() const { return false; }
  virtual Task<net::Reply> page(net::Exchange& exchange);
};

// Everybody passes, as nobody.
std::unique_ptr<Policy> public_policy();

// Header lines of `headers` from `claims`; skips what is absent or not fit for a header (IdentityHeader).
std::string identity_lines(const std::vector<IdentityHeader>& headers, const json::object& claims);

}  // namespace gatehouse::gateway
