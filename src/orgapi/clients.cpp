// /oauth2/v1/clients: the same applications as OAuth clients, in the words of RFC 7591, under Okta's rules.
#include <fmt/format.h>

#include "okta/paging.h"
#include "orgapi/clients_json.h"

namespace gatehouse::orgapi {
namespace {

using directory::App;

constexpr int kClientsUsual = 20, kClientsMax = 200;  // per page

Task<App> client_in_path(Org& org, const net::Call& call) {
  const auto& asked = call.path_value("clientId");
  auto found = co_await org.apps.find_by_client(asked);
  if (!found && found.error().fault() == Fault::missing)
    co_return std::unexpected(okta::not_found(asked, "PublicClientApp"));
  co_return found;
}

Task<net::Reply> register_client(Org& org, const net::Call& call) {
  auto asked = read_registration(call);
  if (!asked) co_return refused_metadata(std::move(asked.error()));
  asked->client_id.clear();  // "you can't specify the client_id"
  directory::NewApp fresh{.app = *std::move(asked), .client_id = {}, .secret = {}};
  auto made = co_await org.apps.create(std::move(fresh), cause_of(call));
  if (!made) co_return refused_metadata(std::move(made.error()));
  co_return answer(shape_client(made->app, made->secret ? &*made->secret : nullptr), 201);
}

Task<net::Reply> list_clients(Org& org, const net::Call& call) {
  GH_CO_TRY(auto paging, okta::read_paging(call, kClientsUsual, kClientsMax));
  const directory::Page page{.after = paging.after, .limit = paging.limit + 1};
  GH_CO_TRY(auto apps, co_await org.apps.list(page, call.query("q").value_or("")));
  const auto next = okta::cut_page(apps, paging.limit, [](const App& app) { return app.id.str(); });
  json::array items;
  for (const auto& app : apps)
    if (app.sign_on_mode == "OPENID_CONNECT") items.push_back(shape_client(app, nullptr));
  co_return okta::list_reply(call.request, std::move(items), next);
}

Task<net::Reply> get_client(Org& org, const net::Call& call) {
  GH_CO_TRY(const auto app, co_await client_in_path(org, call));
  co_return answer(shape_client(app, nullptr));
}

Task<net::Reply> replace_client(Org& org, const net::Call& call) {
  GH_CO_TRY(const auto app, co_await client_in_path(org, call));
  auto asked = read_registration(call);
  if (!asked) co_return refused_metadata(std::move(asked.error()));
  if (asked->client_id != app.client_id)
    co_return refused_metadata(Error(Fault::invalid, "client_id: must be that of the client, which cannot be changed"));
  asked->id = app.id;
  asked->scopes = app.scopes;
  asked->version = app.version;
  const bool needs_secret = directory::needs_new_secret(app.auth, asked->auth);
  auto updated = co_await org.apps.update(*std::move(asked), cause_of(call));
  if (!updated) co_return refused_metadata(std::move(updated.error()));
  std::optional<Secret> secret;
  if (needs_secret) {
    GH_CO_TRY(secret, co_await org.apps.new_secret(updated->id, cause_of(call)));
  }
  co_return answer(shape_client(*updated, secret ? &*secret : nullptr));
}

Task<void> delete_client(Org& org, const net::Call& call) {
  GH_CO_TRY(const auto app, co_await client_in_path(org, call));
  GH_CO_DO(co_await org.apps.deactivate(app.id, cause_of(call)));
  co_return co_await org.apps.remove(app.id, cause_of(call));
}

Task<net::Reply> new_client_secret(Org& org, const net::Call& call) {
  GH_CO_TRY(const auto app, co_await client_in_path(org, call));
  if (!directory::has_secret(app.auth))
    co_return refused_metadata(Error(
        Fault::invalid, fmt::format("token_endpoint_auth_method: {} has no secret", directory::name_of(app.auth))));
  GH_CO_TRY(const auto secret, co_await org.apps.new_secret(app.id, cause_of(call)));
  co_return answer(shape_client(app, &secret));
}

using net::Method;
constexpr net::Endpoint<Org> kRows[] = {
    net::on<register_client>(Method::post, "/oauth2/v1/clients", "okta.clients.register"),
    net::on<list_clients>(Method::get, "/oauth2/v1/clients", "okta.clients.read"),
    net::on<get_client>(Method::get, "/oauth2/v1/clients/{clientId}", "okta.clients.read"),
    net::on<replace_client>(Method::put, "/oauth2/v1/clients/{clientId}", "okta.clients.manage"),
    net::on<delete_client>(Method::delete_, "/oauth2/v1/clients/{clientId}", "okta.clients.manage"),
    net::on<new_client_secret>(Method::post, "/oauth2/v1/clients/{clientId}/lifecycle/newSecret",
                               "okta.clients.manage"),
};

}  // namespace

Rows client_rows() { return kRows; }

}  // namespace gatehouse::orgapi
