// Authorization servers and what belongs to them, as Okta's API writes them; member for member as real orgs answer.
#include "orgapi/authorization_server_calls.h"

namespace gatehouse::orgapi {
namespace {

json::value text_or_null(const std::string& text) { return text.empty() ? json::value(nullptr) : json::value(text); }

json::array texts(const std::vector<std::string>& words) {
  json::array out;
  for (const auto& word : words) out.emplace_back(word);
  return out;
}

constexpr std::string_view status_name(bool active) { return active ? "ACTIVE" : "INACTIVE"; }

json::object self_link(const std::string& url) { return link_allowing(url, {"GET", "PUT", "DELETE"}); }

// The one that the status allows.
void add_switch(json::object& links, const std::string& url, bool active) {
  const std::string_view name = active ? "deactivate" : "activate";
  links[name] = link_allowing(url + "/lifecycle/" + std::string(name), {"POST"});
}

json::object links_of(const idp::Server& server, std::string_view issuer, const net::Call& call) {
  const auto url = server_url(call, server.id);
  json::array metadata;
  for (const auto* name : {"oauth-authorization-server", "openid-configuration"}) {
    auto each = link_allowing(std::string(issuer) + "/.well-known/" + name, {"GET"});
    each["name"] = name;
    metadata.push_back(std::move(each));
  }
  json::object links = {{"rotateKey", link_allowing(url + "/credentials/lifecycle/keyRotate", {"POST"})},
                        {"metadata", std::move(metadata)},
                        {"keys", link_allowing(url + "/credentials/keys", {"GET"})},
                        {"claims", link_allowing(url + "/claims", {"GET", "POST"})},
                        {"policies", link_allowing(url + "/policies", {"GET", "POST"})},
                        {"self", link_allowing(url, {"GET", "DELETE", "PUT"})},
                        {"scopes", link_allowing(url + "/scopes", {"GET", "POST"})}};
  add_switch(links, url, server.active);
  return links;
}

}  // namespace

json::object shape(const idp::Server& server, const idp::KeyInfo& key, std::string_view issuer, const net::Call& call) {
  json::object signing = {{"kid", key.kid}};
  signing["rotationMode"] = server.rotation == idp::Rotation::automatic ? "AUTO" : "MANUAL";
  signing["lastRotated"] = to_iso8601(key.created);
  signing["use"] = "sig";
  return {{"id", server.id},
          {"name", server.name},
          {"description", text_or_null(server.description)},
          {"audiences", json::array{server.audience}},
          {"issuer", issuer},
          {"issuerMode", server.issuer_mode == idp::IssuerMode::org_url ? "ORG_URL" : "DYNAMIC"},
          {"status", status_name(server.active)},
          {"created", to_iso8601(server.created)},
          {"lastUpdated", to_iso8601(server.updated)},
          {"credentials", {{"signing", std::move(signing)}}},
          {"default", server.id == idp::kDefaultServer},
          {"accessTokenFormat", server.token_format == idp::TokenFormat::rfc9068 ? "RFC9068" : "OKTA"},
          {"securityProfile", server.profile == idp::SecurityProfile::fapi2 ? "FAPI2_SECURITY" : "NONE"},
          {"_links", links_of(server, issuer, call)}};
}

json::object shape(const idp::ServerScope& scope, const std::string& server_url) {
  constexpr std::string_view kConsents[] = {"IMPLICIT", "REQUIRED", "FLEXIBLE"};
  return {{"id", scope.id},
          {"name", scope.name},
          {"displayName", text_or_null(scope.display_name)},
          {"description", text_or_null(scope.description)},
          {"system", scope.system},
          {"metadataPublish", scope.published ? "ALL_CLIENTS" : "NO_CLIENTS"},
          {"consent", kConsents[static_cast<std::size_t>(scope.consent)]},
          {"optional", scope.optional},
          {"default", scope.by_default},
          {"apiResourceId", nullptr},
          {"_links", {{"self", self_link(server_url + "/scopes/" + scope.id)}}}};
}

json::object shape(const idp::Claim& claim, const std::string& server_url) {
  constexpr std::string_view kTypes[] = {"EXPRESSION", "GROUPS", "SYSTEM"};
  constexpr std::string_view kFilters[] = {"STARTS_WITH", "EQUALS", "CONTAINS", "REGEX"};
  json::object shaped = {{"id", claim.id},
                         {"name", claim.name},
                         {"status", status_name(claim.active)},
                         {"claimType", claim.kind == idp::ClaimKind::resource ? "RESOURCE" : "IDENTITY"},
                         {"valueType", kTypes[static_cast<std::size_t>(claim.type)]}};
  if (claim.type != idp::ClaimValue::system) shaped["value"] = claim.value;
  shaped["conditions"] = {{"scopes", texts(claim.scopes)}};
  shaped["system"] = claim.system;
  shaped["alwaysIncludeInToken"] = claim.always;
  shaped["apiResourceId"] = nullptr;
  if (claim.type == idp::ClaimValue::groups)
    shaped["group_filter_type"] = kFilters[static_cast<std::size_t>(claim.filter)];
  shaped["_links"] = {{"self", self_link(server_url + "/claims/" + claim.id)}};
  return shaped;
}

json::object shape(const idp::AccessPolicy& policy, const std::string& server_url) {
  const auto url = server_url + "/policies/" + policy.id;
  json::object links = {{"self", self_link(url)}, {"rules", link_allowing(url + "/rules", {"GET"})}};
  add_switch(links, url, policy.active);
  return {{"id", policy.id},
          {"status", status_name(policy.active)},
          {"name", policy.name},
          {"description", text_or_null(policy.description)},
          {"priority", policy.priority},
          {"system", policy.system},
          {"conditions", {{"clients", {{"include", texts(policy.clients)}}}}},
          {"created", to_iso8601(policy.created)},
          {"lastUpdated", to_iso8601(policy.updated)},
          {"_links", std::move(links)},
          {"type", "OAUTH_AUTHORIZATION_POLICY"}};
}

json::object shape(const idp::AccessRule& rule, const std::string& policy_url) {
  const auto url = policy_url + "/rules/" + rule.id;
  json::object links = {{"self", self_link(url)}};
  add_switch(links, url, rule.active);
  const json::object people = {{"users", {{"include", texts(rule.users)}, {"exclude", texts(rule.users_not)}}},
                               {"groups", {{"include", texts(rule.groups)}, {"exclude", texts(rule.groups_not)}}}};
  json::object token = {{"accessTokenLifetimeMinutes", rule.access_life.count()},
                        {"refreshTokenLifetimeMinutes", rule.refresh_life.count()},
                        {"refreshTokenWindowMinutes", rule.refresh_idle.count()}};
  if (!rule.hook.empty()) token["inlineHook"] = {{"id", rule.hook}};
  return {{"id", rule.id},
          {"status", status_name(rule.active)},
          {"name", rule.name},
          {"priority", rule.priority},
          {"created", to_iso8601(rule.created)},
          {"lastUpdated", to_iso8601(rule.updated)},
          {"system", rule.system},
          {"conditions",
           {{"people", people},
            {"grantTypes", {{"include", texts(rule.grant_types)}}},
            {"scopes", {{"include", texts(rule.scopes)}}}}},
          {"actions", {{"token", std::move(token)}}},
          {"_links", std::move(links)},
          {"type", "RESOURCE_ACCESS"}};
}

}  // namespace gatehouse::orgapi
