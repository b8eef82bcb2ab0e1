// /api/v1/authorizationServers/{id}/clients: who holds refresh tokens of this server, and taking them back. A refresh
// token is named by its grant: the id stays while the token itself rotates.
#include "idp/grants.h"
#include "okta/paging.h"
#include "orgapi/authorization_server_calls.h"

namespace gatehouse::orgapi {
namespace {

constexpr int kTokensUsual = 20, kTokensMax = 200, kClientsMax = 200, kRevokeBatch = 500;

std::string tokens_url(const net::Call& call, std::string_view server_id, std::string_view client_id) {
  return server_url(call, server_id) + "/clients/" + std::string(client_id) + "/tokens";
}

json::object titled(std::string url, const std::string& title) { return {{"href", std::move(url)}, {"title", title}}; }

// The client as long as its application is there; what it holds can be taken back in any case.
Task<std::optional<directory::App>> app_of(ServerApi& api, std::string client_id) {
  auto found = co_await api.org.apps.find_by_client(std::move(client_id));
  if (!found && found.error().fault() == Fault::missing) co_return std::optional<directory::App>();
  if (!found) co_return std::unexpected(std::move(found.error()));
  co_return std::optional(*std::move(found));
}

Task<net::Reply> list_clients(ServerApi& api, const net::Call& call) {
  GH_CO_TRY(auto server, co_await server_in_path(api, call));
  GH_CO_TRY(auto paging, okta::read_paging(call, kClientsMax, kClientsMax));
  GH_CO_TRY(auto clients, co_await idp::select_clients(api.provider.needs().database, api.org.id, server.id,
                                                       paging.after, paging.limit + 1, api.org.clock.now()));
  const auto next = okta::cut_page(clients, paging.limit, [](const std::string& id) { return id; });
  json::array items;
  for (const auto& id : clients) {
    GH_CO_TRY(auto app, co_await app_of(api, id));
    const json::value kept = app ? json::value(app->more) : json::value(json::object());
    const auto* registered = find(kept, "oauthClient");
    const auto text = [registered](std::string_view name) {
      const auto* found = registered == nullptr ? nullptr : find(*registered, name);
      return found == nullptr ? json::value(nullptr) : *found;
    };
    items.push_back({{"client_id", id},
                     {"client_name", app ? json::value(app->label) : json::value(nullptr)},
                     {"client_uri", text("client_uri")},
                     {"logo_uri", text("logo_uri")},
                     {"_links",
                      {{"client", link(call.request.origin() + "/oauth2/v1/clients/" + id)},
                       {"tokens", link(tokens_url(call, server.id, id))}}}});
  }
  co_return okta::list_reply(call.request, std::move(items), next);
}

json::array scope_details(const idp::Server& server, const oauth::Scopes& scopes, const std::string& url) {
  json::array items;
  for (const auto& name : scopes.words()) {
    const auto* scope = server.terms->scope(name);
    if (scope == nullptr) continue;
    items.push_back({{"id", scope->id},
                     {"name", name},
                     {"displayName", scope->display_name},
                     {"description", scope->description},
                     {"_links", {{"scope", titled(url + "/scopes/" + scope->id, scope->display_name)}}}});
  }
  return items;
}

Task<json::object> shape_token(ServerApi& api, const net::Call& call, idp::Server server, idp::RefreshRow row) {
  const auto& grant = row.grant;
  const auto base = call.request.origin();
  const auto self = tokens_url(call, server.id, grant.client_id) + "/" + grant.id;
  GH_CO_TRY(auto app, co_await app_of(api, grant.client_id));
  auto user = co_await api.org.users.find(grant.user);
  if (!user && user.error().fault() != Fault::missing) co_return std::unexpected(std::move(user.error()));
  const auto label = app ? app->label : std::string();
  const auto name = user ? user->profile.first_name + " " + user->profile.last_name : std::string();
  json::array scopes;
  for (const auto& word : grant.scopes.words()) scopes.emplace_back(word);
  json::object links = {{"authorizationServer", titled(server_url(call, server.id), server.name)},
                        {"self", link(self)},
                        {"revoke", link_allowing(self, {"DELETE"})},
                        {"client", titled(base + "/oauth2/v1/clients/" + grant.client_id, label)},
                        {"user", titled(base + "/api/v1/users/" + grant.user.str(), name)}};
  if (app) links["app"] = titled(base + "/api/v1/apps/" + app->id.str(), label);
  json::object shaped = {{"id", grant.id},
                         {"status", "ACTIVE"},
                         {"created", to_iso8601(grant.created)},
                         {"lastUpdated", to_iso8601(row.created)},
                         {"expiresAt", to_iso8601(row.expires)},
                         {"issuer", server.issuer(api.provider.issuer_base(server, base))},
                         {"clientId", grant.client_id},
                         {"userId", grant.user.str()},
                         {"scopes", std::move(scopes)},
                         {"_links", std::move(links)}};
  if (call.query("expand") == "scope")
    shaped["_embedded"] = {{"scopes", scope_details(server, grant.scopes, server_url(call, server.id))}};
  co_return shaped;
}

Task<net::Reply> list_tokens(ServerApi& api, const net::Call& call) {
  GH_CO_TRY(auto server, co_await server_in_path(api, call));
  GH_CO_TRY(auto paging, okta::read_paging(call, kTokensUsual, kTokensMax));
  GH_CO_TRY(auto rows, co_await idp::select_refreshes(api.provider.needs().database, api.org.id, server.id,
                                                      call.path_value("clientId"), paging.after, paging.limit + 1,
                                                      api.org.clock.now()));
  const auto next = okta::cut_page(rows, paging.limit, [](const idp::RefreshRow& row) { return row.grant.id; });
  json::array items;
  for (auto& row : rows) {
    GH_CO_TRY(auto shaped, co_await shape_token(api, call, server, std::move(row)));
    items.push_back(std::move(shaped));
  }
  co_return okta::list_reply(call.request, std::move(items), next);
}

Task<idp::RefreshRow> token_in_path(ServerApi& api, const net::Call& call, std::string server_id) {
  const auto& id = call.path_value("tokenId");
  co_return found_or(co_await idp::select_refresh_of(api.provider.needs().database, api.org.id, std::move(server_id),
                                                     call.path_value("clientId"), id, api.org.clock.now()),
                     id, "OAuth2RefreshToken");
}

Task<net::Reply> get_token(ServerApi& api, const net::Call& call) {
  GH_CO_TRY(auto server, co_await server_in_path(api, call));
  GH_CO_TRY(auto row, co_await token_in_path(api, call, server.id));
  GH_CO_TRY(auto shaped, co_await shape_token(api, call, std::move(server), std::move(row)));
  co_return answer(std::move(shaped));
}

Task<void> revoke_token(ServerApi& api, const net::Call& call) {
  GH_CO_TRY(auto server, co_await server_in_path(api, call));
  GH_CO_TRY(auto row, co_await token_in_path(api, call, server.id));
  auto origin = cause_of(call).origin;
  co_return co_await idp::kill_grant(api.provider, std::move(server), row.grant.id, row.grant.client_id,
                                     idp::Killed::by_revocation, std::move(origin));
}

Task<void> revoke_tokens(ServerApi& api, const net::Call& call) {
  GH_CO_TRY(auto server, co_await server_in_path(api, call));
  const auto client_id = call.path_value("clientId");
  auto& needs = api.provider.needs();
  const auto cause = cause_of(call);
  std::string after;
  for (;;) {
    const auto now = needs.clock.now();
    GH_CO_TRY(auto rows, co_await idp::select_refreshes(needs.database, api.org.id, server.id, client_id, after,
                                                        kRevokeBatch, now));
    if (rows.empty()) break;
    store::Unit unit;
    unit.push_back(
        idp::update_grants_revoked(api.org.id, server.id, client_id, after, rows.back().grant.id, "revoked", now));
    GH_CO_DO(co_await needs.database.write(std::move(unit)));
    after = rows.back().grant.id;
  }
  auto event = idp::event_of(server, "app.oauth2.token.revoke.implicit.client", "Tokens revoked for client", cause);
  event.targets.push_back(events::Party{client_id, "PublicClientApp", client_id, ""});
  co_return co_await needs.log.record(api.org.id, std::move(event));
}

using net::Method;
constexpr net::Endpoint<ServerApi> kRows[] = {
    net::on<list_clients>(Method::get, "/api/v1/authorizationServers/{authServerId}/clients",
                          "okta.authorizationServers.read"),
    net::on<list_tokens>(Method::get, "/api/v1/authorizationServers/{authServerId}/clients/{clientId}/tokens",
                         "okta.authorizationServers.read"),
    net::on<revoke_tokens>(Method::delete_, "/api/v1/authorizationServers/{authServerId}/clients/{clientId}/tokens",
                           "okta.authorizationServers.manage"),
    net::on<get_token>(Method::get, "/api/v1/authorizationServers/{authServerId}/clients/{clientId}/tokens/{tokenId}",
                       "okta.authorizationServers.read"),
    net::on<revoke_token>(Method::delete_,
                          "/api/v1/authorizationServers/{authServerId}/clients/{clientId}/tokens/{tokenId}",
                          "okta.authorizationServers.manage"),
};

}  // namespace

ServerRows server_client_rows() { return kRows; }

}  // namespace gatehouse::orgapi
