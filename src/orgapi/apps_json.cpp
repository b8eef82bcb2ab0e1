#include "orgapi/apps_json.h"

#include "orgapi/client_proof_json.h"

#include <fmt/format.h>

#include <algorithm>

namespace gatehouse::orgapi {
namespace {

using directory::App;
using directory::AppKind;

bool is_client(const App& app) { return app.sign_on_mode == "OPENID_CONNECT"; }
std::string_view name_of(const App& app) { return is_client(app) ? "oidc_client" : "bookmark"; }

std::string_view name_of(AppKind kind) {
  switch (kind) {
    case AppKind::web: return "web";
    case AppKind::spa: return "browser";
    case AppKind::native: return "native";
    case AppKind::service: return "service";
  }
  return "web";
}

json::array texts(const std::vector<std::string>& values) { return json::array(values.begin(), values.end()); }

json::value kept(const App& app, std::string_view name, json::value otherwise) {
  const auto* value = app.more.if_contains(name);
  return value == nullptr ? std::move(otherwise) : *value;
}

json::array usual_response_types(const App& app) {
  json::array types;
  for (const auto& grant : app.grant_types) {
    if (grant == "authorization_code") types.emplace_back("code");
    if (grant == "client_credentials") types.emplace_back("token");
    if (grant == "implicit") types.insert(types.end(), {"token", "id_token"});
  }
  return types;
}

}  // namespace

json::object oauth_client_json(const App& app) {
  json::object settings = {{"client_uri", nullptr},
                           {"logo_uri", nullptr},
                           {"redirect_uris", texts(app.redirect_uris)},
                           {"post_logout_redirect_uris", texts(app.post_logout_redirect_uris)},
                           {"response_types", usual_response_types(app)},
                           {"grant_types", texts(app.grant_types)},
                           {"application_type", name_of(app.kind)},
                           {"consent_method", app.consent_required ? "REQUIRED" : "TRUSTED"},
                           {"issuer_mode", "DYNAMIC"},
                           {"refresh_token", {{"rotation_type", app.rotate_refresh ? "ROTATE" : "STATIC"}, {"leeway", app.refresh_leeway.count()}}},
                           {"idp_initiated_login", {{"mode", "DISABLED"}, {"default_scope", json::array()}}},
                           {"wildcard_redirect", "DISABLED"},
                           {"dpop_bound_access_tokens", app.dpop_bound},
                           {"require_pushed_authorization_requests", app.require_pushed}};
  if (!app.initiate_login_uri.empty()) settings["initiate_login_uri"] = app.initiate_login_uri;
  if (!app.backchannel_logout_uri.empty()) {
    settings["backchannel_logout_uri"] = app.backchannel_logout_uri;
    settings["backchannel_logout_session_required"] = app.backchannel_logout_session_required;
  }
  put_proof(settings, app);
  if (const auto* more = app.more.if_contains("oauthClient"); more != nullptr && more->is_object())
    for (const auto& member : more->get_object()) settings[member.key()] = member.value();
  return settings;
}

namespace {

json::object settings_json(const App& app) {
  json::object settings = {{"app", kept(app, "app", json::object())},
                           {"notifications", kept(app, "notifications", {{"vpn", {{"network", {{"connection", "DISABLED"}}},
                                                                                  {"message", nullptr},
                                                                                  {"helpUrl", nullptr}}}})},
                           {"manualProvisioning", false},
                           {"implicitAssignment", false},
                           {"notes", kept(app, "notes", {{"admin", nullptr}, {"enduser", nullptr}})}};
  if (is_client(app)) settings["oauthClient"] = oauth_client_json(app);
  return settings;
}

json::object credentials_json(const App& app, const Secret* secret) {
  json::object credentials = {{"userNameTemplate", {{"template", "${source.login}"}, {"type", "BUILT_IN"}}}, {"signing", json::object()}};
  if (!is_client(app)) return credentials;
  json::object client = {{"autoKeyRotation", true},
                         {"client_id", app.client_id},
                         {"token_endpoint_auth_method", directory::name_of(app.auth)},
                         {"pkce_required", app.pkce_required}};
  if (secret != nullptr) client["client_secret"] = secret->reveal();  // the one time that anybody sees it
  credentials["oauthClient"] = std::move(client);
  return credentials;
}

json::object links_json(const App& app, const net::Request& request) {
  const auto base = request.origin() + "/api/v1/apps/" + app.id.str();
  json::object links = {{"self", link(base)}, {"users", link(base + "/users")}, {"groups", link(base + "/groups")}};
  if (app.active) links["deactivate"] = link(base + "/lifecycle/deactivate");
  else links["activate"] = link(base + "/lifecycle/activate");
  return links;
}

}  // namespace

json::object shape(const App& app, const Org& org, const net::Request& request, const Secret* secret) {
  json::object shaped = {
      {"id", app.id.str()},
      {"orn", fmt::format("orn:okta:idp:{}:apps:{}:{}", org.id.str(), name_of(app), app.id.str())},
      {"name", name_of(app)},
      {"label", app.label},
      {"status", app.active ? "ACTIVE" : "INACTIVE"},
      {"created", to_iso8601(app.created)},
      {"lastUpdated", to_iso8601(app.updated)},
      {"accessibility", kept(app, "accessibility", {{"selfService", false}, {"errorRedirectUrl", nullptr}, {"loginRedirectUrl", nullptr}})},
      {"visibility", kept(app, "visibility", {{"autoLaunch", false},
                                              {"autoSubmitToolbar", false},
                                              {"hide", {{"iOS", is_client(app)}, {"web", is_client(app)}}},
                                              {"appLinks", {{is_client(app) ? "oidc_client_link" : "login", true}}}})},
      {"features", kept(app, "features", json::array())},
      {"signOnMode", app.sign_on_mode},
      {"credentials", credentials_json(app, secret)},
      {"settings", settings_json(app)},
      {"_links", links_json(app, request)}};
  if (const auto* profile = app.more.if_contains("profile")) shaped["profile"] = *profile;
  return shaped;
}

json::array app_links_json(const std::vector<App>& apps, const directory::User& user, const net::Request& request) {
  json::array items;
  for (const auto& app : apps) {
    const auto settings = kept(app, "app", json::object());
    const auto url = is_client(app) ? app.initiate_login_uri : find_string(settings, "url").value_or("");
    const auto order = static_cast<std::int64_t>(items.size());
    items.push_back({{"id", user.id.str()},
                     {"label", app.label},
                     {"linkUrl", url.empty() ? request.origin() : url},
                     {"logoUrl", nullptr},
                     {"appName", name_of(app)},
                     {"appInstanceId", app.id.str()},
                     {"appAssignmentId", app.id.str()},
                     {"credentialsSetup", false},
                     {"hidden", url.empty()},  // nowhere to go without knowing where the application begins a login
                     {"sortOrder", order}});
  }
  return items;
}

}  // namespace gatehouse::orgapi
