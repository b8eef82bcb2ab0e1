#include "idp/authorize_request.h"

#include <algorithm>

#include "core/text.h"
#include "idp/clients.h"
#include "idp/possession.h"
#include "idp/profile.h"
#include "idp/system_terms.h"
#include "oauth/pkce.h"
#include "oauth/redirect_uri.h"

namespace gatehouse::idp {
namespace {

using oauth::Code;

Result<Prompt> parse_prompt(std::string_view text) {
  const auto words = split_words(text);
  if (words.empty()) return Prompt::unset;
  if (words.size() > 1 && std::ranges::find(words, "none") != words.end())
    return oauth::refusal(Code::invalid_request, "The prompt 'none' cannot be combined with others.");
  Prompt prompt = Prompt::unset;
  for (const auto& word : words) {
    if (word == "none") prompt = Prompt::none;
    else if (word == "login" || word == "select_account") prompt = Prompt::login;
    else if (word == "consent") prompt = prompt == Prompt::login ? Prompt::login : Prompt::consent;
    else return oauth::refusal(Code::invalid_request, "The prompt must be none, login or consent.");
  }
  return prompt;
}

Result<std::optional<Seconds>> parse_max_age(const oauth::Params& params) {
  const auto text = params.get("max_age");
  if (!text) return std::optional<Seconds>();
  const auto seconds = parse_int(*text);
  if (!seconds || *seconds < 0 || *seconds > 10 * 365 * 24 * 3600LL)
    return oauth::refusal(Code::invalid_request, "The max_age must be a number of seconds.");
  return std::optional(Seconds(*seconds));
}

Result<std::string> parse_challenge(const directory::App& app, const oauth::Params& params) {
  const auto challenge = params.get("code_challenge");
  if (!challenge) {
    if (params.has("code_challenge_method")) return oauth::refusal(Code::invalid_request, "A code_challenge_method needs a code_challenge.");
    if (app.pkce_required || app.auth == directory::ClientAuth::none)
      return oauth::refusal(Code::invalid_request, "PKCE code challenge is required for this client.");
    return std::string();
  }
  GH_TRY(auto parsed, oauth::Challenge::parse(*challenge, params.text("code_challenge_method")));
  return parsed.str();
}

// A client that is not registered for DPoP gets bearer tokens, whatever it sends.
Result<std::string> parse_key(const directory::App& app, const oauth::Params& params) {
  auto key = params.text("dpop_jkt");
  if (!app.dpop_bound || key.empty()) return std::string();
  if (!is_thumbprint(key)) return oauth::refusal(Code::invalid_request, "The dpop_jkt is not a SHA-256 thumbprint of a key.");
  return key;
}

bool may_use(const directory::App& app, std::string_view grant) { return std::ranges::find(app.grant_types, grant) != app.grant_types.end(); }

// What may be asked for here. offline_access without the right to refresh is not an error (OpenID Connect Core §11).
Result<void> read_scopes(const Server& server, const Target& target, const std::string& text, AuthorizeRequest& ask) {
  const auto& app = target.app;
  const auto& type = target.type;
  GH_TRY(ask.scopes, oauth::Scopes::parse(text));
  if (ask.scopes.empty() && server.terms) {
    ask.scopes = server.terms->default_scopes();
    ask.how = AccessAsk::Scopes::by_default;
  }
  if (ask.scopes.empty()) return oauth::refusal(Code::invalid_scope, "The authentication request must have a 'scope' parameter.");
  // What comes through the browser is never a refresh token.
  if (!may_use(app, "refresh_token") || !type.code) ask.scopes.remove("offline_access");
  if (type.id_token && !ask.scopes.has("openid")) return oauth::refusal(Code::invalid_scope, "An ID token needs the scope 'openid'.");
  const auto granted = oauth::Scopes::of(app.scopes);
  for (const auto& scope : ask.scopes.words()) {
    if (is_oidc_scope(scope)) continue;
    const bool fits = server.terms ? server.terms->scope(scope) != nullptr : scope.starts_with("okta.") && granted.has(scope);
    if (!fits) return oauth::refusal(Code::invalid_scope, "One or more scopes are not configured for the authorization server resource.");
  }
  return {};
}

Result<void> check_type(const Target& target, std::string_view text) {
  GH_TRY(const auto type, ResponseType::parse(text));
  if (type.code && !may_use(target.app, "authorization_code"))
    return oauth::refusal(Code::unauthorized_client, "The client is not authorized to use the authorization_code grant.");
  if (!type.front_channel()) return {};
  if (!may_use(target.app, "implicit")) return oauth::refusal(Code::unauthorized_client, "The client is not authorized to use the implicit grant.");
  if (type.token && (target.app.certificate_bound || target.app.dpop_bound))   // nobody proves anything here
    return oauth::refusal(Code::unauthorized_client, "The tokens of this client are bound to its certificate or key.");
  return {};
}

Result<void> check_shape(const Target& target, const oauth::Params& params) {
  if (params.has("request")) return oauth::refusal(Code::request_not_supported, "The parameter 'request' is not supported.");
  if (params.has("request_uri")) return oauth::refusal(Code::request_uri_not_supported, "The parameter 'request_uri' is not supported.");
  if (params.has("registration")) return oauth::refusal(Code::registration_not_supported, "The parameter 'registration' is not supported.");
  GH_TRY(auto type, params.required("response_type"));
  GH_DO(check_type(target, type));
  GH_DO(ResponseMode::parse(params.text("response_mode"), target.type, target.redirect_uri));
  if (target.state.empty() || target.state.size() > kStateMax)
    return oauth::refusal(Code::invalid_request, "The authentication request has an invalid 'state' parameter.");
  if (target.type.id_token && !params.has("nonce"))
    return oauth::refusal(Code::invalid_request, "A 'nonce' is needed with a response type that gives an ID token.");
  if (params.text("nonce").size() > kNonceMax) return oauth::refusal(Code::invalid_request, "The nonce is too long.");
  return {};
}

}  // namespace

Task<Target> find_target(Provider& provider, Server server, std::string base, oauth::Params params) {
  GH_CO_TRY(auto client_id, params.required("client_id"));
  auto app = co_await provider.needs().apps.find_by_client(client_id);
  if (!app && app.error().fault() != Fault::missing && app.error().fault() != Fault::invalid) co_return std::unexpected(std::move(app.error()));
  if (!app || !is_client(*app)) co_return oauth::refusal(Code::invalid_client, "Invalid value for 'client_id' parameter.");
  GH_CO_TRY(auto redirect_uri, params.required("redirect_uri"));
  // RFC 8252 §7.3: native apps listen on whatever port is free.
  const auto loopback = app->kind == directory::AppKind::native ? oauth::Loopback::any_port : oauth::Loopback::exact;
  if (!oauth::is_registered(redirect_uri, app->redirect_uris, loopback))
    co_return oauth::refusal(Code::invalid_request, "The 'redirect_uri' parameter must be a Login redirect URI in the client app settings.");
  const auto type = ResponseType::parse(params.text("response_type")).value_or(ResponseType{.code = true});
  const auto mode = ResponseMode::for_errors(params.text("response_mode"), type, redirect_uri);
  auto state = params.text("state");
  if (state.size() > kStateMax) state.clear();
  auto issuer = server.issuer(provider.issuer_base(server, base));
  co_return Target{*std::move(app), std::move(redirect_uri), mode, std::move(state), std::move(issuer), type};
}

namespace {

Result<void> read_claims(const oauth::Params& params, AuthorizeRequest& ask) {
  ClaimsRequest claims;
  if (const auto text = params.get("claims")) {
    GH_TRY(claims, ClaimsRequest::parse(*text));
  }
  GH_TRY(auto acr, claims.reached(split_words(params.text("acr_values"))));
  ask.asked = AskedClaims{std::move(claims.id_token), std::move(claims.userinfo), std::move(acr)};
  ask.only = std::move(claims.sub);
  return {};
}

}  // namespace

Task<AuthorizeRequest> read_request(Server server, Target target, oauth::Params params) {
  GH_CO_DO(check_shape(target, params));
  GH_CO_DO(check_client(server.profile, target.app));
  const RequestShape shape{target.type, params.has("code_challenge"), target.redirect_uri, target.app.kind == directory::AppKind::native};
  GH_CO_DO(check_request(server.profile, shape));
  AuthorizeRequest ask;
  GH_CO_DO(read_scopes(server, target, params.text("scope"), ask));
  if (target.type.code) {
    GH_CO_TRY(ask.challenge, parse_challenge(target.app, params));
  }
  GH_CO_TRY(ask.prompt, parse_prompt(params.text("prompt")));
  GH_CO_TRY(ask.max_age, parse_max_age(params));
  GH_CO_TRY(ask.dpop_key, parse_key(target.app, params));
  GH_CO_DO(read_claims(params, ask));
  ask.nonce = params.text("nonce");
  ask.login_hint = params.text("login_hint");
  ask.id_token_hint = params.text("id_token_hint");
  co_return ask;
}

}  // namespace gatehouse::idp
