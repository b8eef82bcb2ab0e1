// The only file that knows the tables `authorization_servers`, `authorization_server_scopes`, `…_claims`, `…_policies`
// and `…_rules`.
#pragma once

#include "idp/servers.h"

namespace gatehouse::idp {

struct ServerRow {
  Server server;                        // without terms
  std::optional<std::int64_t> version;  // none: written by a program of before version 3
};
Task<std::vector<ServerRow>> select_server(store::Database& database, OrgId org, std::string id);  // one, or none
Task<std::vector<Server>> select_servers(store::Database& database, OrgId org, directory::Page page, std::string query);
Task<Terms> select_terms(store::Database& database, OrgId org,
                         std::string server_id);  // as stored, system ones only if changed

store::Statement insert_default_server(const OrgId& org, Timestamp now);
store::Statement insert_server(const OrgId& org, const Server& server, Timestamp now);
store::Statement update_server(const OrgId& org, const Server& server, Timestamp now);
// One row if the server still has this version.
store::Statement update_version(const OrgId& org, std::string_view id, std::int64_t version);
// Servers of before version 3 get version 1 and the default policy.
store::Unit adopt_servers(const OrgId& org, Timestamp now);

store::Statement upsert_scope(const OrgId& org, std::string_view server_id, const ServerScope& scope);
store::Statement delete_scope(const OrgId& org, std::string_view server_id, std::string_view name);
store::Statement upsert_claim(const OrgId& org, std::string_view server_id, const Claim& claim);
store::Statement delete_claim(const OrgId& org, std::string_view server_id, std::string_view id);
store::Statement upsert_policy(const OrgId& org, std::string_view server_id, const AccessPolicy& policy);
store::Statement delete_policy(const OrgId& org, std::string_view server_id, std::string_view id);  // not its rules
store::Statement upsert_rule(const OrgId& org, std::string_view server_id, std::string_view policy_id,
                             const AccessRule& rule);
store::Statement delete_rule(const OrgId& org, std::string_view server_id, std::string_view id);
store::Statement delete_rules_of(const OrgId& org, std::string_view server_id, std::string_view policy_id);

AccessPolicy default_policy(Timestamp now);

// With its scopes, claims, policies and rules.
store::Unit delete_server(const OrgId& org, std::string_view server_id);

}  // namespace gatehouse::idp
