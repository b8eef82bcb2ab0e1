// How gatehouse.yaml writes policies down: `zones`, `policies`, and on a route `require`, `policy` and `shadow_policy`.
// Rules are made while they are read, so every mistake is told at its line. docs/configuration.md has the whole form.
#pragma once

#include <map>
#include <string>

#include "app/yaml.h"
#include "policy/rules.h"

namespace gatehouse::app {

inline constexpr std::size_t kZonesMax = 200;
inline constexpr std::size_t kPoliciesMax = 200;

// What routes may refer to by name.
struct PolicyWords {
  policy::Zones zones;
  std::map<std::string, policy::RulesPtr> policies;
};
// Asks the root for `zones` and `policies`.
PolicyWords read_policies(Map& root);

struct RoutePolicy {
  policy::RulesPtr rules, shadow;   // nullptr: none
};
// Asks a route for `require`, `policy` and `shadow_policy`.
RoutePolicy read_route_policy(Map& route, const PolicyWords& words);

}  // namespace gatehouse::app
