#include "idp/access.h"

#include <algorithm>

#include "idp/system_terms.h"
#include "oauth/error.h"

namespace gatehouse::idp {
namespace {

using Words = std::vector<std::string>;

bool has(const Words& words, std::string_view word) { return std::ranges::find(words, word) != words.end(); }

bool shares(const Words& some, const Words& others) {
  return std::ranges::any_of(some, [&](const auto& word) { return has(others, word); });
}

// Who is named to be kept out stays out. A request without a person fits a rule that is for everybody, or for no people
// at all (services only), but none that picks people.
bool fits_person(const AccessRule& rule, const std::optional<Asker>& person) {
  if (!person) return has(rule.groups, kEverybody) || (rule.users.empty() && rule.groups.empty());
  if (has(rule.users_not, person->id) || shares(rule.groups_not, person->groups)) return false;
  return has(rule.groups, kEverybody) || has(rule.users, person->id) || shares(rule.groups, person->groups);
}

// The scopes that the rule gives for this ask; nothing when it gives none.
std::optional<oauth::Scopes> scopes_by(const AccessRule& rule, const AccessAsk& ask) {
  if (has(rule.scopes, kAnyScope)) return ask.scopes;
  oauth::Scopes fitting;
  for (const auto& scope : ask.scopes.words())
    if (has(rule.scopes, scope)) fitting.add(scope);
  const bool all = fitting.words().size() == ask.scopes.words().size();
  if (fitting.empty() || (!all && ask.how == AccessAsk::Scopes::as_asked)) return std::nullopt;
  return fitting;
}

std::string_view why_not(const AccessRule& rule, const AccessAsk& ask) {
  if (!rule.active) return "the rule is not active";
  if (!has(rule.grant_types, ask.grant_type)) return "the rule is not for this grant type";
  if (!fits_person(rule, ask.person)) return "the rule is not for this person";
  if (!scopes_by(rule, ask)) return "the rule does not allow these scopes";
  return {};
}

std::string_view why_not(const AccessPolicy& policy, const AccessAsk& ask) {
  if (!policy.active) return "the policy is not active";
  if (!has(policy.clients, kAllClients) && !has(policy.clients, ask.client_id))
    return "the policy is not for this client";
  return {};
}

}  // namespace

bool looks_at_groups(const Server& server, std::string_view client_id) {
  if (!server.terms) return false;
  for (const auto& policy : server.terms->policies) {
    if (!policy.active || (!has(policy.clients, kAllClients) && !has(policy.clients, client_id))) continue;
    for (const auto& rule : policy.rules) {
      const bool picks = std::ranges::any_of(rule.groups, [](const auto& group) { return group != kEverybody; });
      if (rule.active && (picks || !rule.groups_not.empty())) return true;
    }
  }
  return false;
}

Result<Access> decide(const Server& server, const AccessAsk& ask, AccessTrace* trace) {
  Access access;
  if (server.kind() == ServerKind::org) {
    access.scopes_ = ask.scopes;
    access.access_life_ = kAccessLife;
    access.refresh_idle_ = kRefreshIdle;
    access.family_life_ = kGrantLife;
    return access;
  }
  for (const auto& scope : ask.scopes.words())
    if (server.terms->scope(scope) == nullptr && !is_oidc_scope(scope))
      return oauth::refusal(oauth::Code::invalid_scope,
                            "One or more scopes are not configured for the authorization server resource.");
  const auto note = [trace](const AccessPolicy& policy, const AccessRule* rule, std::string_view why) {
    if (trace != nullptr) trace->steps.push_back({policy.id, rule != nullptr ? rule->id : "", std::string(why)});
  };
  for (const auto& policy : server.terms->policies) {
    if (const auto why = why_not(policy, ask); !why.empty()) {
      note(policy, nullptr, why);
      continue;
    }
    for (const auto& rule : policy.rules) {
      if (const auto why = why_not(rule, ask); !why.empty()) {
        note(policy, &rule, why);
        continue;
      }
      access.scopes_ = *scopes_by(rule, ask);
      access.access_life_ = rule.access_life;
      access.refresh_idle_ = rule.refresh_idle;
      if (rule.refresh_life.count() != 0) access.family_life_ = Seconds(rule.refresh_life);
      access.policy_id_ = policy.id;
      access.rule_id_ = rule.id;
      access.hook_ = rule.hook;
      return access;
    }
  }
  return oauth::refusal(oauth::Code::access_denied, std::string(kNoPolicyFits));
}

Task<Access> access_for(Provider& provider, Server server, AccessAsk ask) {
  if (ask.person && looks_at_groups(server, ask.client_id)) {
    GH_CO_TRY(auto user, directory::UserId::parse(ask.person->id));
    GH_CO_TRY(auto groups, co_await provider.needs().groups.of_user(std::move(user)));
    for (const auto& group : groups) ask.person->groups.push_back(group.id.str());
  }
  co_return decide(server, ask);
}

}  // namespace gatehouse::idp
