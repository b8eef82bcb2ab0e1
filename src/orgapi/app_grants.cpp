// /api/v1/apps/{appId}/grants: which okta.* scopes a client may ask the org authorization server for.
#include <fmt/format.h>

#include <algorithm>

#include "okta/paging.h"
#include "orgapi/apps_json.h"

namespace gatehouse::orgapi {
namespace {

constexpr std::string_view kPrefix = "oag";
constexpr std::size_t kScopeMax = 60;  // characters; with the prefix still an id

// A client holds a scope or does not, so the scope itself is what the grant's id tells.
std::string id_of(std::string_view scope) { return std::string(kPrefix) + std::string(scope); }

json::object shape_grant(const directory::App& app, std::string_view scope, const net::Request& request) {
  const auto base = request.origin() + "/api/v1/apps/" + app.id.str();
  return {{"id", id_of(scope)},
          {"status", "ACTIVE"},
          {"issuer", request.origin()},
          {"clientId", app.client_id},
          {"scopeId", scope},
          {"source", "ADMIN"},
          {"_links", {{"self", link(base + "/grants/" + id_of(scope))}, {"app", link(base)}}}};
}

struct GrantAsk {
  std::string scope, issuer;
  static Result<GrantAsk> read(Reader in) {
    auto scope = in.required<std::string>("scopeId");
    auto issuer = in.required<std::string>("issuer");
    if (scope && (!scope->starts_with("okta.") || scope->size() > kScopeMax || !is_id(*scope)))
      in.fault("scopeId", "'scopeId' must be a scope of the Okta API, as okta.users.read");
    in.ignore_rest();
    GH_DO(in.done());
    return GrantAsk{*std::move(scope), *std::move(issuer)};
  }
};

// The scope that the path names and the client holds.
Result<std::string> scope_in_path(const directory::App& app, const net::Call& call) {
  const auto& id = call.path_value("grantId");
  const auto scope = id.starts_with(kPrefix) ? id.substr(kPrefix.size()) : std::string();
  if (std::ranges::find(app.scopes, scope) == app.scopes.end())
    return std::unexpected(okta::not_found(id, "OAuth2ScopeConsentGrant"));
  return scope;
}

Task<net::Reply> grant_scope(Org& org, const net::Call& call, GrantAsk ask) {
  GH_CO_TRY(auto app, co_await app_in_path(org, call));
  if (app.sign_on_mode != "OPENID_CONNECT")
    co_return std::unexpected(okta::error("E0000001", "appId: only an OpenID Connect application can be granted scopes"));
  if (ask.issuer != call.request.origin())
    co_return std::unexpected(okta::error("E0000001", fmt::format("issuer: must be this org, {}", call.request.origin())));
  if (std::ranges::find(app.scopes, ask.scope) == app.scopes.end()) {
    app.scopes.push_back(ask.scope);
    GH_CO_TRY(app, co_await org.apps.update(std::move(app), cause_of(call)));
  }
  co_return answer(shape_grant(app, ask.scope, call.request));  // 200 in recordings of real orgs, whatever the OpenAPI file says
}

Task<net::Reply> list_grants(Org& org, const net::Call& call) {
  GH_CO_TRY(auto app, co_await app_in_path(org, call));
  json::array items;
  for (const auto& scope : app.scopes) items.push_back(shape_grant(app, scope, call.request));
  co_return okta::list_reply(call.request, std::move(items), std::nullopt);
}

Task<net::Reply> get_grant(Org& org, const net::Call& call) {
  GH_CO_TRY(auto app, co_await app_in_path(org, call));
  GH_CO_TRY(const auto scope, scope_in_path(app, call));
  co_return answer(shape_grant(app, scope, call.request));
}

Task<void> revoke_grant(Org& org, const net::Call& call) {
  GH_CO_TRY(auto app, co_await app_in_path(org, call));
  GH_CO_TRY(const auto scope, scope_in_path(app, call));
  std::erase(app.scopes, scope);
  GH_CO_DO(co_await org.apps.update(std::move(app), cause_of(call)));
  co_return Result<void>();
}

using net::Method;
constexpr net::Endpoint<Org> kRows[] = {
    net::on<grant_scope>(Method::post, "/api/v1/apps/{appId}/grants", "okta.appGrants.manage"),
    net::on<list_grants>(Method::get, "/api/v1/apps/{appId}/grants", "okta.appGrants.read"),
    net::on<get_grant>(Method::get, "/api/v1/apps/{appId}/grants/{grantId}", "okta.appGrants.read"),
    net::on<revoke_grant>(Method::delete_, "/api/v1/apps/{appId}/grants/{grantId}", "okta.appGrants.manage"),
};

}  // namespace

Rows app_grant_rows() { return kRows; }

}  // namespace gatehouse::orgapi
