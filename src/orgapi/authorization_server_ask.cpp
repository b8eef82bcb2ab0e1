// Reading authorization servers and what belongs to them out of requests. Members that only the server sets (id,
// system, created, _links …) are passed over: clients send objects back as they got them.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/text.h"
#include "orgapi/authorization_server_calls.h"

namespace gatehouse::orgapi {
namespace {

using Texts = std::vector<std::string>;

// The place of a name among those that may stand there.
template <std::size_t size>
std::size_t choice(Reader& in, std::string_view member, const std::array<std::string_view, size>& names,
                   std::size_t otherwise) {
  const auto asked = in.optional<std::string>(member);
  if (!asked) return otherwise;
  const auto found = std::ranges::find(names, *asked);
  if (found != names.end()) return static_cast<std::size_t>(found - names.begin());
  in.fault(member, fmt::format("must be one of: {}", fmt::join(names, ", ")));
  return otherwise;
}

bool read_status(Reader& in, bool& says) {
  says = in.has("status");
  return choice(in, "status", std::array<std::string_view, 2>{"ACTIVE", "INACTIVE"}, 0) == 0;
}

Texts read_list(Reader& in, std::string_view member) { return in.optional<Texts>(member, {}); }

int read_priority(Reader& in) {
  const auto priority = in.optional<std::int64_t>("priority");
  if (!priority) return 0;
  if (*priority >= 1 && *priority <= idp::kPriorityMax) return static_cast<int>(*priority);
  in.fault("priority", fmt::format("must be 1 to {}", idp::kPriorityMax));
  return 0;
}

std::chrono::minutes read_minutes(Reader& in, std::string_view member, std::int64_t otherwise) {
  constexpr std::int64_t kMost = 10'000'000;  // the limits themselves are in server_edits
  const auto asked = in.optional<std::int64_t>(member).value_or(otherwise);
  if (asked < 0 || asked > kMost) in.fault(member, "must be a number of minutes");
  return std::chrono::minutes(std::clamp<std::int64_t>(asked, 0, kMost));
}

void read_people(Reader& conditions, idp::AccessRule& rule) {
  auto people = conditions.object("people");
  auto users = people.object("users"), groups = people.object("groups");
  rule.users = read_list(users, "include");
  rule.users_not = read_list(users, "exclude");
  rule.groups = read_list(groups, "include");
  rule.groups_not = read_list(groups, "exclude");
  for (auto* each : {&users, &groups, &people}) each->ignore_rest();
}

void read_type(Reader& in, std::string_view expected) {
  if (in.optional<std::string>("type", std::string(expected)) != expected)
    in.fault("type", fmt::format("must be {}", expected));
}

}  // namespace

Result<ServerAsk> ServerAsk::read(Reader in) {
  ServerAsk ask;
  auto& server = ask.server;
  server.name = in.required<std::string>("name").value_or("");
  server.description = in.optional<std::string>("description", "");
  const auto audiences = in.required<Texts>("audiences").value_or(Texts());
  if (audiences.size() == 1) server.audience = audiences.front();
  else in.fault("audiences", "must have exactly one entry");
  ask.says_mode = in.has("issuerMode");
  if (in.optional<std::string>("issuerMode", "") == "CUSTOM_URL")
    in.fault("issuerMode", "CUSTOM_URL needs a custom domain, and this org has none");
  else
    server.issuer_mode = static_cast<idp::IssuerMode>(
        choice(in, "issuerMode", std::array<std::string_view, 2>{"ORG_URL", "DYNAMIC"}, 1));
  auto credentials = in.object("credentials");
  auto signing = credentials.object("signing");
  ask.says_rotation = signing.has("rotationMode");
  server.rotation =
      static_cast<idp::Rotation>(choice(signing, "rotationMode", std::array<std::string_view, 2>{"AUTO", "MANUAL"}, 0));
  ask.says_format = in.has("accessTokenFormat");
  server.token_format =
      static_cast<idp::TokenFormat>(choice(in, "accessTokenFormat", std::array<std::string_view, 2>{"OKTA", "RFC9068"}, 0));
  ask.says_profile = in.has("securityProfile");
  server.profile = static_cast<idp::SecurityProfile>(
      choice(in, "securityProfile", std::array<std::string_view, 2>{"NONE", "FAPI2_SECURITY"}, 0));
  for (const auto* member : {"accessTokenEncryptedResponseAlgorithm", "jwks", "jwks_uri"})
    if (in.optional<json::value>(member)) in.fault(member, "encrypted access tokens are not supported by this server");
  for (auto* each : {&signing, &credentials, &in}) each->ignore_rest();
  GH_DO(in.done());
  return ask;
}

Result<ScopeAsk> ScopeAsk::read(Reader in) {
  ScopeAsk ask;
  auto& scope = ask.scope;
  scope.name = in.required<std::string>("name").value_or("");
  scope.description = in.optional<std::string>("description", "");
  scope.display_name = in.optional<std::string>("displayName", "");
  scope.consent = static_cast<idp::Consent>(
      choice(in, "consent", std::array<std::string_view, 3>{"IMPLICIT", "REQUIRED", "FLEXIBLE"}, 0));
  scope.published = choice(in, "metadataPublish", std::array<std::string_view, 2>{"NO_CLIENTS", "ALL_CLIENTS"}, 0) == 1;
  scope.by_default = in.optional<bool>("default", false);
  scope.optional = in.optional<bool>("optional", false);
  in.ignore_rest();
  GH_DO(in.done());
  return ask;
}

Result<ClaimAsk> ClaimAsk::read(Reader in) {
  ClaimAsk ask;
  auto& claim = ask.claim;
  claim.name = in.required<std::string>("name").value_or("");
  claim.kind =
      static_cast<idp::ClaimKind>(choice(in, "claimType", std::array<std::string_view, 2>{"RESOURCE", "IDENTITY"}, 0));
  claim.type = static_cast<idp::ClaimValue>(
      choice(in, "valueType", std::array<std::string_view, 3>{"EXPRESSION", "GROUPS", "SYSTEM"}, 0));
  claim.value = in.optional<std::string>("value", "");
  constexpr std::array<std::string_view, 4> kFilters = {"STARTS_WITH", "EQUALS", "CONTAINS", "REGEX"};
  claim.filter = static_cast<idp::GroupFilter>(choice(in, "group_filter_type", kFilters, 0));
  auto conditions = in.object("conditions");
  claim.scopes = read_list(conditions, "scopes");
  // Claims of access tokens are always in them, whatever a client sends.
  claim.always = in.optional<bool>("alwaysIncludeInToken", false) || claim.kind == idp::ClaimKind::resource;
  bool says = false;
  claim.active = read_status(in, says);
  for (auto* each : {&conditions, &in}) each->ignore_rest();
  GH_DO(in.done());
  return ask;
}

Result<PolicyAsk> PolicyAsk::read(Reader in) {
  PolicyAsk ask;
  auto& policy = ask.policy;
  read_type(in, "OAUTH_AUTHORIZATION_POLICY");
  policy.name = in.required<std::string>("name").value_or("");
  policy.description = in.optional<std::string>("description", "");
  policy.priority = read_priority(in);
  policy.active = read_status(in, ask.says_status);
  auto conditions = in.object("conditions");
  auto clients = conditions.object("clients");
  policy.clients = read_list(clients, "include");
  for (auto* each : {&clients, &conditions, &in}) each->ignore_rest();
  GH_DO(in.done());
  return ask;
}

Result<RuleAsk> RuleAsk::read(Reader in) {
  RuleAsk ask;
  auto& rule = ask.rule;
  read_type(in, "RESOURCE_ACCESS");
  rule.name = in.required<std::string>("name").value_or("");
  rule.priority = read_priority(in);
  rule.active = read_status(in, ask.says_status);
  auto conditions = in.object("conditions");
  read_people(conditions, rule);
  auto grants = conditions.object("grantTypes"), scopes = conditions.object("scopes");
  rule.grant_types = read_list(grants, "include");
  rule.scopes = read_list(scopes, "include");
  auto actions = in.object("actions");
  auto token = actions.object("token");
  rule.access_life = read_minutes(token, "accessTokenLifetimeMinutes", 60);
  rule.refresh_life = read_minutes(token, "refreshTokenLifetimeMinutes", 0);
  rule.refresh_idle = read_minutes(token, "refreshTokenWindowMinutes", 7 * 24 * 60);
  auto hook = token.object("inlineHook");
  rule.hook = hook.optional<std::string>("id", "");
  if (!rule.hook.empty() && !is_id(rule.hook)) hook.fault("id", "is not an id");
  for (auto* each : {&hook, &token, &actions, &scopes, &grants, &conditions, &in}) each->ignore_rest();
  GH_DO(in.done());
  return ask;
}

}  // namespace gatehouse::orgapi
