// The gateway of the house: made out of a plan, and replaced as a whole by the next plan while requests pass through it.
// A plan that cannot be built changes nothing. Policies whose words did not change stay as they are, with the sessions and
// keys that they remember.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "app/foundation.h"
#include "app/guard.h"
#include "app/org_witness.h"
#include "gateway/care.h"
#include "gateway/gateway.h"
#include "net/client.h"

namespace gatehouse::app {

struct FrontDoorNeeds {
  Foundation& ground;
  net::Resolver& resolver;
  idp::Provider& provider;
  std::string authority;   // PEM file of the local authority, when our own org is behind its certificate
};

class FrontDoor {
 public:
  explicit FrontDoor(FrontDoorNeeds needs);

  // Not from two threads at once. Fault::invalid says what is wrong with the plan.
  Result<void> install(GuardPlan plan);
  net::Handler& handler() { return gateway_; }
  const gateway::Gateway& gateway() const { return gateway_; }
  net::HttpClient& http() { return *http_; }
  oauth::client::Issuers& issuers() { return issuers_; }
  // Begins the health checks and look-ups that are due, on the loop that it is called on.
  boost::asio::awaitable<void> look_after_upstreams() { return care_.round(gateway_.snapshot()); }

 private:
  struct SignOn {
    access::SsoConfig config;
    std::shared_ptr<gateway::Policy> policy;
  };
  Result<std::map<std::string, SignOn>> make_sign_ons(std::vector<access::SsoConfig> configs);
  gateway::PoolNeeds pool_needs() const;
  net::PeerRules rules_for(const std::vector<std::string>& issuers) const;

  FrontDoorNeeds needs_;
  std::unique_ptr<net::HttpClient> http_;
  OrgWitness witness_;
  oauth::client::Issuers issuers_;          // this and the next two remember across plans: keys, verified tokens, used proofs
  oauth::dpop::MemoryReplays replays_;
  oauth::dpop::Nonces nonces_;
  std::map<std::string, SignOn> sign_ons_;
  gateway::UpstreamCare care_;
  gateway::Gateway gateway_;
};

}  // namespace gatehouse::app
