// From the words of gatehouse.yaml to the gateway's own configuration and the policies that it cannot make itself.
// Pure but for making stages and resolving secret references, with what the caller hands in.
#pragma once

#include <functional>
#include <vector>

#include "access/config.h"
#include "app/config.h"
#include "core/secret.h"
#include "gateway/config.h"

namespace gatehouse::app {

struct GuardPlan {
  gateway::Config gateway;
  std::vector<access::SsoConfig> sign_ons;
  std::vector<std::string> issuers;     // whom the gateway has to talk to; as configured by an administrator
};

// The pools that have a name, and one per address that routes name themselves; one policy per route that demands something.
Result<GuardPlan> plan_guard(const Config& config, const StageNeeds& needs);

}  // namespace gatehouse::app
