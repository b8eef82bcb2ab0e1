#include "orgapi/registration.h"

#include <algorithm>
#include <array>

#include "core/text.h"
#include "orgapi/clients_json.h"

namespace gatehouse::orgapi {
namespace {

using directory::App;
using directory::AppKind;

constexpr std::array<std::string_view, 3> kGrants = {"authorization_code", "refresh_token", "implicit"};

std::unexpected<Error> bad(std::string why) { return failure(Fault::invalid, std::move(why)); }

// RFC 6750 §3.
net::Reply unauthorized(std::string_view why) {
  auto reply = answer({{"error", "invalid_token"}, {"error_description", why}}, 401);
  reply.with("WWW-Authenticate", "Bearer error=\"invalid_token\"");
  return reply;
}

std::optional<Secret> bearer_of(const net::Request& request) {
  const auto text = request.fields.only(net::Header::authorization).value_or("");
  constexpr std::string_view kScheme = "Bearer ";
  if (request.fields.count(net::Header::authorization) != 1 ||
      !equal_ignoring_case(text.substr(0, kScheme.size()), kScheme))
    return std::nullopt;
  return Secret(std::string(trim(text.substr(kScheme.size()))));
}

std::string server_in_path(const net::Call& call) {
  for (const auto& [name, value] : call.path)
    if (name == "authorizationServerId") return value;
  return "";
}

// The server is open, and the caller does not come too often.
Task<idp::Server> open_server(Registration& desk, const net::Call& call) {
  const auto id = server_in_path(call);
  if (std::ranges::find(desk.rules.servers, id) == desk.rules.servers.end())
    co_return failure(Fault::missing, "This authorization server takes no registrations.");
  GH_CO_DO(desk.limiter.count(call.request.client.ip, "register"));
  co_return co_await desk.provider.servers().find(id);
}

bool is_loopback(std::string_view uri) {
  constexpr std::string_view kHere[] = {"http://localhost:", "http://localhost/", "http://127.0.0.1:",
                                        "http://127.0.0.1/", "http://[::1]:",     "http://[::1]/"};
  return std::ranges::any_of(kHere, [&](auto prefix) { return uri.starts_with(prefix); });
}

// RFC 8252 §7: https, or for programs on people's own machines the loopback or a scheme that is a domain of theirs in
// reverse. `javascript:` and its kin are none of these.
bool may_redirect_to(std::string_view uri, AppKind kind) {
  if (uri.starts_with("https://")) return true;
  if (kind != AppKind::native) return false;
  return is_loopback(uri) || uri.substr(0, uri.find(':')).contains('.');
}

// What an administrator may give a client, strangers may not give themselves: tokens without a person, other people's
// passwords, leave to go without consent.
Result<void> check_modest(const App& app) {
  if (app.kind == AppKind::service) return bad("application_type: a service is registered by an administrator");
  for (const auto& grant : app.grant_types)
    if (std::ranges::find(kGrants, grant) == kGrants.end())
      return bad("grant_types: '" + grant + "' is given by an administrator only");
  for (const auto& uri : app.redirect_uris)
    if (!may_redirect_to(uri, app.kind))
      return bad("redirect_uris: '" + uri.substr(0, 100) + "' is not an https address");
  for (const auto& uri : app.post_logout_redirect_uris)
    if (!may_redirect_to(uri, app.kind))
      return bad("post_logout_redirect_uris: '" + uri.substr(0, 100) + "' is not an https address");
  // The exceptions that the configuration makes for fetching are meant for those whom an administrator registered.
  if (!app.jwks_uri.empty() && !app.jwks_uri.starts_with("https://")) return bad("jwks_uri: is not an https address");
  if (!app.backchannel_logout_uri.empty() && !app.backchannel_logout_uri.starts_with("https://"))
    return bad("backchannel_logout_uri: is not an https address");
  const auto* shown = app.more.if_contains("oauthClient");
  for (const auto* name : {"client_uri", "logo_uri", "tos_uri", "policy_uri"}) {
    const auto uri = shown == nullptr ? std::nullopt : find_string(*shown, name);
    if (uri && !uri->starts_with("https://")) return bad(std::string(name) + ": is not an https address");
  }
  return {};
}

Result<App> read_modest(const net::Call& call) {
  GH_TRY(auto app, read_registration(call));
  GH_DO(check_modest(app));
  app.consent_required = true;
  return app;
}

directory::Cause by_itself(const net::Call& call, const std::string& client_id) {
  auto cause = cause_of(call);
  cause.actor = events::Party{client_id, "PublicClientApp", client_id, client_id};
  return cause;
}

// A client may put on what protects it, and never take it off: an administrator may have put it on (RFC 7592 §2.2 lets a server
// keep what it knows better, and the answer says so).
void keep_guards(const App& before, App& asked) {
  asked.require_pushed |= before.require_pushed;
  asked.dpop_bound |= before.dpop_bound;
  asked.certificate_bound |= before.certificate_bound;
  asked.pkce_required |= before.pkce_required;
}

Result<json::object> shape_own(Registration& desk, const net::Call& call, const idp::Server& server, const App& app,
                               const Secret& token, const Secret* secret) {
  GH_TRY(const auto base, desk.provider.base_of(call.request));
  auto shaped = shape_client(app, secret);
  shaped["registration_access_token"] = token.reveal();
  shaped["registration_client_uri"] = base + server.path() + "/v1/register/" + app.client_id;
  return shaped;
}

Task<void> assign(Registration& desk, const App& app, directory::Cause cause) {
  for (const auto& name : desk.rules.groups) {
    auto group = co_await desk.org.groups.find_by_name(name);
    if (!group && group.error().fault() == Fault::missing) continue;
    if (!group) co_return std::unexpected(std::move(group.error()));
    GH_CO_DO(co_await desk.org.apps.assign_group(app.id, group->id, cause));
  }
  co_return Result<void>();
}

Task<net::Reply> register_itself(Registration& desk, const net::Call& call) {
  GH_CO_TRY(const auto server, co_await open_server(desk, call));
  if (const auto& wanted = desk.rules.initial_access_token) {
    const auto shown = bearer_of(call.request);
    if (!shown || !(*shown == *wanted)) co_return unauthorized("An initial access token is needed to register here.");
  }
  auto asked = read_modest(call);
  if (!asked) co_return refused_metadata(std::move(asked.error()));
  GH_CO_TRY(const int there, co_await desk.org.apps.count_self_managed(desk.rules.most));
  if (there >= desk.rules.most)
    co_return failure(Fault::limited, "There are as many registered clients as this server takes.");
  asked->client_id.clear();
  directory::NewApp fresh{.app = *std::move(asked), .client_id = {}, .secret = {}, .id = {}, .self_managed = true};
  auto cause = by_itself(call, "anonymous");
  auto made = co_await desk.org.apps.create(std::move(fresh), cause);
  if (!made) co_return refused_metadata(std::move(made.error()));
  GH_CO_DO(co_await assign(desk, made->app, std::move(cause)));
  GH_CO_TRY(auto shaped, shape_own(desk, call, server, made->app, made->registration_token.value(),
                                   made->secret ? &*made->secret : nullptr));
  co_return answer(std::move(shaped), 201);
}

struct Own {
  idp::Server server;
  App app;
  Secret token;
};
// The client that the path names, if the token is its own. One answer for every reason why not (RFC 7592 §2.1).
Task<std::optional<Own>> own_client(Registration& desk, const net::Call& call) {
  GH_CO_TRY(auto server, co_await open_server(desk, call));
  std::optional<Own> own;
  auto token = bearer_of(call.request);
  if (!token) co_return own;
  auto app = co_await desk.org.apps.find_by_client(call.path_value("clientId"));
  if (!app && app.error().fault() == Fault::missing) co_return own;
  if (!app) co_return std::unexpected(std::move(app.error()));
  if (app->active && directory::is_registration_token(*app, *token))
    own.emplace(std::move(server), *std::move(app), *std::move(token));
  co_return own;
}

constexpr std::string_view kNotYours = "This token manages no such client.";

Task<net::Reply> read_itself(Registration& desk, const net::Call& call) {
  GH_CO_TRY(const auto own, co_await own_client(desk, call));
  if (!own) co_return unauthorized(kNotYours);
  GH_CO_TRY(auto shaped, shape_own(desk, call, own->server, own->app, own->token, nullptr));
  co_return answer(std::move(shaped));
}

Task<net::Reply> change_itself(Registration& desk, const net::Call& call) {
  GH_CO_TRY(const auto own, co_await own_client(desk, call));
  if (!own) co_return unauthorized(kNotYours);
  auto asked = read_modest(call);
  if (!asked) co_return refused_metadata(std::move(asked.error()));
  if (asked->client_id != own->app.client_id)
    co_return refused_metadata(Error(Fault::invalid, "client_id: must be that of the client"));
  asked->id = own->app.id;
  asked->scopes = own->app.scopes;
  asked->version = own->app.version;
  keep_guards(own->app, *asked);
  const auto cause = by_itself(call, own->app.client_id);
  const bool needs_secret = directory::needs_new_secret(own->app.auth, asked->auth);
  auto updated = co_await desk.org.apps.update(*std::move(asked), cause);
  if (!updated) co_return refused_metadata(std::move(updated.error()));
  std::optional<Secret> secret;
  if (needs_secret) {
    GH_CO_TRY(secret, co_await desk.org.apps.new_secret(updated->id, cause));
  }
  GH_CO_TRY(auto shaped, shape_own(desk, call, own->server, *updated, own->token, secret ? &*secret : nullptr));
  co_return answer(std::move(shaped));
}

Task<net::Reply> remove_itself(Registration& desk, const net::Call& call) {
  GH_CO_TRY(const auto own, co_await own_client(desk, call));
  if (!own) co_return unauthorized(kNotYours);
  const auto cause = by_itself(call, own->app.client_id);
  GH_CO_DO(co_await desk.org.apps.deactivate(own->app.id, cause));
  GH_CO_DO(co_await desk.org.apps.remove(own->app.id, cause));
  co_return net::Reply::empty();
}

using net::Method;
constexpr auto kInitial = net::everyone("RFC 7591: with an initial access token, or open as configured");
constexpr auto kOwn = net::everyone("RFC 7592: the registration access token is checked by the handler");
constexpr net::Endpoint<Registration> kRows[] = {
    net::on<register_itself>(Method::post, "/oauth2/v1/register", kInitial),
    net::on<register_itself>(Method::post, "/oauth2/{authorizationServerId}/v1/register", kInitial),
    net::on<read_itself>(Method::get, "/oauth2/v1/register/{clientId}", kOwn),
    net::on<read_itself>(Method::get, "/oauth2/{authorizationServerId}/v1/register/{clientId}", kOwn),
    net::on<change_itself>(Method::put, "/oauth2/v1/register/{clientId}", kOwn),
    net::on<change_itself>(Method::put, "/oauth2/{authorizationServerId}/v1/register/{clientId}", kOwn),
    net::on<remove_itself>(Method::delete_, "/oauth2/v1/register/{clientId}", kOwn),
    net::on<remove_itself>(Method::delete_, "/oauth2/{authorizationServerId}/v1/register/{clientId}", kOwn),
};

}  // namespace

void serve_registration(net::Router& router, Registration& desk, idp::OAuthStyle& style) {
  if (!desk.rules.servers.empty()) router.add(std::span<const net::Endpoint<Registration>>(kRows), desk, style);
}

}  // namespace gatehouse::orgapi
