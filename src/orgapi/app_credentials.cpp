// /api/v1/apps/{appId}/credentials/secrets and …/jwks: what a client proves itself with.
#include <algorithm>

#include "idp/client_keys.h"
#include "okta/paging.h"
#include "orgapi/client_proof_json.h"

namespace gatehouse::orgapi {
namespace {

using directory::App;
using directory::ClientKey;
using directory::ClientSecret;

Task<App> client_in_path(Org& org, const net::Call& call) {
  GH_CO_TRY(auto app, co_await app_in_path(org, call));
  if (app.sign_on_mode != "OPENID_CONNECT")
    co_return std::unexpected(
        okta::error("E0000001", "appId: only an OpenID Connect application has such credentials"));
  co_return app;
}

// Where the state can be turned; what is off may be deleted too.
json::object links_of(const net::Request& request, const App& app, std::string_view kind, const std::string& id,
                      bool active) {
  const auto base = request.origin() + "/api/v1/apps/" + app.id.str() + "/credentials/" + std::string(kind) + "/" + id;
  if (active) return {{"deactivate", link_allowing(base + "/lifecycle/deactivate", {"POST"})}};
  return {{"activate", link_allowing(base + "/lifecycle/activate", {"POST"})},
          {"delete", link_allowing(base, {"DELETE"})}};
}

json::object shape_secret(const net::Request& request, const App& app, const ClientSecret& secret,
                          const Secret* itself) {
  json::object shaped = {{"id", secret.id},
                         {"status", secret.active ? "ACTIVE" : "INACTIVE"},
                         {"secret_hash", secret.fingerprint},
                         {"created", to_iso8601(secret.created)},
                         {"lastUpdated", to_iso8601(secret.updated)},
                         {"_links", links_of(request, app, "secrets", secret.id, secret.active)}};
  if (itself != nullptr) shaped["client_secret"] = itself->reveal();  // the one time that anybody sees it
  return shaped;
}

json::object shape_key(const net::Request& request, const App& app, const ClientKey& key) {
  auto shaped = shape(key);
  shaped["_links"] = links_of(request, app, "jwks", key.id, key.active);
  return shaped;
}

std::optional<bool> read_status(Reader& in) {
  const auto status = in.optional<std::string>("status", "ACTIVE");
  if (status != "ACTIVE" && status != "INACTIVE") in.fault("status", "must be one of: ACTIVE, INACTIVE");
  return status == "ACTIVE";
}

struct SecretAsk {
  std::optional<Secret> secret;
  bool active;
  static Result<SecretAsk> read(Reader in) {
    auto text = in.optional<std::string>("client_secret");
    const auto active = read_status(in);
    in.ignore_rest();
    GH_DO(in.done());
    SecretAsk ask{std::nullopt, active.value_or(true)};
    if (text) ask.secret = Secret(*std::move(text));
    return ask;
  }
};

Task<net::Reply> list_secrets(Org& org, const net::Call& call) {
  GH_CO_TRY(const auto app, co_await client_in_path(org, call));
  GH_CO_TRY(const auto secrets, co_await org.apps.secrets(app.id));
  json::array items;
  for (const auto& secret : secrets) items.push_back(shape_secret(call.request, app, secret, nullptr));
  co_return okta::list_reply(call.request, std::move(items), std::nullopt);
}

Task<net::Reply> add_secret(Org& org, const net::Call& call, SecretAsk ask) {
  GH_CO_TRY(const auto app, co_await client_in_path(org, call));
  GH_CO_TRY(const auto made, co_await org.apps.add_secret(app.id, std::move(ask.secret), ask.active, cause_of(call)));
  co_return answer(shape_secret(call.request, app, made.about, &made.secret), 201);
}

Task<net::Reply> get_secret(Org& org, const net::Call& call) {
  GH_CO_TRY(const auto app, co_await client_in_path(org, call));
  GH_CO_TRY(const auto secrets, co_await org.apps.secrets(app.id));
  const auto& id = call.path_value("secretId");
  const auto found = std::ranges::find(secrets, id, &ClientSecret::id);
  if (found == secrets.end()) co_return std::unexpected(okta::not_found(id, "OAuth2ClientSecretMediated"));
  co_return answer(shape_secret(call.request, app, *found, nullptr));
}

Task<net::Reply> set_secret(Org& org, const net::Call& call, bool active) {
  GH_CO_TRY(const auto app, co_await client_in_path(org, call));
  const auto& id = call.path_value("secretId");
  auto changed = co_await org.apps.set_secret_active(app.id, id, active, cause_of(call));
  if (!changed && changed.error().fault() == Fault::missing)
    co_return std::unexpected(okta::not_found(id, "OAuth2ClientSecretMediated"));
  if (!changed) co_return std::unexpected(std::move(changed.error()));
  co_return answer(shape_secret(call.request, app, *changed, nullptr));
}

Task<net::Reply> activate_secret(Org& org, const net::Call& call) { co_return co_await set_secret(org, call, true); }
Task<net::Reply> deactivate_secret(Org& org, const net::Call& call) { co_return co_await set_secret(org, call, false); }

Task<void> delete_secret(Org& org, const net::Call& call) {
  GH_CO_TRY(const auto app, co_await client_in_path(org, call));
  const auto& id = call.path_value("secretId");
  auto gone = co_await org.apps.remove_secret(app.id, id, cause_of(call));
  if (!gone && gone.error().fault() == Fault::missing)
    co_return std::unexpected(okta::not_found(id, "OAuth2ClientSecretMediated"));
  co_return gone;
}

// The key that the path names, in its app.
Result<std::vector<ClientKey>::iterator> key_in_path(App& app, const net::Call& call) {
  const auto& id = call.path_value("keyId");
  const auto found = std::ranges::find(app.keys, id, &ClientKey::id);
  if (found == app.keys.end()) return std::unexpected(okta::not_found(id, "JsonWebKey"));
  return found;
}

Task<net::Reply> list_keys(Org& org, const net::Call& call) {
  GH_CO_TRY(const auto app, co_await client_in_path(org, call));
  json::array items;
  for (const auto& key : app.keys) items.push_back(shape_key(call.request, app, key));
  co_return okta::list_reply(call.request, std::move(items), std::nullopt);
}

struct KeyAsk {
  ClientKey key;
  static Result<KeyAsk> read(Reader in) {
    json::object whole;
    for (const char* name : {"kty",      "use",    "key_ops", "alg", "kid", "n",  "e",  "crv", "x",   "y", "x5c",
                             "x5t#S256", "status", "d",       "p",   "q",   "dp", "dq", "qi",  "oth", "k"})
      if (auto member = in.optional<json::value>(name)) whole[name] = *std::move(member);
    read_status(in);
    in.ignore_rest();
    GH_DO(in.done());
    GH_TRY(auto key, idp::read_client_key(whole));
    return KeyAsk{std::move(key)};
  }
};

Task<net::Reply> add_key(Org& org, const net::Call& call, KeyAsk ask) {
  GH_CO_TRY(auto app, co_await client_in_path(org, call));
  app.keys.push_back(std::move(ask.key));
  GH_CO_TRY(const auto updated, co_await org.apps.update(std::move(app), cause_of(call)));
  co_return answer(shape_key(call.request, updated, updated.keys.back()), 201);
}

Task<net::Reply> get_key(Org& org, const net::Call& call) {
  GH_CO_TRY(auto app, co_await client_in_path(org, call));
  GH_CO_TRY(const auto found, key_in_path(app, call));
  co_return answer(shape_key(call.request, app, *found));
}

Task<net::Reply> set_key(Org& org, const net::Call& call, bool active) {
  GH_CO_TRY(auto app, co_await client_in_path(org, call));
  GH_CO_TRY(const auto found, key_in_path(app, call));
  const auto at = found - app.keys.begin();
  found->active = active;
  GH_CO_TRY(const auto updated, co_await org.apps.update(std::move(app), cause_of(call)));
  co_return answer(shape_key(call.request, updated, updated.keys.at(static_cast<std::size_t>(at))));
}

Task<net::Reply> activate_key(Org& org, const net::Call& call) { co_return co_await set_key(org, call, true); }
Task<net::Reply> deactivate_key(Org& org, const net::Call& call) { co_return co_await set_key(org, call, false); }

Task<void> delete_key(Org& org, const net::Call& call) {
  GH_CO_TRY(auto app, co_await client_in_path(org, call));
  GH_CO_TRY(const auto found, key_in_path(app, call));
  if (found->active)
    co_return std::unexpected(okta::error("E0000001", "jwks: You can't delete an active key; deactivate it first."));
  app.keys.erase(found);
  GH_CO_DO(co_await org.apps.update(std::move(app), cause_of(call)));
  co_return Result<void>();
}

using net::Method;
constexpr net::Endpoint<Org> kRows[] = {
    net::on<list_secrets>(Method::get, "/api/v1/apps/{appId}/credentials/secrets", "okta.apps.read"),
    net::on<add_secret>(Method::post, "/api/v1/apps/{appId}/credentials/secrets", "okta.apps.manage"),
    net::on<get_secret>(Method::get, "/api/v1/apps/{appId}/credentials/secrets/{secretId}", "okta.apps.read"),
    net::on<delete_secret>(Method::delete_, "/api/v1/apps/{appId}/credentials/secrets/{secretId}", "okta.apps.manage"),
    net::on<activate_secret>(Method::post, "/api/v1/apps/{appId}/credentials/secrets/{secretId}/lifecycle/activate",
                             "okta.apps.manage"),
    net::on<deactivate_secret>(Method::post, "/api/v1/apps/{appId}/credentials/secrets/{secretId}/lifecycle/deactivate",
                               "okta.apps.manage"),
    net::on<list_keys>(Method::get, "/api/v1/apps/{appId}/credentials/jwks", "okta.apps.read"),
    net::on<add_key>(Method::post, "/api/v1/apps/{appId}/credentials/jwks", "okta.apps.manage"),
    net::on<get_key>(Method::get, "/api/v1/apps/{appId}/credentials/jwks/{keyId}", "okta.apps.read"),
    net::on<delete_key>(Method::delete_, "/api/v1/apps/{appId}/credentials/jwks/{keyId}", "okta.apps.manage"),
    net::on<activate_key>(Method::post, "/api/v1/apps/{appId}/credentials/jwks/{keyId}/lifecycle/activate",
                          "okta.apps.manage"),
    net::on<deactivate_key>(Method::post, "/api/v1/apps/{appId}/credentials/jwks/{keyId}/lifecycle/deactivate",
                            "okta.apps.manage"),
};

}  // namespace

Rows app_credential_rows() { return kRows; }

}  // namespace gatehouse::orgapi
