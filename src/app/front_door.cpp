#include "app/front_door.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <span>

#include "access/sso.h"
#include "app/org.h"

namespace gatehouse::app {

FrontDoor::FrontDoor(FrontDoorNeeds needs)
    : needs_(std::move(needs)),
      http_(net::make_http_client(needs_.resolver, net::PeerRules::public_only(), net::ClientTls{needs_.authority})),
      witness_(needs_.provider),
      issuers_({*http_, needs_.ground.clock(), needs_.ground.random()}),
      replays_(crypto::SipKey::make(needs_.ground.random())),
      nonces_(needs_.ground.master_key().derive("dpop nonces")),
      care_(needs_.resolver),
      gateway_(gateway::Snapshot::nothing()) {}

// The ring of a pool that balances by hash is the same after a restart, and in every gateway with this master key.
gateway::PoolNeeds FrontDoor::pool_needs() const {
  gateway::PoolNeeds needs;
  const auto key = needs_.ground.master_key().derive("upstream hash");
  std::memcpy(&needs.hash, key.reveal().data(), std::min(sizeof needs.hash, key.reveal().size()));
  needs_.ground.random().fill(std::as_writable_bytes(std::span(&needs.draws, 1)));
  needs.log = needs_.ground.log();
  return needs;
}

net::PeerRules FrontDoor::rules_for(const std::vector<std::string>& issuers) const {
  auto rules = net::PeerRules::public_only();
  for (const auto& issuer : issuers)
    if (const auto url = net::Url::parse(issuer)) rules.allow_host(fmt::format("{}:{}", url->host, url->port));
  return rules;
}

Result<std::map<std::string, FrontDoor::SignOn>> FrontDoor::make_sign_ons(std::vector<access::SsoConfig> configs) {
  std::map<std::string, SignOn> made;
  for (auto& config : configs) {
    const auto known = sign_ons_.find(config.name);
    if (known != sign_ons_.end() && known->second.config == config) {
      made.insert(*known);
      continue;
    }
    auto& ground = needs_.ground;
    access::SsoNeeds needs{ground.database(), ground.clock(), ground.random(), *http_, ground.master_key(), ground.log()};
    auto name = config.name;
    GH_TRY(std::shared_ptr<gateway::Policy> policy, access::make_sso(needs, the_org(), config));
    made.emplace(std::move(name), SignOn{std::move(config), std::move(policy)});
  }
  return made;
}

Result<void> FrontDoor::install(GuardPlan plan) {
  GH_TRY(auto sign_ons, make_sign_ons(std::move(plan.sign_ons)));
  gateway::Policies policies;
  for (const auto& [name, sign_on] : sign_ons) policies[name] = sign_on.policy;
  const gateway::MakeUpstream make_upstream = [this](net::UpstreamOptions options) {
    return net::make_upstream(needs_.resolver, net::PeerRules::anyone(), std::move(options));
  };
  const gateway::SnapshotNeeds needs{needs_.ground.clock(), *http_, make_upstream, &witness_, &issuers_, {&replays_, &nonces_}, pool_needs(), gateway_.snapshot()};
  GH_TRY(auto snapshot, gateway::Snapshot::build(needs, plan.gateway, policies));
  http_->set_rules(rules_for(plan.issuers));
  sign_ons_ = std::move(sign_ons);
  gateway_.swap(std::move(snapshot));
  return {};
}

}  // namespace gatehouse::app
