// The part of server_edits.h that is about access policies and their rules.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "core/text.h"
#include "idp/server_edits.h"
#include "idp/server_store.h"

namespace gatehouse::idp {
namespace {

// What Okta knows by a rule. A refresh is asked as the grant of its family, and has no name of its own here.
constexpr std::string_view kGrantTypes[] = {
    "authorization_code",
    "client_credentials",
    "implicit",
    "password",
    "interaction_code",
    "urn:ietf:params:oauth:grant-type:device_code",
    "urn:ietf:params:oauth:grant-type:token-exchange",
    "urn:ietf:params:oauth:grant-type:jwt-bearer",
    "urn:ietf:params:oauth:grant-type:saml2-bearer",
    "urn:openid:params:grant-type:ciba",
    "urn:okta:params:oauth:grant-type:otp",
    "urn:okta:params:oauth:grant-type:oob",
    "http://auth0.com/oauth/grant-type/mfa-otp",
    "http://auth0.com/oauth/grant-type/mfa-oob",
};

std::unexpected<Error> wrong(std::string_view member, std::string_view why) {
  return failure(Fault::invalid, fmt::format("{}: {}", member, why));
}
std::unexpected<Error> taken() {
  return failure(Fault::conflict, "name: An object with this field already exists in the current organization");
}

Changes told(const Server& server, store::Unit unit, std::string type, std::string message, events::Party about) {
  Changes changes{std::move(unit), {}};
  auto event = event_of(server, std::move(type), std::move(message));
  event.targets.push_back(std::move(about));
  changes.events.push_back(std::move(event));
  return changes;
}
events::Party party_of(const AccessPolicy& policy) { return {policy.id, "PolicyEntity", "unknown", policy.name}; }
events::Party party_of(const AccessRule& rule) { return {rule.id, "PolicyRule", "unknown", rule.name}; }

Result<void> check_words(std::string_view member, const std::vector<std::string>& words) {
  if (words.size() > kConditionMax) return wrong(member, fmt::format("must be at most {}", kConditionMax));
  std::set<std::string_view> seen;
  for (const auto& word : words) {
    if (word.empty() || word.size() > kScopeNameMax || word.find_first_of(" \t\r\n") != std::string::npos)
      return wrong(member, fmt::format("'{}' cannot stand here", word));
    if (!seen.insert(word).second) return wrong(member, fmt::format("'{}' stands there twice", word));
  }
  return {};
}

Result<void> check_common(std::string_view name, int priority) {
  if (trim(name).empty()) return wrong("name", "The field cannot be left blank");
  if (name.size() > kPolicyNameMax) return wrong("name", fmt::format("must be at most {} characters", kPolicyNameMax));
  if (priority < 0 || priority > kPriorityMax) return wrong("priority", fmt::format("must be 1 to {}", kPriorityMax));
  return {};
}

Result<void> check(const AccessPolicy& policy) {
  GH_DO(check_common(policy.name, policy.priority));
  if (policy.description.size() > kPolicyDescriptionMax)
    return wrong("description", fmt::format("must be at most {} characters", kPolicyDescriptionMax));
  GH_DO(check_words("conditions.clients.include", policy.clients));
  if (policy.clients.empty()) return wrong("conditions.clients.include", "must name clients, or ALL_CLIENTS");
  return {};
}

Result<void> check(const Server& server, const AccessRule& rule) {
  GH_DO(check_common(rule.name, rule.priority));
  GH_DO(check_words("conditions.people.users.include", rule.users));
  GH_DO(check_words("conditions.people.users.exclude", rule.users_not));
  GH_DO(check_words("conditions.people.groups.include", rule.groups));
  GH_DO(check_words("conditions.people.groups.exclude", rule.groups_not));
  GH_DO(check_words("conditions.grantTypes.include", rule.grant_types));
  GH_DO(check_words("conditions.scopes.include", rule.scopes));
  if (rule.grant_types.empty()) return wrong("conditions.grantTypes.include", "must name at least one grant type");
  for (const auto& grant : rule.grant_types)
    if (std::ranges::find(kGrantTypes, grant) == std::end(kGrantTypes))
      return wrong("conditions.grantTypes.include", fmt::format("'{}' is not a grant type", grant));
  for (const auto& scope : rule.scopes)
    if (scope != kAnyScope && server.terms->scope(scope) == nullptr && scope != "groups")
      return wrong("conditions.scopes.include", fmt::format("'{}' is not a scope of this server", scope));
  using std::chrono::minutes;
  if (rule.access_life < minutes(5) || rule.access_life > minutes(24 * 60))
    return wrong("actions.token.accessTokenLifetimeMinutes", "must be 5 minutes to 1 day (1440)");
  if (rule.refresh_idle < minutes(10) || rule.refresh_idle > minutes(2'628'000))
    return wrong("actions.token.refreshTokenWindowMinutes", "must be 10 minutes to 5 years (2628000)");
  if (rule.refresh_life != minutes(0) &&
      (rule.refresh_life < rule.access_life || rule.refresh_life > minutes(2'628'000)))
    return wrong("actions.token.refreshTokenLifetimeMinutes",
                 "must be 0 (unlimited), or at least the lifetime of access tokens and at most 5 years (2628000)");
  return {};
}

// Puts `item` at its priority; who had it moves one step back, and so on. Says who moved.
template <class Item>
std::vector<Item> make_room(const std::vector<Item>& all, Item& item) {
  std::vector<Item> others;
  for (const auto& each : all)
    if (each.id != item.id) others.push_back(each);
  if (item.priority == 0) item.priority = others.empty() ? 1 : others.back().priority + 1;
  std::vector<Item> moved;
  int next = item.priority;
  for (auto& each : others) {  // by priority
    if (each.priority < next) continue;
    if (each.priority > next) break;
    each.priority = ++next;
    moved.push_back(each);
  }
  return moved;
}

bool same(const AccessPolicy& a, const AccessPolicy& b) {
  return std::tie(a.name, a.description, a.priority, a.active, a.clients) ==
         std::tie(b.name, b.description, b.priority, b.active, b.clients);
}
auto members(const AccessRule& rule) {
  return std::tie(rule.name, rule.priority, rule.active, rule.users, rule.users_not, rule.groups, rule.groups_not,
                  rule.grant_types, rule.scopes, rule.access_life, rule.refresh_life, rule.refresh_idle, rule.hook);
}

template <class Items>
bool has_name(const Items& items, std::string_view name, std::string_view but_id) {
  return std::ranges::any_of(items, [&](const auto& item) { return item.name == name && item.id != but_id; });
}

store::Unit written(const EditAt& at, const Server& server, AccessPolicy& policy) {
  store::Unit unit;
  for (const auto& moved : make_room(server.terms->policies, policy))
    unit.push_back(upsert_policy(at.org, server.id, moved));
  unit.push_back(upsert_policy(at.org, server.id, policy));
  return unit;
}

store::Unit written(const EditAt& at, const Server& server, const AccessPolicy& policy, AccessRule& rule) {
  store::Unit unit;
  for (const auto& moved : make_room(policy.rules, rule))
    unit.push_back(upsert_rule(at.org, server.id, policy.id, moved));
  unit.push_back(upsert_rule(at.org, server.id, policy.id, rule));
  return unit;
}

}  // namespace

Result<AccessPolicy> policy_of(const Server& server, std::string_view id) {
  const auto found = std::ranges::find(server.terms->policies, id, &AccessPolicy::id);
  if (found == server.terms->policies.end()) return failure(Fault::missing, "policy: not found");
  return *found;
}

Result<AccessRule> rule_of(const Server& server, std::string_view policy_id, std::string_view id) {
  GH_TRY(const auto policy, policy_of(server, policy_id));
  const auto found = std::ranges::find(policy.rules, id, &AccessRule::id);
  if (found == policy.rules.end()) return failure(Fault::missing, "rule: not found");
  return *found;
}

Result<Changes> add_policy(const EditAt& at, const Server& server, AccessPolicy policy) {
  GH_DO(check(policy));
  if (has_name(server.terms->policies, policy.name, policy.id)) return taken();
  if (server.terms->policies.size() >= kServerPoliciesMax)
    return wrong("policies", fmt::format("an authorization server has at most {}", kServerPoliciesMax));
  policy.created = policy.updated = at.now;
  auto unit = written(at, server, policy);
  return told(server, std::move(unit), "policy.lifecycle.create", "Create policy", party_of(policy));
}

Result<Changes> change_policy(const EditAt& at, const Server& server, AccessPolicy policy) {
  GH_TRY(const auto known, policy_of(server, policy.id));
  if (policy.priority == 0) policy.priority = known.priority;
  GH_DO(check(policy));
  if (same(policy, known)) return Changes();
  if (has_name(server.terms->policies, policy.name, policy.id)) return taken();
  policy.system = known.system;
  policy.created = known.created;
  policy.updated = at.now;
  auto unit = written(at, server, policy);
  return told(server, std::move(unit), "policy.lifecycle.update", "Update policy", party_of(policy));
}

Result<Changes> switch_policy(const EditAt& at, const Server& server, std::string_view id, bool active) {
  GH_TRY(auto policy, policy_of(server, id));
  if (policy.active == active) return Changes();
  policy.active = active;
  policy.updated = at.now;
  store::Unit unit;
  unit.push_back(upsert_policy(at.org, server.id, policy));
  return active ? told(server, std::move(unit), "policy.lifecycle.activate", "Activate policy", party_of(policy))
                : told(server, std::move(unit), "policy.lifecycle.deactivate", "Deactivate policy", party_of(policy));
}

Result<Changes> remove_policy(const EditAt& at, const Server& server, std::string_view id) {
  GH_TRY(const auto policy, policy_of(server, id));
  if (policy.system) return failure(Fault::denied, "System policies cannot be deleted.");
  store::Unit unit;
  unit.push_back(delete_rules_of(at.org, server.id, policy.id));
  unit.push_back(delete_policy(at.org, server.id, policy.id));
  return told(server, std::move(unit), "policy.lifecycle.delete", "Delete policy", party_of(policy));
}

Result<Changes> add_rule(const EditAt& at, const Server& server, std::string_view policy_id, AccessRule rule) {
  GH_TRY(const auto policy, policy_of(server, policy_id));
  GH_DO(check(server, rule));
  if (has_name(policy.rules, rule.name, rule.id)) return taken();
  if (policy.rules.size() >= kPolicyRulesMax)
    return wrong("rules", fmt::format("a policy has at most {}", kPolicyRulesMax));
  rule.created = rule.updated = at.now;
  auto unit = written(at, server, policy, rule);
  return told(server, std::move(unit), "policy.rule.add", "Add policy rule", party_of(rule));
}

Result<Changes> change_rule(const EditAt& at, const Server& server, std::string_view policy_id, AccessRule rule) {
  GH_TRY(const auto policy, policy_of(server, policy_id));
  GH_TRY(const auto known, rule_of(server, policy_id, rule.id));
  if (rule.priority == 0) rule.priority = known.priority;
  GH_DO(check(server, rule));
  if (members(rule) == members(known)) return Changes();
  if (has_name(policy.rules, rule.name, rule.id)) return taken();
  rule.system = known.system;
  rule.created = known.created;
  rule.updated = at.now;
  auto unit = written(at, server, policy, rule);
  return told(server, std::move(unit), "policy.rule.update", "Update policy rule", party_of(rule));
}

Result<Changes> switch_rule(const EditAt& at, const Server& server, std::string_view policy_id, std::string_view id,
                            bool active) {
  GH_TRY(auto rule, rule_of(server, policy_id, id));
  if (rule.active == active) return Changes();
  rule.active = active;
  rule.updated = at.now;
  store::Unit unit;
  unit.push_back(upsert_rule(at.org, server.id, policy_id, rule));
  return active ? told(server, std::move(unit), "policy.rule.activate", "Activate policy rule", party_of(rule))
                : told(server, std::move(unit), "policy.rule.deactivate", "Deactivate policy rule", party_of(rule));
}

Result<Changes> remove_rule(const EditAt& at, const Server& server, std::string_view policy_id, std::string_view id) {
  GH_TRY(const auto rule, rule_of(server, policy_id, id));
  if (rule.system) return failure(Fault::denied, "System rules cannot be deleted.");
  store::Unit unit;
  unit.push_back(delete_rule(at.org, server.id, rule.id));
  return told(server, std::move(unit), "policy.rule.delete", "Delete policy rule", party_of(rule));
}

}  // namespace gatehouse::idp
