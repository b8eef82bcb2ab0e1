#include "idp/server_store.h"

#include "core/text.h"
#include "idp/provider.h"

namespace gatehouse::idp {
namespace {

using Params = std::vector<store::Param>;

constexpr std::string_view kDefaultPolicyId = "00pGatehouseDefault1", kDefaultRuleId = "0prGatehouseDefault1";
// Every way to a token that a client may be registered for: what may not be used is said at the client.
constexpr std::string_view kDefaultGrants =
    "authorization_code client_credentials implicit password interaction_code "
    "urn:ietf:params:oauth:grant-type:device_code"
    " urn:ietf:params:oauth:grant-type:token-exchange urn:ietf:params:oauth:grant-type:jwt-bearer"
    " urn:ietf:params:oauth:grant-type:saml2-bearer urn:openid:params:grant-type:ciba";

constexpr std::string_view name_of(IssuerMode mode) { return mode == IssuerMode::org_url ? "org_url" : "dynamic"; }
constexpr std::string_view name_of(SecurityProfile profile) { return profile == SecurityProfile::fapi2 ? "fapi2" : "none"; }
constexpr std::string_view name_of(TokenFormat format) { return format == TokenFormat::rfc9068 ? "rfc9068" : "okta"; }
constexpr std::string_view name_of(Rotation rotation) { return rotation == Rotation::manual ? "manual" : "auto"; }

Server server_from(const store::Row& row) {
  Server server{row.text(0), row.text(1), row.text(2), jose::alg_named(row.text(3)).value_or(jose::Alg::RS256),
                row.yes(4)};
  server.created = row.time(5);
  server.updated = row.time(6);
  server.description = row.maybe_text(7).value_or("");
  server.issuer_mode = row.maybe_text(8) == "org_url" ? IssuerMode::org_url : IssuerMode::dynamic;
  server.rotation = row.maybe_text(9) == "manual" ? Rotation::manual : Rotation::automatic;
  server.token_format = row.maybe_text(11) == "rfc9068" ? TokenFormat::rfc9068 : TokenFormat::okta;
  server.profile = row.maybe_text(12) == "fapi2" ? SecurityProfile::fapi2 : SecurityProfile::none;
  if (server.profile != SecurityProfile::none) server.alg = jose::Alg::ES256;   // RS256 may not sign there
  return server;
}

ServerScope scope_from(const store::Row& row) {
  ServerScope scope{row.text(0), row.text(1), row.yes(2)};
  scope.id = row.maybe_text(3).value_or("");
  scope.display_name = row.maybe_text(4).value_or("");
  scope.consent = static_cast<Consent>(row.maybe_number(5).value_or(0));
  scope.published = row.maybe_number(6).value_or(1) != 0;
  scope.optional = row.maybe_number(7).value_or(0) != 0;
  scope.system = row.maybe_number(8).value_or(0) != 0;
  return scope;
}

Claim claim_from(const store::Row& row) {
  Claim claim{row.text(0), row.text(1), static_cast<ClaimKind>(row.number(2)), static_cast<ClaimValue>(row.number(3))};
  claim.value = row.text(4);
  claim.filter = static_cast<GroupFilter>(row.number(5));
  claim.scopes = split_words(row.text(6));
  claim.always = row.yes(7);
  claim.active = row.yes(8);
  claim.system = row.yes(9);
  return claim;
}

AccessPolicy policy_from(const store::Row& row) {
  AccessPolicy policy{row.text(0), row.text(1), row.text(2)};
  policy.priority = static_cast<int>(row.number(3));
  policy.active = row.yes(4);
  policy.system = row.yes(5);
  policy.clients = split_words(row.text(6));
  policy.created = row.time(7);
  policy.updated = row.time(8);
  return policy;
}

AccessRule rule_from(const store::Row& row) {
  AccessRule rule{row.text(0), row.text(1)};
  rule.priority = static_cast<int>(row.number(2));
  rule.active = row.yes(3);
  rule.system = row.yes(4);
  rule.users = split_words(row.text(5));
  rule.users_not = split_words(row.text(6));
  rule.groups = split_words(row.text(7));
  rule.groups_not = split_words(row.text(8));
  rule.grant_types = split_words(row.text(9));
  rule.scopes = split_words(row.text(10));
  rule.access_life = std::chrono::minutes(row.number(11));
  rule.refresh_life = std::chrono::minutes(row.number(12));
  rule.refresh_idle = std::chrono::minutes(row.number(13));
  rule.hook = row.text(14);
  rule.created = row.time(15);
  rule.updated = row.time(16);
  return rule;
}

constexpr std::string_view kSelectServer =
    "select id, name, audience, alg, active, created, updated, description, issuer_mode, rotation, version, token_format, profile from "
    "authorization_servers"
    " where org_id = $1 and id = $2";
constexpr std::string_view kSelectServers =
    "select id, name, audience, alg, active, created, updated, description, issuer_mode, rotation, version, token_format, profile from "
    "authorization_servers"
    " where org_id = $1 and id > $2 order by id limit $3";
// Two searches by index, not a walk through all: the page is cut from what fits.
constexpr std::string_view kSearchServers =
    "select id, name, audience, alg, active, created, updated, description, issuer_mode, rotation, version, token_format, profile from "
    "authorization_servers"
    " where org_id = $1 and id in (select id from authorization_servers where org_id = $1 and name_key >= $4 and "
    "name_key < $5"
    " union select id from authorization_servers where org_id = $1 and audience >= $6 and audience < $7)"
    " and id > $2 order by id limit $3";

// Behind every text that begins with `prefix`, in the order of bytes (and of code points: the last of them).
std::string behind(std::string_view prefix) { return std::string(prefix) + "\xf4\x8f\xbf\xbf"; }

}  // namespace

Task<std::vector<ServerRow>> select_server(store::Database& database, OrgId org, std::string id) {
  store::Statement select(kSelectServer, {org, id});
  GH_CO_TRY(auto rows, co_await database.read(std::move(select)));
  std::vector<ServerRow> found;
  for (const auto& row : rows) found.push_back({server_from(row), row.maybe_number(10)});
  co_return found;
}

Task<std::vector<Server>> select_servers(store::Database& database, OrgId org, directory::Page page,
                                         std::string query) {
  const auto folded = to_lower(query);
  store::Statement select = query.empty() ? store::Statement(kSelectServers, {org, page.after, page.limit})
                                          : store::Statement(kSearchServers, {org, page.after, page.limit, folded,
                                                                              behind(folded), query, behind(query)});
  GH_CO_TRY(auto rows, co_await database.read(std::move(select)));
  std::vector<Server> servers;
  for (const auto& row : rows) servers.push_back(server_from(row));
  co_return servers;
}

Task<Terms> select_terms(store::Database& database, OrgId org, std::string server_id) {
  Terms terms;
  store::Statement scopes(
      "select name, description, by_default, id, display_name, consent, published, optional, system from "
      "authorization_server_scopes"
      " where org_id = $1 and server_id = $2",
      {org, server_id});
  GH_CO_TRY(auto rows, co_await database.read(std::move(scopes)));
  for (const auto& row : rows) terms.scopes.push_back(scope_from(row));
  store::Statement claims(
      "select id, name, kind, type, value, group_filter, scopes, always_in, active, system from "
      "authorization_server_claims"
      " where org_id = $1 and server_id = $2",
      {org, server_id});
  GH_CO_TRY(rows, co_await database.read(std::move(claims)));
  for (const auto& row : rows) terms.claims.push_back(claim_from(row));
  store::Statement policies(
      "select id, name, description, priority, active, system, clients, created, updated from "
      "authorization_server_policies"
      " where org_id = $1 and server_id = $2 order by priority, id",
      {org, server_id});
  GH_CO_TRY(rows, co_await database.read(std::move(policies)));
  for (const auto& row : rows) terms.policies.push_back(policy_from(row));
  store::Statement rules(
      "select id, name, priority, active, system, users_in, users_not, groups_in, groups_not, grant_types, scopes, "
      "access_minutes, refresh_minutes,"
      " idle_minutes, hook, created, updated, policy_id from authorization_server_rules where org_id = $1 and "
      "server_id = $2 order by priority, id",
      {org, server_id});
  GH_CO_TRY(rows, co_await database.read(std::move(rules)));
  for (const auto& row : rows)
    for (auto& policy : terms.policies)
      if (policy.id == row.text(17)) policy.rules.push_back(rule_from(row));
  co_return terms;
}

store::Statement insert_default_server(const OrgId& org, Timestamp now) {
  // Without a version: it is adopted like the servers of early programs.
  return store::Statement(
      "insert into authorization_servers (org_id, id, name, audience, alg, active, created, updated, description)"
      " values ($1, $2, $2, $3, $4, 1, $5, $5, $6) on conflict (org_id, id) do nothing",
      {org, kDefaultServer, kDefaultAudience, "RS256", now, "Default Authorization Server for your Applications"});
}

store::Statement insert_server(const OrgId& org, const Server& server, Timestamp now) {
  return store::Statement(
      "insert into authorization_servers (org_id, id, name, audience, alg, active, created, updated, description, "
      "issuer_mode, rotation,"
      " name_key, version, token_format, profile) values ($1, $2, $3, $4, $5, $6, $7, $7, $8, $9, $10, $11, 1, $12, $13)",
      {org, server.id, server.name, server.audience, jose::name_of(server.alg), server.active, now, server.description,
       name_of(server.issuer_mode), name_of(server.rotation), to_lower(server.name), name_of(server.token_format), name_of(server.profile)});
}

store::Statement update_server(const OrgId& org, const Server& server, Timestamp now) {
  return store::Statement(
      "update authorization_servers set name = $3, audience = $4, alg = $5, active = $6, updated = $7, description = "
      "$8, issuer_mode = $9,"
      " rotation = $10, name_key = $11, token_format = $12, profile = $13 where org_id = $1 and id = $2",
      {org, server.id, server.name, server.audience, jose::name_of(server.alg), server.active, now, server.description,
       name_of(server.issuer_mode), name_of(server.rotation), to_lower(server.name), name_of(server.token_format), name_of(server.profile)});
}

store::Statement update_version(const OrgId& org, std::string_view id, std::int64_t version) {
  return store::Statement(
      "update authorization_servers set version = version + 1 where org_id = $1 and id = $2 and version = $3",
      {org, id, version});
}

store::Unit adopt_servers(const OrgId& org, Timestamp now) {
  const auto policy = default_policy(now);
  const auto& rule = policy.rules.front();
  store::Unit unit;
  unit.emplace_back(
      "insert into authorization_server_policies (org_id, server_id, id, name, description, priority, active, system, "
      "clients, created, updated)"
      " select org_id, id, cast($2 as text), cast($3 as text), cast($4 as text), 1, 1, 0, cast($5 as text), cast($6 as "
      "bigint),"
      " cast($6 as bigint) from authorization_servers where org_id = $1 and version is null"
      " on conflict (org_id, server_id, id) do nothing",
      Params{org, policy.id, policy.name, policy.description, join(policy.clients, " "), now});
  unit.emplace_back(
      "insert into authorization_server_rules (org_id, server_id, id, policy_id, name, priority, active, system, "
      "users_in, users_not, groups_in,"
      " groups_not, grant_types, scopes, access_minutes, refresh_minutes, idle_minutes, hook, created, updated)"
      " select org_id, id, cast($2 as text), cast($3 as text), cast($4 as text), 1, 1, 0, '', '', cast($5 as text), "
      "'', cast($6 as text),"
      " cast($7 as text), cast($8 as bigint), cast($9 as bigint), cast($10 as bigint), '', cast($11 as bigint), "
      "cast($11 as bigint) from authorization_servers"
      " where org_id = $1 and version is null on conflict (org_id, server_id, id) do nothing",
      Params{org, rule.id, policy.id, rule.name, join(rule.groups, " "), join(rule.grant_types, " "),
             join(rule.scopes, " "), std::int64_t(rule.access_life.count()), std::int64_t(rule.refresh_life.count()),
             std::int64_t(rule.refresh_idle.count()), now});
  unit.emplace_back(
      "update authorization_servers set version = 1, name_key = lower(name) where org_id = $1 and version is null",
      Params{org});
  return unit;
}

store::Statement upsert_scope(const OrgId& org, std::string_view server_id, const ServerScope& scope) {
  return store::Statement(
      "insert into authorization_server_scopes (org_id, server_id, name, description, by_default, id, display_name, "
      "consent, published, optional,"
      " system) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) on conflict (org_id, server_id, name) do update "
      "set"
      " description = excluded.description, by_default = excluded.by_default, id = excluded.id, display_name = "
      "excluded.display_name,"
      " consent = excluded.consent, published = excluded.published, optional = excluded.optional, system = "
      "excluded.system",
      {org, server_id, scope.name, scope.description, scope.by_default, scope.id, scope.display_name,
       static_cast<int>(scope.consent), scope.published, scope.optional, scope.system});
}

store::Statement delete_scope(const OrgId& org, std::string_view server_id, std::string_view name) {
  return store::Statement("delete from authorization_server_scopes where org_id = $1 and server_id = $2 and name = $3",
                          {org, server_id, name});
}

store::Statement upsert_claim(const OrgId& org, std::string_view server_id, const Claim& claim) {
  return store::Statement(
      "insert into authorization_server_claims (org_id, server_id, id, name, kind, type, value, group_filter, scopes, "
      "always_in, active, system)"
      " values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) on conflict (org_id, server_id, id) do update set "
      "name = excluded.name,"
      " kind = excluded.kind, type = excluded.type, value = excluded.value, group_filter = excluded.group_filter, "
      "scopes = excluded.scopes,"
      " always_in = excluded.always_in, active = excluded.active, system = excluded.system",
      {org, server_id, claim.id, claim.name, static_cast<int>(claim.kind), static_cast<int>(claim.type), claim.value,
       static_cast<int>(claim.filter), join(claim.scopes, " "), claim.always, claim.active, claim.system});
}

store::Statement delete_claim(const OrgId& org, std::string_view server_id, std::string_view id) {
  return store::Statement("delete from authorization_server_claims where org_id = $1 and server_id = $2 and id = $3",
                          {org, server_id, id});
}

store::Statement upsert_policy(const OrgId& org, std::string_view server_id, const AccessPolicy& policy) {
  return store::Statement(
      "insert into authorization_server_policies (org_id, server_id, id, name, description, priority, active, system, "
      "clients, created, updated)"
      " values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) on conflict (org_id, server_id, id) do update set name = "
      "excluded.name,"
      " description = excluded.description, priority = excluded.priority, active = excluded.active, clients = "
      "excluded.clients,"
      " updated = excluded.updated",
      {org, server_id, policy.id, policy.name, policy.description, policy.priority, policy.active, policy.system,
       join(policy.clients, " "), policy.created, policy.updated});
}

store::Statement delete_policy(const OrgId& org, std::string_view server_id, std::string_view id) {
  return store::Statement("delete from authorization_server_policies where org_id = $1 and server_id = $2 and id = $3",
                          {org, server_id, id});
}

store::Statement upsert_rule(const OrgId& org, std::string_view server_id, std::string_view policy_id,
                             const AccessRule& rule) {
  return store::Statement(
      "insert into authorization_server_rules (org_id, server_id, id, policy_id, name, priority, active, system, "
      "users_in, users_not, groups_in,"
      " groups_not, grant_types, scopes, access_minutes, refresh_minutes, idle_minutes, hook, created, updated)"
      " values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)"
      " on conflict (org_id, server_id, id) do update set name = excluded.name, priority = excluded.priority, active = "
      "excluded.active,"
      " users_in = excluded.users_in, users_not = excluded.users_not, groups_in = excluded.groups_in, groups_not = "
      "excluded.groups_not,"
      " grant_types = excluded.grant_types, scopes = excluded.scopes, access_minutes = excluded.access_minutes,"
      " refresh_minutes = excluded.refresh_minutes, idle_minutes = excluded.idle_minutes, hook = excluded.hook, "
      "updated = excluded.updated",
      {org,
       server_id,
       rule.id,
       policy_id,
       rule.name,
       rule.priority,
       rule.active,
       rule.system,
       join(rule.users, " "),
       join(rule.users_not, " "),
       join(rule.groups, " "),
       join(rule.groups_not, " "),
       join(rule.grant_types, " "),
       join(rule.scopes, " "),
       std::int64_t(rule.access_life.count()),
       std::int64_t(rule.refresh_life.count()),
       std::int64_t(rule.refresh_idle.count()),
       rule.hook,
       rule.created,
       rule.updated});
}

store::Statement delete_rule(const OrgId& org, std::string_view server_id, std::string_view id) {
  return store::Statement("delete from authorization_server_rules where org_id = $1 and server_id = $2 and id = $3",
                          {org, server_id, id});
}

store::Statement delete_rules_of(const OrgId& org, std::string_view server_id, std::string_view policy_id) {
  return store::Statement(
      "delete from authorization_server_rules where org_id = $1 and server_id = $2 and policy_id = $3",
      {org, server_id, policy_id});
}

AccessPolicy default_policy(Timestamp now) {
  AccessPolicy policy{std::string(kDefaultPolicyId), "Default Policy", "For all clients"};
  policy.clients = {std::string(kAllClients)};
  policy.created = policy.updated = now;
  AccessRule rule{std::string(kDefaultRuleId), "Default Policy Rule"};
  rule.groups = {std::string(kEverybody)};
  rule.scopes = {std::string(kAnyScope)};
  rule.grant_types = split_words(kDefaultGrants);
  rule.refresh_life =
      std::chrono::duration_cast<std::chrono::minutes>(kGrantLife);  // as it was before there were rules
  rule.created = rule.updated = now;
  policy.rules.push_back(std::move(rule));
  return policy;
}

store::Unit delete_server(const OrgId& org, std::string_view server_id) {
  store::Unit unit;
  for (const auto* table : {"authorization_server_rules where org_id = $1 and server_id = $2",
                            "authorization_server_policies where org_id = $1 and server_id = $2",
                            "authorization_server_claims where org_id = $1 and server_id = $2",
                            "authorization_server_scopes where org_id = $1 and server_id = $2",
                            "authorization_servers where org_id = $1 and id = $2"})
    unit.emplace_back(std::string("delete from ") + table, Params{org, server_id});
  return unit;
}

}  // namespace gatehouse::idp
