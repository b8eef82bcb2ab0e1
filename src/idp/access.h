// May this client have these scopes by this grant for this person, and for how long? Asked again whenever something is
// given: at the authorization endpoint, for every code, refresh token and other grant. What is switched off or taken
// away meanwhile counts at once.
#pragma once

#include "idp/provider.h"

namespace gatehouse::idp {

// In Okta's words; clients and their users search for them.
inline constexpr std::string_view kNoPolicyFits =
    "Policy evaluation failed for this request, please check the policy configurations.";

struct Asker {
  std::string id;                   // of the person
  std::vector<std::string> groups;  // ids; only where a rule asks for them
};
struct AccessAsk {
  std::string client_id, grant_type;  // the grant by which it began: a refresh is asked as the grant of its family
  oauth::Scopes scopes;
  enum class Scopes { as_asked, by_default } how = Scopes::as_asked;  // by default: as many of them as a rule allows
  std::optional<Asker> person;                                        // nobody: client credentials
};

// Permission to give tokens. Only access_for() and decide() make one, so that no grant can forget to ask.
class Access {
 public:
  const oauth::Scopes& scopes() const { return scopes_; }
  Seconds access_life() const { return access_life_; }
  Seconds refresh_idle() const { return refresh_idle_; }
  // Of all refresh tokens of one sign-in; none: for as long as each is used in time.
  std::optional<Seconds> family_life() const { return family_life_; }
  const std::string& policy_id() const { return policy_id_; }  // empty at the org's own server
  const std::string& rule_id() const { return rule_id_; }
  const std::string& hook() const { return hook_; }

 private:
  Access() = default;
  friend Result<Access> decide(const Server& server, const AccessAsk& ask, struct AccessTrace* trace);
  oauth::Scopes scopes_;
  Seconds access_life_{0}, refresh_idle_{0};
  std::optional<Seconds> family_life_;
  std::string policy_id_, rule_id_, hook_;
};

// Why a policy or a rule did not fit, for the preview.
struct AccessTrace {
  struct Step {
    std::string policy_id, rule_id, why;  // no rule: the whole policy did not fit
  };
  std::vector<Step> steps;
};

// Policies in their order, rules in theirs; the first that fits decides. Code::invalid_scope when the server does not
// know a scope (any more), Code::access_denied when nothing fits. Pure.
Result<Access> decide(const Server& server, const AccessAsk& ask, AccessTrace* trace = nullptr);
// Does an active rule for this client look at groups?
bool looks_at_groups(const Server& server, std::string_view client_id);

// Loads what decide() needs, and decides.
Task<Access> access_for(Provider& provider, Server server, AccessAsk ask);

}  // namespace gatehouse::idp
