#include "orgapi/clients_json.h"

#include <array>

#include "orgapi/apps_json.h"

namespace gatehouse::orgapi {
namespace {

using directory::App;

// Members of settings.oauthClient that are Okta's own, not registration's.
constexpr std::array<std::string_view, 6> kOnlyOfApps = {"consent_method",      "issuer_mode",       "refresh_token",
                                                         "idp_initiated_login", "wildcard_redirect", "network"};
constexpr std::array<std::string_view, 4> kOnlyOfKeys = {"id", "status", "created", "lastUpdated"};

}  // namespace

json::object shape_client(const App& app, const Secret* secret) {
  auto shaped = oauth_client_json(app);
  for (const auto name : kOnlyOfApps) shaped.erase(name);
  if (auto* jwks = shaped.if_contains("jwks"))
    for (auto& key : jwks->at("keys").as_array())
      for (const auto name : kOnlyOfKeys) key.as_object().erase(name);
  shaped["client_id"] = app.client_id;
  shaped["client_name"] = app.label;
  shaped["client_id_issued_at"] = to_seconds(app.created);
  shaped["token_endpoint_auth_method"] = directory::name_of(app.auth);
  if (directory::has_secret(app.auth)) shaped["client_secret_expires_at"] = 0;
  if (secret != nullptr) shaped["client_secret"] = secret->reveal();  // the one time that anybody sees it
  return shaped;
}

Result<net::Reply> refused_metadata(Error error) {
  if (error.fault() != Fault::invalid) return std::unexpected(std::move(error));
  const bool of_redirects = error.message().starts_with("redirect_uris");
  return answer({{"error", of_redirects ? "invalid_redirect_uri" : "invalid_client_metadata"},
                 {"error_description", error.message()}},
                400);
}

Result<App> read_registration(const net::Call& call) {
  GH_TRY(const auto body, parse_json(call.body));
  Reader in(body);
  auto app = blank_app();
  app.sign_on_mode = "OPENID_CONNECT";
  app.label = in.required<std::string>("client_name").value_or("");
  read_oauth_client(in, app);
  read_method(in, app);
  app.consent_required =
      in.optional<std::string>("consent_method", "REQUIRED") != "TRUSTED" && app.kind != directory::AppKind::service;
  app.pkce_required = app.auth == directory::ClientAuth::none || app.kind == directory::AppKind::spa ||
                      app.kind == directory::AppKind::native;
  if (const auto claimed = in.optional<std::string>("client_id")) app.client_id = *claimed;
  GH_DO(in.done());
  return app;
}

}  // namespace gatehouse::orgapi
