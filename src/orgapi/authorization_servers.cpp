// /api/v1/authorizationServers themselves, and the keys they sign with.
#include "okta/paging.h"
#include "orgapi/authorization_server_calls.h"

namespace gatehouse::orgapi {

std::string server_url(const net::Call& call, std::string_view server_id) {
  return call.request.origin() + "/api/v1/authorizationServers/" + std::string(server_id);
}

idp::EditAt edit_at(ServerApi& api) { return {api.org.id, api.org.clock.now()}; }

Task<idp::Server> server_in_path(ServerApi& api, const net::Call& call) {
  const auto& id = call.path_value("authServerId");
  co_return found_or(co_await api.provider.servers().look(id), id, "AuthorizationServer");
}

Task<idp::Server> edit_server(ServerApi& api, const net::Call& call, idp::Servers::Decide decide, std::string what,
                              std::string type) {
  GH_CO_DO(co_await server_in_path(api, call));
  auto done = co_await api.provider.servers().edit(call.path_value("authServerId"), std::move(decide), cause_of(call));
  if (what.empty()) co_return done;
  co_return found_or(std::move(done), what, type);
}

namespace {

Task<json::object> shape_server(ServerApi& api, const net::Call& call, idp::Server server) {
  GH_CO_TRY(const auto keys, co_await api.provider.keys().of(server.alg));
  co_return shape(server, keys.front(), server.issuer(api.provider.issuer_base(server, call.request.origin())), call);
}

Task<net::Reply> reply_with(ServerApi& api, const net::Call& call, idp::Server server, int status) {
  GH_CO_TRY(auto shaped, co_await shape_server(api, call, std::move(server)));
  co_return answer(std::move(shaped), status);
}

Task<net::Reply> create_server(ServerApi& api, const net::Call& call, ServerAsk ask) {
  GH_CO_TRY(auto made, co_await api.provider.servers().create(std::move(ask.server), cause_of(call)));
  co_return co_await reply_with(api, call, std::move(made), 201);
}

Task<net::Reply> list_servers(ServerApi& api, const net::Call& call) {
  GH_CO_TRY(auto paging, okta::read_paging(call, kServersUsual, idp::kServerPageMax));
  const directory::Page page{.after = paging.after, .limit = paging.limit + 1};
  GH_CO_TRY(auto servers, co_await api.provider.servers().list(page, call.query("q").value_or("")));
  const auto next = okta::cut_page(servers, paging.limit, [](const idp::Server& server) { return server.id; });
  json::array items;
  for (auto& server : servers) {
    GH_CO_TRY(auto shaped, co_await shape_server(api, call, std::move(server)));
    items.push_back(std::move(shaped));
  }
  co_return okta::list_reply(call.request, std::move(items), next);
}

Task<net::Reply> get_server(ServerApi& api, const net::Call& call) {
  GH_CO_TRY(auto server, co_await server_in_path(api, call));
  co_return co_await reply_with(api, call, std::move(server), 200);
}

Task<net::Reply> replace_server(ServerApi& api, const net::Call& call, ServerAsk ask) {
  const auto at = edit_at(api);
  const auto decide = [at, &ask](const idp::Server& now) {
    if (!ask.says_mode) ask.server.issuer_mode = now.issuer_mode;
    if (!ask.says_rotation) ask.server.rotation = now.rotation;
    if (!ask.says_format) ask.server.token_format = now.token_format;
    if (!ask.says_profile) ask.server.profile = now.profile;
    return idp::change_server(at, now, ask.server);
  };
  GH_CO_TRY(auto server, co_await edit_server(api, call, decide));
  co_return co_await reply_with(api, call, std::move(server), 200);
}

Task<void> switch_to(ServerApi& api, const net::Call& call, bool active) {
  const auto at = edit_at(api);
  const auto decide = [at, active](const idp::Server& now) { return idp::switch_server(at, now, active); };
  GH_CO_DO(co_await edit_server(api, call, decide));
  co_return Result<void>();
}
Task<void> activate_server(ServerApi& api, const net::Call& call) { return switch_to(api, call, true); }
Task<void> deactivate_server(ServerApi& api, const net::Call& call) { return switch_to(api, call, false); }

Task<void> delete_server(ServerApi& api, const net::Call& call) {
  GH_CO_TRY(auto server, co_await server_in_path(api, call));
  co_return co_await api.provider.servers().remove(server.id, cause_of(call));
}

json::object shape_key(json::object key, std::string_view status, const std::string& url) {
  const auto kid = find_string(key, "kid").value_or("");
  key["status"] = status;
  key["_links"] = {{"self", link_allowing(url + "/credentials/keys/" + kid, {"GET"})}};
  return key;
}

// The keys by which this server's tokens are to be verified, the one that signs first. Servers of one algorithm share
// theirs.
Task<json::array> keys_of(ServerApi& api, const net::Call& call, idp::Server server) {
  GH_CO_TRY(const auto known, co_await api.provider.keys().of(server.alg));
  GH_CO_TRY(auto set, co_await api.provider.keys().jwks());
  json::array items;
  for (const auto& info : known)
    for (auto& key : set["keys"].as_array())
      if (find_string(key, "kid") == info.kid)
        items.push_back(
            shape_key(key.as_object(), &info == &known.front() ? "ACTIVE" : "EXPIRED", server_url(call, server.id)));
  co_return items;
}

Task<net::Reply> list_keys(ServerApi& api, const net::Call& call) {
  GH_CO_TRY(auto server, co_await server_in_path(api, call));
  GH_CO_TRY(auto keys, co_await keys_of(api, call, std::move(server)));
  co_return okta::list_reply(call.request, std::move(keys), std::nullopt);
}

Task<net::Reply> get_key(ServerApi& api, const net::Call& call) {
  const auto& asked = call.path_value("keyId");
  GH_CO_TRY(auto server, co_await server_in_path(api, call));
  GH_CO_TRY(auto keys, co_await keys_of(api, call, std::move(server)));
  for (auto& key : keys)
    if (find_string(key, "kid") == asked) co_return answer(key);
  co_return std::unexpected(okta::not_found(asked, "AuthorizationServerKey"));
}

struct RotateAsk {
  static Result<RotateAsk> read(Reader in) {
    if (in.required<std::string>("use") != "sig") in.fault("use", "must be sig");
    GH_DO(in.done());
    return RotateAsk();
  }
};

Task<net::Reply> rotate_keys(ServerApi& api, const net::Call& call, RotateAsk) {
  GH_CO_TRY(auto server, co_await server_in_path(api, call));
  const auto event = idp::event_of(server, "app.oauth2.as.key.rollover",
                                   "Custom Authorization Server token signing key rolled over", cause_of(call));
  GH_CO_DO(co_await api.provider.keys().rotate(server.alg, api.org.log.statement(api.org.id, event)));
  GH_CO_TRY(auto keys, co_await keys_of(api, call, std::move(server)));
  co_return okta::list_reply(call.request, std::move(keys), std::nullopt);
}

using net::Method;
constexpr net::Endpoint<ServerApi> kRows[] = {
    net::on<create_server>(Method::post, "/api/v1/authorizationServers", "okta.authorizationServers.manage"),
    net::on<list_servers>(Method::get, "/api/v1/authorizationServers", "okta.authorizationServers.read"),
    net::on<get_server>(Method::get, "/api/v1/authorizationServers/{authServerId}", "okta.authorizationServers.read"),
    net::on<replace_server>(Method::put, "/api/v1/authorizationServers/{authServerId}",
                            "okta.authorizationServers.manage"),
    net::on<delete_server>(Method::delete_, "/api/v1/authorizationServers/{authServerId}",
                           "okta.authorizationServers.manage"),
    net::on<activate_server>(Method::post, "/api/v1/authorizationServers/{authServerId}/lifecycle/activate",
                             "okta.authorizationServers.manage"),
    net::on<deactivate_server>(Method::post, "/api/v1/authorizationServers/{authServerId}/lifecycle/deactivate",
                               "okta.authorizationServers.manage"),
    net::on<list_keys>(Method::get, "/api/v1/authorizationServers/{authServerId}/credentials/keys",
                       "okta.authorizationServers.read"),
    net::on<get_key>(Method::get, "/api/v1/authorizationServers/{authServerId}/credentials/keys/{keyId}",
                     "okta.authorizationServers.read"),
    net::on<rotate_keys>(Method::post, "/api/v1/authorizationServers/{authServerId}/credentials/lifecycle/keyRotate",
                         "okta.authorizationServers.manage"),
};

}  // namespace

ServerRows authorization_server_rows() { return kRows; }

void serve_authorization_servers(net::Router& router, ServerApi& api, net::Style& style) {
  for (const auto rows : {authorization_server_rows(), server_scope_rows(), server_claim_rows(), server_policy_rows(),
                          server_rule_rows(), server_client_rows(), server_preview_rows()})
    router.add(rows, api, style);
}

}  // namespace gatehouse::orgapi
