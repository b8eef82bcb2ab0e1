// What may be changed of a custom server, what is refused, and what is told of it. Pure: a server as it is goes in, the
// statements and events of the change come out. To be used as the `decide` of Servers::edit.
// Faults: invalid ("name: …", as Okta's clients want them), missing, conflict (a name is taken), limited, denied
// (system ones).
#pragma once

#include "idp/servers.h"

namespace gatehouse::idp {

inline constexpr std::size_t kConditionMax = 500;  // clients, users, groups, scopes … of one condition
inline constexpr std::size_t kClaimNameMax = 100, kClaimValueMax = 1024, kScopeNameMax = 255;
inline constexpr std::size_t kPolicyNameMax = 100, kPolicyDescriptionMax = 255;
inline constexpr int kPriorityMax = 10'000;

struct EditAt {
  OrgId org;
  Timestamp now;
};

Result<void> check_server(const Server& server);
// Name, description, audience, issuer mode, rotation, token format; not whether it is active.
Result<Changes> change_server(const EditAt& at, const Server& server, const Server& wanted);
Result<Changes> switch_server(const EditAt& at, const Server& server, bool active);

Result<Changes> add_scope(const EditAt& at, const Server& server, const ServerScope& scope);
Result<Changes> change_scope(const EditAt& at, const Server& server, const ServerScope& scope);  // by id
Result<Changes> remove_scope(const EditAt& at, const Server& server, std::string_view id);

Result<Changes> add_claim(const EditAt& at, const Server& server, const Claim& claim);
Result<Changes> change_claim(const EditAt& at, const Server& server, const Claim& claim);
Result<Changes> remove_claim(const EditAt& at, const Server& server, std::string_view id);

// A priority that another one has moves that one, and whatever is in its way, one step back; 0 is behind all others.
Result<Changes> add_policy(const EditAt& at, const Server& server, AccessPolicy policy);
Result<Changes> change_policy(const EditAt& at, const Server& server, AccessPolicy policy);  // not its rules
Result<Changes> switch_policy(const EditAt& at, const Server& server, std::string_view id, bool active);
Result<Changes> remove_policy(const EditAt& at, const Server& server, std::string_view id);

Result<Changes> add_rule(const EditAt& at, const Server& server, std::string_view policy_id, AccessRule rule);
Result<Changes> change_rule(const EditAt& at, const Server& server, std::string_view policy_id, AccessRule rule);
Result<Changes> switch_rule(const EditAt& at, const Server& server, std::string_view policy_id, std::string_view id,
                            bool active);
Result<Changes> remove_rule(const EditAt& at, const Server& server, std::string_view policy_id, std::string_view id);

// Fault::missing.
Result<ServerScope> scope_of(const Server& server, std::string_view id);
Result<Claim> claim_of(const Server& server, std::string_view id);
Result<AccessPolicy> policy_of(const Server& server, std::string_view id);
Result<AccessRule> rule_of(const Server& server, std::string_view policy_id, std::string_view id);

// Names that tokens of ours have by themselves, and that no claim may take.
bool is_reserved_claim(ClaimKind kind, std::string_view name);

}  // namespace gatehouse::idp
