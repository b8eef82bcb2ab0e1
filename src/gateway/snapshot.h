// One consistent state of the gateway's configuration, judged as a whole and immutable: a request sees one from its first
// phase to its last, whatever is swapped in meanwhile.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "gateway/names.h"
#include "gateway/routes.h"
#include "gateway/token_policy.h"

namespace gatehouse::gateway {

class Snapshot;

struct SnapshotNeeds {
  const Clock& clock;
  net::HttpClient& http;        // discovery and keys of token issuers
  MakeUpstream make_upstream;
  oauth::client::TokenWitness* witness = nullptr;   // revocation of our own org's tokens; without it they live until they expire
  oauth::client::Issuers* issuers = nullptr;        // what is known of issuers beyond this snapshot; without it each policy starts anew
  Proofs proofs = {};                               // for DPoP
  PoolNeeds pools = {};                             // but for `before`
  std::shared_ptr<const Snapshot> before = {};      // whose pools go on where their configuration is the same
};
// Policies that rooms above bring, by the name that routes call them.
using Policies = std::map<std::string, std::shared_ptr<Policy>>;

class ForwardAuth;

// A request that outlives its client keeps it alive by shared_from_this().
class Snapshot : public std::enable_shared_from_this<Snapshot> {
 public:
  // Fault::invalid with the route, pool or policy in the message.
  static Result<std::shared_ptr<const Snapshot>> build(const SnapshotNeeds& needs, const Config& config, const Policies& policies = {});

  // Guards no host.
  static std::shared_ptr<const Snapshot> nothing() { return std::make_shared<const Snapshot>(); }

  const Clock& clock() const { return *clock_; }
  const Routes& routes() const { return routes_; }
  const ForwardAuth* forward_auth() const { return forward_auth_.get(); }   // nullptr: nobody may ask
  const std::map<std::string, std::shared_ptr<UpstreamPool>>& pools() const { return pools_; }
  const ManagedNames& managed() const { return managed_; }
  // Names that policies and routes set towards upstreams, as they are written.
  const std::vector<std::string>& injected() const { return injected_; }
  const std::vector<std::string>& own_cookies() const { return own_cookies_; }

 private:
  Result<void> add_pool(const SnapshotNeeds& needs, const PoolConfig& config);
  Result<void> add_policies(const SnapshotNeeds& needs, const Config& config, const Policies& policies);
  Result<void> add_stages(Route& route, const RouteConfig& config);
  Result<void> check_edits(const Config& config) const;
  Result<void> add_route(const RouteConfig& config);
  Result<void> add_injected(const std::string& name);
  const Clock* clock_ = nullptr;
  std::shared_ptr<const ForwardAuth> forward_auth_;
  std::map<std::string, std::shared_ptr<Policy>> policies_;
  std::map<std::string, std::shared_ptr<UpstreamPool>> pools_;
  Routes routes_;
  ManagedNames managed_;
  std::vector<std::string> own_cookies_, injected_;
};

}  // namespace gatehouse::gateway
