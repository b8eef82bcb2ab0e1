#include "idp/clients.h"

#include "oauth/error.h"

namespace gatehouse::idp {
namespace {

std::unexpected<Error> no_client(std::string why) { return oauth::refusal(oauth::Code::invalid_client, std::move(why)); }

}  // namespace

bool is_client(const directory::App& app) { return app.active && app.sign_on_mode == "OPENID_CONNECT"; }

Task<Server> server_of(Provider& provider, const net::Call& call) {
  for (const auto& [name, value] : call.path)
    if (name == "authorizationServerId") co_return co_await provider.servers().find(value);
  co_return co_await provider.servers().find("");
}

Task<directory::App> authenticate_client(Provider& provider, const net::Call& call, oauth::Params params, Proof proof) {
  const auto& fields = call.request.fields;
  if (fields.count(net::Header::authorization) > 1) co_return no_client("More than one Authorization header.");
  const std::string authorization(fields.only(net::Header::authorization).value_or(""));
  GH_CO_TRY(auto shown, oauth::read_credentials(authorization, params));
  if (shown.how == oauth::Presented::nothing)
    co_return no_client("Client authentication failed. Either the client or the client credentials are invalid.");

  auto app = co_await provider.needs().apps.find_by_client(shown.client_id);
  if (!app && app.error().fault() != Fault::missing && app.error().fault() != Fault::invalid) co_return std::unexpected(std::move(app.error()));
  if (!app || !is_client(*app)) co_return no_client("Invalid value for 'client_id' parameter.");
  if (app->auth == directory::ClientAuth::none) {
    if (shown.how != oauth::Presented::id_only) co_return no_client("This client is public and has no secret.");
    if (proof == Proof::required) co_return no_client("This needs a client that can prove who it is.");
    co_return app;
  }
  // Both ways of showing a secret are taken for either setting: the proof is the same.
  if (shown.how == oauth::Presented::id_only) co_return no_client("Client authentication failed. Either the client or the client credentials are invalid.");
  GH_CO_TRY(const bool right, co_await provider.needs().apps.check_secret(*app, std::move(shown.secret)));
  if (!right) co_return no_client("The client secret supplied for a confidential client is invalid.");
  co_return app;
}

}  // namespace gatehouse::idp
