#include "idp/server_edits.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/text.h"
#include "idp/claims.h"
#include "idp/server_store.h"
#include "oauth/scope.h"

namespace gatehouse::idp {
namespace {

std::unexpected<Error> wrong(std::string_view member, std::string_view why) {
  return failure(Fault::invalid, fmt::format("{}: {}", member, why));
}
std::unexpected<Error> taken(std::string_view member) {
  return failure(Fault::conflict,
                 fmt::format("{}: An object with this field already exists in the current organization", member));
}
std::unexpected<Error> too_many(std::string_view what, std::size_t most) {
  return failure(Fault::invalid, fmt::format("{}: an authorization server has at most {}", what, most));
}

Changes with_event(const Server& server, store::Unit unit, std::string type, std::string message, events::Party about) {
  Changes changes{std::move(unit), {}};
  auto event = event_of(server, std::move(type), std::move(message));
  event.targets.push_back(std::move(about));
  changes.events.push_back(std::move(event));
  return changes;
}

// --- scopes ---

Result<void> check_scope(const ServerScope& scope) {
  if (scope.name.empty()) return wrong("name", "The field cannot be left blank");
  if (scope.name.size() > kScopeNameMax || !oauth::is_scope(scope.name))
    return wrong("name", "is not a scope of RFC 6749, section 3.3");
  if (scope.name.starts_with("okta."))
    return wrong("name", "scopes that begin with 'okta.' are those of the org's own server");
  if (scope.display_name.size() > kServerDescriptionMax)
    return wrong("displayName", fmt::format("must be at most {} bytes", kServerDescriptionMax));
  if (scope.description.size() > kServerDescriptionMax)
    return wrong("description", fmt::format("must be at most {} bytes", kServerDescriptionMax));
  if (scope.optional && scope.consent == Consent::implicit)
    return wrong("optional", "a scope that is not asked for cannot be declined: set consent to REQUIRED or FLEXIBLE");
  return {};
}

events::Party party_of(const ServerScope& scope) {
  return {scope.id, "AuthorizationServerScope", scope.name, scope.name};
}
events::Party party_of(const Claim& claim) { return {claim.id, "AuthorizationServerClaim", claim.name, claim.name}; }

std::size_t own_scopes(const Server& server) {
  return static_cast<std::size_t>(
      std::ranges::count_if(server.terms->scopes, [](const auto& scope) { return !scope.system; }));
}

}  // namespace

Result<void> check_server(const Server& server) {
  if (trim(server.name).empty()) return wrong("name", "The field cannot be left blank");
  if (server.name.size() > kServerNameMax)
    return wrong("name", fmt::format("must be at most {} characters", kServerNameMax));
  if (server.description.size() > kServerDescriptionMax)
    return wrong("description", fmt::format("must be at most {} bytes", kServerDescriptionMax));
  if (server.audience.empty() || server.audience.size() > kAudienceMax ||
      server.audience.find_first_of(" \t\r\n") != std::string::npos)
    return wrong("audiences", fmt::format("must be one text of 1 to {} bytes without spaces", kAudienceMax));
  return {};
}

Result<Changes> change_server(const EditAt& at, const Server& server, const Server& wanted) {
  GH_DO(check_server(wanted));
  Server next = server;
  next.name = wanted.name;
  next.description = wanted.description;
  next.audience = wanted.audience;
  next.issuer_mode = wanted.issuer_mode;
  next.rotation = wanted.rotation;
  next.token_format = wanted.token_format;
  next.profile = wanted.profile;
  const auto members = [](const Server& each) {
    return std::tie(each.name, each.description, each.audience, each.issuer_mode, each.rotation, each.token_format, each.profile);
  };
  if (members(next) == members(server)) return Changes();
  Changes changes;
  changes.unit.push_back(update_server(at.org, next, at.now));
  changes.events.push_back(event_of(next, "oauth2.as.updated", "Authorization server is updated"));
  return changes;
}

Result<Changes> switch_server(const EditAt& at, const Server& server, bool active) {
  if (server.active == active) return Changes();
  Server next = server;
  next.active = active;
  Changes changes;
  changes.unit.push_back(update_server(at.org, next, at.now));
  changes.events.push_back(active ? event_of(next, "oauth2.as.activated", "Authorization server is activated")
                                  : event_of(next, "oauth2.as.deactivated", "Authorization server is deactivated"));
  return changes;
}

Result<ServerScope> scope_of(const Server& server, std::string_view id) {
  const auto found = std::ranges::find(server.terms->scopes, id, &ServerScope::id);
  if (found == server.terms->scopes.end()) return failure(Fault::missing, "scope: not found");
  return *found;
}

Result<Changes> add_scope(const EditAt& at, const Server& server, const ServerScope& scope) {
  GH_DO(check_scope(scope));
  if (server.terms->scope(scope.name) != nullptr) return taken("name");
  if (own_scopes(server) >= kServerScopesMax) return too_many("scopes", kServerScopesMax);
  store::Unit unit;
  unit.push_back(upsert_scope(at.org, server.id, scope));
  return with_event(server, std::move(unit), "oauth2.scope.created", "OAuth2 scope is created", party_of(scope));
}

Result<Changes> change_scope(const EditAt& at, const Server& server, const ServerScope& wanted) {
  GH_TRY(const auto known, scope_of(server, wanted.id));
  ServerScope scope = wanted;
  scope.system = known.system;
  if (known.system && scope.name != known.name) return wrong("name", "the name of a system scope cannot be changed");
  GH_DO(check_scope(scope));
  if (scope == known) return Changes();
  if (const auto* other = server.terms->scope(scope.name); other != nullptr && other->id != scope.id)
    return taken("name");
  store::Unit unit;
  if (scope.name != known.name) unit.push_back(delete_scope(at.org, server.id, known.name));
  unit.push_back(upsert_scope(at.org, server.id, scope));
  return with_event(server, std::move(unit), "oauth2.scope.updated", "OAuth2 scope is updated", party_of(scope));
}

Result<Changes> remove_scope(const EditAt& at, const Server& server, std::string_view id) {
  GH_TRY(const auto scope, scope_of(server, id));
  if (scope.system) return failure(Fault::denied, "System scopes cannot be deleted.");
  store::Unit unit;
  unit.push_back(delete_scope(at.org, server.id, scope.name));
  return with_event(server, std::move(unit), "oauth2.scope.deleted", "OAuth2 scope is deleted", party_of(scope));
}

// --- claims ---

namespace {

Result<void> check_claim(const Server& server, const Claim& claim) {
  if (claim.name.empty() || claim.name.size() > kClaimNameMax || !is_utf8(claim.name) ||
      claim.name.find_first_of(" \t\r\n\"") != std::string::npos)
    return wrong("name", fmt::format("must be 1 to {} bytes without spaces and quotes", kClaimNameMax));
  if (!claim.system && is_reserved_claim(claim.kind, claim.name))
    return wrong("name", fmt::format("'{}' is reserved", claim.name));
  if (claim.kind == ClaimKind::resource && !claim.always)
    return wrong("alwaysIncludeInToken", "must be true for claims of access tokens");
  if (claim.type != ClaimValue::system && (claim.value.empty() || claim.value.size() > kClaimValueMax))
    return wrong("value", fmt::format("must be 1 to {} bytes", kClaimValueMax));
  if (claim.type == ClaimValue::system && !claim.system) return wrong("valueType", "must be EXPRESSION or GROUPS");
  if (claim.scopes.size() > kConditionMax)
    return wrong("conditions.scopes", fmt::format("must be at most {}", kConditionMax));
  for (const auto& scope : claim.scopes)
    if (server.terms->scope(scope) == nullptr)
      return wrong("conditions.scopes", fmt::format("'{}' is not a scope of this server", scope));
  return check_value(claim);
}

const Claim* same_name(const Server& server, const Claim& claim) {
  for (const auto& each : server.terms->claims)
    if (each.kind == claim.kind && each.name == claim.name && each.id != claim.id) return &each;
  return nullptr;
}

}  // namespace

Result<Claim> claim_of(const Server& server, std::string_view id) {
  const auto found = std::ranges::find(server.terms->claims, id, &Claim::id);
  if (found == server.terms->claims.end()) return failure(Fault::missing, "claim: not found");
  return *found;
}

Result<Changes> add_claim(const EditAt& at, const Server& server, const Claim& claim) {
  GH_DO(check_claim(server, claim));
  if (same_name(server, claim) != nullptr) return taken("name");
  if (server.terms->claims.size() >= kServerClaimsMax) return too_many("claims", kServerClaimsMax);
  store::Unit unit;
  unit.push_back(upsert_claim(at.org, server.id, claim));
  return with_event(server, std::move(unit), "oauth2.claim.created", "OAuth2 claim is created", party_of(claim));
}

Result<Changes> change_claim(const EditAt& at, const Server& server, const Claim& wanted) {
  GH_TRY(const auto known, claim_of(server, wanted.id));
  Claim claim = wanted;
  claim.system = known.system;
  if (known.system && (claim.name != known.name || claim.kind != known.kind || claim.type != known.type))
    return wrong("name", "name, claimType and valueType of a system claim cannot be changed");
  if (claim.type == ClaimValue::system) claim.value = known.value;
  GH_DO(check_claim(server, claim));
  if (claim == known) return Changes();
  if (same_name(server, claim) != nullptr) return taken("name");
  store::Unit unit;
  unit.push_back(upsert_claim(at.org, server.id, claim));
  return with_event(server, std::move(unit), "oauth2.claim.updated", "OAuth2 claim is updated", party_of(claim));
}

Result<Changes> remove_claim(const EditAt& at, const Server& server, std::string_view id) {
  GH_TRY(const auto claim, claim_of(server, id));
  if (claim.system) return failure(Fault::denied, "System claims cannot be deleted; deactivate it.");
  store::Unit unit;
  unit.push_back(delete_claim(at.org, server.id, claim.id));
  return with_event(server, std::move(unit), "oauth2.claim.deleted", "OAuth2 claim is deleted", party_of(claim));
}

bool is_reserved_claim(ClaimKind kind, std::string_view name) {
  static constexpr std::string_view kBoth[] = {"iss", "aud", "exp",     "iat",       "nbf", "jti", "ver",
                                               "cnf", "act", "may_act", "auth_time", "acr", "sid"};
  static constexpr std::string_view kResource[] = {
      "cid", "uid", "scp", "client_id", "active", "token_type", "authorization_details"};
  static constexpr std::string_view kIdentity[] = {"sub",    "amr",    "idp", "nonce",  "at_hash",
                                                   "c_hash", "s_hash", "azp", "ds_hash"};
  const auto in = [name](const auto& names) { return std::ranges::find(names, name) != std::end(names); };
  return in(kBoth) || (kind == ClaimKind::resource ? in(kResource) : in(kIdentity));
}

}  // namespace gatehouse::idp
