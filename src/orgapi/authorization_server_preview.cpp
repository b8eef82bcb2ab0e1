// POST /gatehouse/v1/authorizationServers/{id}/preview {clientId, userId?, grantType, scopes?}: what a token would say,
// and which policy and rule give it. Okta's console has this; its public API has not.
#include "idp/preview.h"
#include "orgapi/authorization_server_calls.h"

namespace gatehouse::orgapi {
namespace {

struct TokenPreviewAsk {
  idp::PreviewAsk ask;
  static Result<TokenPreviewAsk> read(Reader in) {
    TokenPreviewAsk read;
    read.ask.client_id = in.required<std::string>("clientId").value_or("");
    read.ask.grant_type = in.required<std::string>("grantType").value_or("");
    read.ask.user = in.optional<std::string>("userId");
    read.ask.scopes = in.optional<std::vector<std::string>>("scopes", {});
    GH_DO(in.done());
    return read;
  }
};

json::value named(const idp::Server& server, const std::string& policy_id, const std::string& rule_id) {
  json::object shaped;
  const auto policy = idp::policy_of(server, policy_id);
  shaped["policy"] = {{"id", policy_id}, {"name", policy ? policy->name : ""}};
  if (rule_id.empty()) return shaped;
  const auto rule = idp::rule_of(server, policy_id, rule_id);
  shaped["rule"] = {{"id", rule_id}, {"name", rule ? rule->name : ""}};
  return shaped;
}

json::object shape(const idp::Server& server, const idp::Preview& seen) {
  json::array passed_over;
  for (const auto& step : seen.trace.steps) {
    auto each = named(server, step.policy_id, step.rule_id).as_object();
    each["why"] = step.why;
    passed_over.push_back(std::move(each));
  }
  const bool fault = seen.draft && seen.draft->fault;
  json::object shaped = {{"allowed", seen.access.has_value() && !fault}, {"passedOver", std::move(passed_over)}};
  if (seen.refusal)
    shaped["refusal"] = {{"error", seen.refusal->error}, {"error_description", seen.refusal->description}};
  if (!seen.access) return shaped;
  const auto& access = *seen.access;
  shaped["decidedBy"] = named(server, access.policy_id(), access.rule_id());
  shaped["scope"] = access.scopes().text();
  shaped["accessTokenLifetimeSeconds"] = access.access_life().count();
  shaped["refreshTokenWindowSeconds"] = access.refresh_idle().count();
  shaped["refreshTokenLifetimeSeconds"] =
      access.family_life() ? json::value(access.family_life()->count()) : json::value(nullptr);
  if (!access.hook().empty()) shaped["inlineHook"] = {{"id", access.hook()}, {"asked", false}};
  if (fault) {
    shaped["claimFault"] = {{"claim", seen.draft->fault->claim}, {"why", seen.draft->fault->why}};
    return shaped;
  }
  shaped["accessToken"] = seen.draft->access;
  shaped["idToken"] = seen.draft->id ? json::value(*seen.draft->id) : json::value(nullptr);
  return shaped;
}

Task<net::Reply> preview_token(ServerApi& api, const net::Call& call, TokenPreviewAsk ask) {
  GH_CO_TRY(auto server, co_await server_in_path(api, call));
  ask.ask.base = api.provider.issuer_base(server, call.request.origin());
  auto seen = co_await idp::preview(api.provider, server, ask.ask);
  if (!seen && seen.error().fault() == Fault::missing)
    co_return std::unexpected(okta::error("E0000001", seen.error().message().starts_with("user")
                                                          ? "userId: there is no such user"
                                                          : "clientId: there is no such client"));
  if (!seen) co_return std::unexpected(std::move(seen.error()));
  co_return answer(shape(server, *seen));
}

constexpr net::Endpoint<ServerApi> kRows[] = {
    net::on<preview_token>(net::Method::post, "/gatehouse/v1/authorizationServers/{authServerId}/preview",
                           "okta.authorizationServers.read"),
};

}  // namespace

ServerRows server_preview_rows() { return kRows; }

}  // namespace gatehouse::orgapi
