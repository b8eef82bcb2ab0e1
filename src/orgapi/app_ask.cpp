// Reading an application out of a request.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "net/url.h"
#include "orgapi/apps_json.h"
#include "orgapi/client_proof_json.h"

namespace gatehouse::orgapi {
namespace {

using directory::App;
using directory::AppKind;
using directory::ClientAuth;
using Texts = std::vector<std::string>;

constexpr std::array<std::string_view, 9> kGrantTypes = {
    "authorization_code", "implicit", "password", "refresh_token", "client_credentials",
    "urn:ietf:params:oauth:grant-type:device_code", "urn:ietf:params:oauth:grant-type:token-exchange",
    "urn:ietf:params:oauth:grant-type:jwt-bearer", "urn:ietf:params:oauth:grant-type:saml2-bearer"};
// Kept and given back, read by nobody.
constexpr std::array<std::string_view, 9> kKeptOfClient = {
    "client_uri", "logo_uri", "tos_uri", "policy_uri", "response_types", "issuer_mode", "wildcard_redirect", "idp_initiated_login", "network"};
constexpr std::array<std::string_view, 3> kKeptOfSettings = {"app", "notes", "notifications"};
constexpr std::array<std::string_view, 4> kKeptOfApp = {"visibility", "accessibility", "profile", "features"};

constexpr std::int64_t kLeewayMax = 60, kLeewayUsual = 30;   // seconds, as at Okta
// OpenID Connect Back-Channel Logout 1.0 §2.2. Whether it may be reached is decided when it is.
bool is_logout_address(std::string_view uri) { return !uri.contains('#') && net::Url::parse(uri).has_value(); }

template <std::size_t n>
void keep(Reader& in, const std::array<std::string_view, n>& names, json::object& kept) {
  for (const auto name : names)
    if (auto value = in.optional<json::value>(name)) kept[name] = *std::move(value);
}

bool has(const Texts& texts, std::string_view text) { return std::ranges::find(texts, text) != texts.end(); }

std::optional<AppKind> kind_of(std::string_view name) {
  if (name == "web") return AppKind::web;
  if (name == "browser") return AppKind::spa;
  if (name == "native") return AppKind::native;
  if (name == "service") return AppKind::service;
  return std::nullopt;
}

}  // namespace

void read_method(Reader& in, App& app) {
  const bool is_public = app.kind == AppKind::spa || app.kind == AppKind::native;
  const auto auth = in.optional<std::string>("token_endpoint_auth_method", is_public ? "none" : "client_secret_basic");
  if (const auto known = directory::client_auth_named(auth)) app.auth = *known;
  else in.fault("token_endpoint_auth_method", fmt::format("'{}' is not supported by this server", auth));
}

void read_oauth_client(Reader& client, App& app) {
  const auto kind = client.optional<std::string>("application_type", "web");
  if (const auto known = kind_of(kind)) app.kind = *known;
  else client.fault("application_type", "must be one of: web, native, browser, service");

  const Texts usual = {app.kind == AppKind::service ? "client_credentials" : "authorization_code"};
  app.grant_types = client.optional<Texts>("grant_types", usual);
  for (const auto& grant : app.grant_types)
    if (std::ranges::find(kGrantTypes, grant) == kGrantTypes.end()) client.fault("grant_types", fmt::format("'{}' is not a grant type", grant));
  app.redirect_uris = client.optional<Texts>("redirect_uris", {});
  app.post_logout_redirect_uris = client.optional<Texts>("post_logout_redirect_uris", {});
  if (app.redirect_uris.empty() && (has(app.grant_types, "authorization_code") || has(app.grant_types, "implicit")))
    client.fault("redirect_uris", "'redirect_uris' must have at least one URI for the grant types 'authorization_code' and 'implicit'");
  app.initiate_login_uri = client.optional<std::string>("initiate_login_uri", "");

  const auto consent = client.optional<std::string>("consent_method", "TRUSTED");
  if (consent != "TRUSTED" && consent != "REQUIRED") client.fault("consent_method", "must be one of: TRUSTED, REQUIRED");
  app.consent_required = consent == "REQUIRED";
  auto refresh = client.object("refresh_token");
  const auto rotation = refresh.optional<std::string>("rotation_type", app.kind == AppKind::spa ? "ROTATE" : "STATIC");
  if (rotation != "ROTATE" && rotation != "STATIC") refresh.fault("rotation_type", "must be one of: ROTATE, STATIC");
  app.rotate_refresh = rotation == "ROTATE";
  const auto leeway = refresh.optional<std::int64_t>("leeway", kLeewayUsual);
  if (leeway < 0 || leeway > kLeewayMax) refresh.fault("leeway", fmt::format("must be from 0 to {} seconds", kLeewayMax));
  else app.refresh_leeway = Seconds(leeway);
  refresh.ignore_rest();
  app.dpop_bound = client.optional<bool>("dpop_bound_access_tokens", false);
  app.require_pushed = client.optional<bool>("require_pushed_authorization_requests", false);
  app.backchannel_logout_uri = client.optional<std::string>("backchannel_logout_uri", "");
  if (!app.backchannel_logout_uri.empty() && !is_logout_address(app.backchannel_logout_uri))
    client.fault("backchannel_logout_uri", "must be an absolute https or http address without a fragment");
  app.backchannel_logout_session_required = client.optional<bool>("backchannel_logout_session_required", false);
  read_proof(client, app);

  json::object kept;
  keep(client, kKeptOfClient, kept);
  app.more["oauthClient"] = std::move(kept);
  client.ignore_rest();
}

namespace {

void read_credentials(Reader& client, AppAsk& ask) {
  auto& app = ask.app;
  ask.client_id = client.optional<std::string>("client_id");
  if (auto secret = client.optional<std::string>("client_secret")) ask.client_secret = Secret(*std::move(secret));
  read_method(client, app);
  const bool is_public = app.kind == AppKind::spa || app.kind == AppKind::native;
  app.pkce_required = client.optional<bool>("pkce_required", is_public || app.auth == ClientAuth::none);
  client.ignore_rest();
}

}  // namespace

App blank_app() {
  return {.id = directory::no_app_id(), .label = {}, .kind = AppKind::web, .client_id = {}, .redirect_uris = {},
          .post_logout_redirect_uris = {}, .grant_types = {}, .scopes = {}, .initiate_login_uri = {}, .created = {}, .updated = {}, .more = {}};
}

Result<AppAsk> AppAsk::read(Reader in) {
  AppAsk ask{.app = blank_app(), .client_id = {}, .client_secret = {}};
  auto& app = ask.app;
  app.label = in.required<std::string>("label").value_or("");
  app.sign_on_mode = in.required<std::string>("signOnMode").value_or("");
  auto settings = in.object("settings");
  auto credentials = in.object("credentials");
  if (app.sign_on_mode == "OPENID_CONNECT") {
    auto client = settings.object("oauthClient");
    auto proof = credentials.object("oauthClient");
    read_oauth_client(client, app);
    read_credentials(proof, ask);
  } else if (app.sign_on_mode == "BOOKMARK") {
    app.auth = ClientAuth::none;
    auto bookmark = settings.object("app");
    bookmark.required<std::string>("url");
    bookmark.ignore_rest();
  } else if (!app.sign_on_mode.empty()) {
    in.fault("signOnMode", fmt::format("'{}' is not supported by this server; OPENID_CONNECT and BOOKMARK are", app.sign_on_mode));
  }
  keep(settings, kKeptOfSettings, app.more);
  keep(in, kKeptOfApp, app.more);
  settings.ignore_rest();
  credentials.ignore_rest();
  in.ignore_rest();  // id, status, _links …: clients send applications back as they got them
  GH_DO(in.done());
  return ask;
}

}  // namespace gatehouse::orgapi
