// POST /v1/token, /v1/introspect, /v1/revoke; GET|POST /v1/userinfo.
#include <algorithm>

#include "core/text.h"
#include "idp/clients.h"
#include "idp/grants.h"
#include "idp/possession.h"
#include "idp/profile.h"
#include "idp/token_endpoints.h"
#include "oauth/error.h"
#include "signin/browser.h"

namespace gatehouse::idp {
namespace {

using oauth::Code;

constexpr const char* kIntrospectionJwt = "application/token-introspection+jwt";   // RFC 9701 §4

// Leaves with the error after a line in the System Log.
Task<void> write_refusal(Provider& provider, const net::Call& call, Server server, std::string action, std::string client_id, Error error) {
  return provider.refused(server, std::move(action), std::move(client_id), std::move(error), signin::origin_of(call.request));
}

Task<oauth::TokenResponse> redeem(Provider& provider, const net::Call& call, Server server, oauth::Params params) {
  GH_CO_TRY(const auto called, provider.base_of(call.request));
  auto base = provider.issuer_base(server, called);
  GH_CO_TRY(auto app, co_await authenticate_client(provider, call, server, params, Proof::public_too));
  GH_CO_TRY(auto type, params.required("grant_type"));
  const auto known = grants();
  const auto grant = std::ranges::find(known, type, [](const Grant* each) { return each->type(); });
  if (grant == known.end()) co_return oauth::refusal(Code::unsupported_grant_type, "The authorization grant type is not supported by the authorization server.");
  if (std::ranges::find(app.grant_types, type) == app.grant_types.end())
    co_return oauth::refusal(Code::unauthorized_client, "The client is not authorized to use the provided grant type.");
  GH_CO_DO(check_grant(server.profile, type));
  GH_CO_DO(check_client(server.profile, app));
  GH_CO_TRY(auto bound_to, co_await binding_for(provider, call, server, app));
  TokenCall ask{std::move(server), std::move(base), std::move(app), std::move(params), signin::origin_of(call.request), std::move(bound_to)};
  ask.from_address = call.body.empty();
  co_return co_await (*grant)->redeem(provider, std::move(ask));
}

json::object inactive() {
  json::object body;
  body["active"] = false;
  return body;
}

// Only the client it was given to learns anything about a refresh token.
Task<json::object> introspect_refresh(Provider& provider, Server server, directory::App app, std::string token) {
  auto key = refresh_key(token);
  if (!key) co_return inactive();
  auto found = co_await select_refresh(provider.needs().database, provider.org(), *std::move(key));
  if (!found && found.error().fault() == Fault::missing) co_return inactive();
  if (!found) co_return std::unexpected(std::move(found.error()));
  const auto now = provider.needs().clock.now();
  const auto& grant = found->grant;
  if (grant.client_id != app.client_id || grant.server_id != server.id || grant.revoked || found->state == RefreshRow::State::spent || now >= found->expires) co_return inactive();
  auto user = co_await person_for(provider, app, grant.user);
  if (!user && !user.error().code().empty()) co_return inactive();
  if (!user) co_return std::unexpected(std::move(user.error()));
  json::object body;
  body["active"] = true;
  body["token_type"] = "Bearer";
  body["scope"] = grant.scopes.text();
  body["client_id"] = grant.client_id;
  body["username"] = user->profile.login;
  body["sub"] = user->profile.login;
  body["uid"] = user->id.str();
  body["iat"] = to_seconds(found->created);
  body["exp"] = to_seconds(found->expires);
  if (!grant.dpop_key.empty()) body["cnf"] = {{"jkt", grant.dpop_key}};
  co_return body;
}

// Clients that can prove who they are (resource servers) may ask about any token of this server; others about their own.
Task<json::object> introspect_access(Provider& provider, Server server, directory::App app, std::string token) {
  auto good = co_await provider.check_access_token(std::move(token), std::move(server));
  if (!good && !good.error().code().empty()) co_return inactive();
  if (!good) co_return std::unexpected(std::move(good.error()));
  if (app.auth == directory::ClientAuth::none && good->client_id != app.client_id) co_return inactive();
  const auto* confirmation = good->claims.if_contains("cnf");
  json::object body;
  body["active"] = true;
  body["token_type"] = confirmation != nullptr && find(*confirmation, "jkt") != nullptr ? "DPoP" : "Bearer";
  body["scope"] = good->scopes.text();
  body["client_id"] = good->client_id;
  if (good->user) body["username"] = good->user->profile.login;
  for (const char* name : {"exp", "iat", "sub", "aud", "iss", "jti", "uid", "cnf", "auth_time", "acr"})
    if (const auto* value = good->claims.if_contains(name)) body[name] = *value;
  co_return body;
}

// RFC 9701 §5. No token: it has a type of its own, and says neither `sub` nor `exp` of anybody outside `token_introspection`.
Task<net::Reply> signed_answer(Provider& provider, const net::Call& call, Server server, std::string asker, json::object about) {
  GH_CO_TRY(const auto base, provider.base_of(call.request));
  json::object claims;
  claims["iss"] = server.issuer(provider.issuer_base(server, base));
  claims["aud"] = asker;
  claims["iat"] = to_seconds(provider.needs().clock.now());
  claims["token_introspection"] = std::move(about);
  GH_CO_TRY(auto jwt, co_await provider.keys().sign(server.alg, std::move(claims), "token-introspection+jwt"));
  net::Reply reply;
  reply.status = 200;
  reply.body = std::move(jwt);
  reply.with("Content-Type", kIntrospectionJwt);
  co_return reply;
}

bool wants_signed(const net::Request& request) {
  const std::string accept(request.fields.only(net::Header::accept).value_or(""));
  for (const auto& range : split(accept, ','))
    if (equal_ignoring_case(trim(std::string_view(range).substr(0, range.find(';'))), kIntrospectionJwt)) return true;
  return false;
}

Task<net::Reply> introspect_one(Provider& provider, const net::Call& call, Server server, oauth::Params params) {
  const bool wants_jwt = wants_signed(call.request);
  // RFC 9701 §5: what is signed is for somebody who has proven who that is.
  GH_CO_TRY(auto app, co_await authenticate_client(provider, call, server, params, wants_jwt ? Proof::required : Proof::public_too));
  GH_CO_TRY(auto token, params.required("token"));
  const auto asker = app.client_id;
  json::object answer;
  if (token.starts_with(kRefreshPrefix)) {
    GH_CO_TRY(answer, co_await introspect_refresh(provider, server, std::move(app), std::move(token)));
  } else {
    GH_CO_TRY(answer, co_await introspect_access(provider, server, std::move(app), std::move(token)));
  }
  if (wants_jwt) co_return co_await signed_answer(provider, call, std::move(server), asker, std::move(answer));
  co_return net::Reply::json_text(200, to_text(answer));
}

Task<void> revoke_access(Provider& provider, const net::Call& call, Server server, directory::App app, std::string token) {
  auto claims = co_await verify_own(provider, server, TokenUse::access, std::move(token), jose::Expect::Expiry::enforced);
  if (!claims && claims.error().fault() == Fault::unauthenticated) co_return Result<void>();
  if (!claims) co_return std::unexpected(std::move(claims.error()));
  if (client_of(*claims) != app.client_id) co_return Result<void>();
  const auto jti = find_string(*claims, "jti").value_or("");
  const auto expires = from_seconds(find_int(*claims, "exp").value_or(0));
  auto event = granted_event(server, "token.revoke", app, {}, {}, signin::origin_of(call.request));
  event.message = "OAuth2 token revoked";
  store::Unit unit;
  unit.push_back(insert_revoked_token(provider.org(), jti, expires));
  unit.push_back(provider.needs().log.statement(provider.org(), event));
  GH_CO_DO(co_await provider.needs().database.write(std::move(unit)));
  co_return Result<void>();
}

Task<void> revoke_one(Provider& provider, const net::Call& call, Server server, oauth::Params params) {
  GH_CO_TRY(auto app, co_await authenticate_client(provider, call, server, params, Proof::public_too));
  GH_CO_TRY(auto token, params.required("token"));
  if (!token.starts_with(kRefreshPrefix)) co_return co_await revoke_access(provider, call, std::move(server), std::move(app), std::move(token));
  auto key = refresh_key(token);
  if (!key) co_return Result<void>();
  auto found = co_await select_refresh(provider.needs().database, provider.org(), *std::move(key));
  if (!found && found.error().fault() == Fault::missing) co_return Result<void>();
  if (!found) co_return std::unexpected(std::move(found.error()));
  if (found->grant.client_id != app.client_id || found->grant.server_id != server.id || found->grant.revoked) co_return Result<void>();
  co_return co_await kill_grant(provider, std::move(server), found->grant.id, app.client_id, Killed::by_revocation, signin::origin_of(call.request));
}

// RFC 6750 §2, RFC 9449 §7.1: in the header, or in the body of a POST; not in a query, and not twice.
Result<std::string> presented_token(const net::Call& call, const oauth::Params& params) {
  const auto& fields = call.request.fields;
  const auto bad = [](std::string why) { return oauth::refusal(Code::invalid_token, std::move(why)); };
  if (fields.count(net::Header::authorization) > 1) return bad("More than one Authorization header.");
  const auto authorization = fields.only(net::Header::authorization).value_or("");
  auto in_header = oauth::bearer_token(authorization);
  if (!in_header) in_header = oauth::dpop_token(authorization);
  auto in_body = call.body.empty() ? std::nullopt : params.get("access_token");
  if (in_header && in_body) return oauth::refusal(Code::invalid_request, "The access token was sent in two ways.");
  if (!in_header && !in_body) return bad("The access token is missing.");
  return in_header ? *std::move(in_header) : *std::move(in_body);
}

Task<json::object> userinfo_one(Provider& provider, const net::Call& call, Server server, oauth::Params params) {
  GH_CO_TRY(auto token, presented_token(call, params));
  GH_CO_TRY(auto good, co_await provider.check_access_token(token, server));
  auto shown = shown_by(provider, call.request);
  GH_CO_DO(co_await check_possession(provider, server.profile, good.claims, std::move(token), std::move(shown)));
  if (!good.user || !good.scopes.has("openid"))
    co_return oauth::refusal(Code::insufficient_scope, "The access token must provide access to at least one of these scopes - openid.");
  co_return co_await userinfo_claims(provider, std::move(server), std::move(good));
}

}  // namespace

Task<json::value> token(Provider& provider, const net::Call& call, oauth::Params params) {
  GH_CO_TRY(auto server, co_await server_of(provider, call));
  auto answer = co_await redeem(provider, call, server, params);
  if (!answer) {
    GH_CO_DO(co_await write_refusal(provider, call, server, "token.grant", claimed_client(call, params), answer.error()));
    co_return std::unexpected(std::move(answer.error()));
  }
  co_return json::value(answer->to_json());
}

Task<net::Reply> introspect(Provider& provider, const net::Call& call, oauth::Params params) {
  GH_CO_TRY(auto server, co_await server_of(provider, call));
  auto answer = co_await introspect_one(provider, call, server, params);
  if (!answer) {
    GH_CO_DO(co_await write_refusal(provider, call, server, "token.introspect", claimed_client(call, params), answer.error()));
    co_return std::unexpected(std::move(answer.error()));
  }
  co_return *std::move(answer);
}

Task<net::Reply> revoke(Provider& provider, const net::Call& call, oauth::Params params) {
  GH_CO_TRY(auto server, co_await server_of(provider, call));
  auto done = co_await revoke_one(provider, call, server, params);
  if (!done) {
    GH_CO_DO(co_await write_refusal(provider, call, server, "token.revoke", claimed_client(call, params), done.error()));
    co_return std::unexpected(std::move(done.error()));
  }
  co_return net::Reply::empty(200);
}

Task<json::value> userinfo(Provider& provider, const net::Call& call, oauth::Params params) {
  GH_CO_TRY(auto server, co_await server_of(provider, call));
  auto answer = co_await userinfo_one(provider, call, server, std::move(params));
  if (!answer) {
    GH_CO_DO(co_await write_refusal(provider, call, server, "userinfo", "", answer.error()));
    co_return std::unexpected(std::move(answer.error()));
  }
  co_return json::value(*std::move(answer));
}

}  // namespace gatehouse::idp
