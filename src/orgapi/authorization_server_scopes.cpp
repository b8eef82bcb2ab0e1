// /api/v1/authorizationServers/{id}/scopes and …/claims.
#include <algorithm>

#include "core/text.h"
#include "okta/paging.h"
#include "orgapi/authorization_server_calls.h"

namespace gatehouse::orgapi {
namespace {

// --- scopes ---

// Okta's only filter here: name eq "…".
Result<bool> fits(const idp::ServerScope& scope, const std::string& query, const std::string& filter) {
  if (!query.empty() && !to_lower(scope.name).starts_with(to_lower(query))) return false;
  if (filter.empty()) return true;
  const auto name = simple_filter(filter, "name");
  if (!name) return std::unexpected(okta::error("E0000031", "filter: only name eq \"…\" is supported by this server"));
  return scope.name == *name;
}

Task<net::Reply> list_scopes(ServerApi& api, const net::Call& call) {
  GH_CO_TRY(auto paging, okta::read_paging(call, kServerItemsMax, kServerItemsMax));
  GH_CO_TRY(auto server, co_await server_in_path(api, call));
  const auto query = call.query("q").value_or(""), filter = call.query("filter").value_or("");
  std::vector<idp::ServerScope> scopes;
  for (const auto& scope : server.terms->scopes) {  // by id, so that a page goes on where the last one ended
    GH_CO_TRY(const bool wanted, fits(scope, query, filter));
    if (wanted && scope.id > paging.after) scopes.push_back(scope);
  }
  std::ranges::sort(scopes, {}, &idp::ServerScope::id);
  if (scopes.size() > static_cast<std::size_t>(paging.limit) + 1)
    scopes.resize(static_cast<std::size_t>(paging.limit) + 1);
  const auto next = okta::cut_page(scopes, paging.limit, [](const idp::ServerScope& scope) { return scope.id; });
  json::array items;
  for (const auto& scope : scopes) items.push_back(shape(scope, server_url(call, server.id)));
  co_return okta::list_reply(call.request, std::move(items), next);
}

Task<net::Reply> scope_reply(const net::Call& call, idp::Server server, std::string id, int status) {
  GH_CO_TRY(auto scope, found_or(idp::scope_of(server, id), id, kScopeType));
  co_return answer(shape(scope, server_url(call, server.id)), status);
}

Task<net::Reply> get_scope(ServerApi& api, const net::Call& call) {
  GH_CO_TRY(auto server, co_await server_in_path(api, call));
  co_return co_await scope_reply(call, std::move(server), call.path_value("scopeId"), 200);
}

Task<net::Reply> create_scope(ServerApi& api, const net::Call& call, ScopeAsk ask) {
  ask.scope.id = new_id(api.org.random, "scp");
  const auto at = edit_at(api);
  const auto decide = [at, &ask](const idp::Server& now) { return idp::add_scope(at, now, ask.scope); };
  GH_CO_TRY(auto server, co_await edit_server(api, call, decide));
  co_return co_await scope_reply(call, std::move(server), ask.scope.id, 201);
}

Task<net::Reply> replace_scope(ServerApi& api, const net::Call& call, ScopeAsk ask) {
  ask.scope.id = call.path_value("scopeId");
  const auto at = edit_at(api);
  const auto decide = [at, &ask](const idp::Server& now) { return idp::change_scope(at, now, ask.scope); };
  GH_CO_TRY(auto server, co_await edit_server(api, call, decide, ask.scope.id, kScopeType));
  co_return co_await scope_reply(call, std::move(server), ask.scope.id, 200);
}

Task<void> delete_scope(ServerApi& api, const net::Call& call) {
  const auto id = call.path_value("scopeId");
  const auto at = edit_at(api);
  const auto decide = [at, &id](const idp::Server& now) { return idp::remove_scope(at, now, id); };
  GH_CO_DO(co_await edit_server(api, call, decide, id, kScopeType));
  co_return Result<void>();
}

// --- claims ---

Task<net::Reply> list_claims(ServerApi& api, const net::Call& call) {
  GH_CO_TRY(auto server, co_await server_in_path(api, call));
  json::array items;
  for (const auto& claim : server.terms->claims) items.push_back(shape(claim, server_url(call, server.id)));
  co_return okta::list_reply(call.request, std::move(items), std::nullopt);
}

Task<net::Reply> claim_reply(const net::Call& call, idp::Server server, std::string id, int status) {
  GH_CO_TRY(auto claim, found_or(idp::claim_of(server, id), id, kClaimType));
  co_return answer(shape(claim, server_url(call, server.id)), status);
}

Task<net::Reply> get_claim(ServerApi& api, const net::Call& call) {
  GH_CO_TRY(auto server, co_await server_in_path(api, call));
  co_return co_await claim_reply(call, std::move(server), call.path_value("claimId"), 200);
}

Task<net::Reply> create_claim(ServerApi& api, const net::Call& call, ClaimAsk ask) {
  ask.claim.id = new_id(api.org.random, "ocl");
  const auto at = edit_at(api);
  const auto decide = [at, &ask](const idp::Server& now) { return idp::add_claim(at, now, ask.claim); };
  GH_CO_TRY(auto server, co_await edit_server(api, call, decide));
  co_return co_await claim_reply(call, std::move(server), ask.claim.id, 201);
}

Task<net::Reply> replace_claim(ServerApi& api, const net::Call& call, ClaimAsk ask) {
  ask.claim.id = call.path_value("claimId");
  const auto at = edit_at(api);
  const auto decide = [at, &ask](const idp::Server& now) { return idp::change_claim(at, now, ask.claim); };
  GH_CO_TRY(auto server, co_await edit_server(api, call, decide, ask.claim.id, kClaimType));
  co_return co_await claim_reply(call, std::move(server), ask.claim.id, 200);
}

Task<void> delete_claim(ServerApi& api, const net::Call& call) {
  const auto id = call.path_value("claimId");
  const auto at = edit_at(api);
  const auto decide = [at, &id](const idp::Server& now) { return idp::remove_claim(at, now, id); };
  GH_CO_DO(co_await edit_server(api, call, decide, id, kClaimType));
  co_return Result<void>();
}

using net::Method;
constexpr net::Endpoint<ServerApi> kScopeRows[] = {
    net::on<list_scopes>(Method::get, "/api/v1/authorizationServers/{authServerId}/scopes",
                         "okta.authorizationServers.read"),
    net::on<create_scope>(Method::post, "/api/v1/authorizationServers/{authServerId}/scopes",
                          "okta.authorizationServers.manage"),
    net::on<get_scope>(Method::get, "/api/v1/authorizationServers/{authServerId}/scopes/{scopeId}",
                       "okta.authorizationServers.read"),
    net::on<replace_scope>(Method::put, "/api/v1/authorizationServers/{authServerId}/scopes/{scopeId}",
                           "okta.authorizationServers.manage"),
    net::on<delete_scope>(Method::delete_, "/api/v1/authorizationServers/{authServerId}/scopes/{scopeId}",
                          "okta.authorizationServers.manage"),
};
constexpr net::Endpoint<ServerApi> kClaimRows[] = {
    net::on<list_claims>(Method::get, "/api/v1/authorizationServers/{authServerId}/claims",
                         "okta.authorizationServers.read"),
    net::on<create_claim>(Method::post, "/api/v1/authorizationServers/{authServerId}/claims",
                          "okta.authorizationServers.manage"),
    net::on<get_claim>(Method::get, "/api/v1/authorizationServers/{authServerId}/claims/{claimId}",
                       "okta.authorizationServers.read"),
    net::on<replace_claim>(Method::put, "/api/v1/authorizationServers/{authServerId}/claims/{claimId}",
                           "okta.authorizationServers.manage"),
    net::on<delete_claim>(Method::delete_, "/api/v1/authorizationServers/{authServerId}/claims/{claimId}",
                          "okta.authorizationServers.manage"),
};

}  // namespace

ServerRows server_scope_rows() { return kScopeRows; }
ServerRows server_claim_rows() { return kClaimRows; }

}  // namespace gatehouse::orgapi
