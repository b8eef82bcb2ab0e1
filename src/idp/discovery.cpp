#include "idp/discovery.h"

#include "idp/clients.h"
#include "idp/grants.h"
#include "idp/system_terms.h"

namespace gatehouse::idp {
namespace {

json::array words(std::initializer_list<std::string_view> list) {
  json::array out;
  for (auto word : list) out.emplace_back(word);
  return out;
}

json::object describe(const Server& server, const std::string& base) {
  const std::string at = base + server.path() + "/v1";
  json::array grant_types, known = words({"openid", "profile", "email", "address", "phone", "offline_access", "groups"});
  for (const auto* grant : grants()) grant_types.emplace_back(grant->type());
  if (server.terms)
    for (const auto& scope : server.terms->scopes)
      if (scope.published && !is_oidc_scope(scope.name)) known.emplace_back(scope.name);
  const auto client_auth = words({"client_secret_basic", "client_secret_post", "none"});

  json::object out;
  out["issuer"] = server.issuer(base);
  out["authorization_endpoint"] = at + "/authorize";
  out["token_endpoint"] = at + "/token";
  out["userinfo_endpoint"] = at + "/userinfo";
  out["jwks_uri"] = at + "/keys";
  out["response_types_supported"] = words({"code"});
  out["response_modes_supported"] = words({"query", "fragment", "form_post"});
  out["grant_types_supported"] = std::move(grant_types);
  out["subject_types_supported"] = words({"public"});
  out["id_token_signing_alg_values_supported"] = words({jose::name_of(server.alg)});
  out["scopes_supported"] = std::move(known);
  out["token_endpoint_auth_methods_supported"] = client_auth;
  out["claims_supported"] = words({"iss", "ver", "sub", "aud", "iat", "exp", "jti", "auth_time", "amr", "idp", "nonce", "name", "nickname",
                                   "preferred_username", "given_name", "middle_name", "family_name", "email", "email_verified", "profile",
                                   "zoneinfo", "locale", "phone_number", "updated_at", "at_hash", "groups"});
  out["code_challenge_methods_supported"] = words({"S256"});
  out["introspection_endpoint"] = at + "/introspect";
  out["introspection_endpoint_auth_methods_supported"] = client_auth;
  out["revocation_endpoint"] = at + "/revoke";
  out["revocation_endpoint_auth_methods_supported"] = client_auth;
  out["end_session_endpoint"] = at + "/logout";
  out["request_parameter_supported"] = false;
  out["request_uri_parameter_supported"] = false;
  out["claims_parameter_supported"] = false;
  out["prompt_values_supported"] = words({"none", "login", "consent"});
  return out;
}

net::Reply cached(std::string body, std::string_view how) {
  auto reply = net::Reply::json_text(200, std::move(body));
  reply.with("Cache-Control", std::string(how));
  return reply;
}

}  // namespace

Task<net::Reply> metadata(Provider& provider, const net::Call& call) {
  GH_CO_TRY(auto base, provider.base_of(call.request));
  GH_CO_TRY(auto server, co_await server_of(provider, call));
  co_return cached(to_text(describe(server, provider.issuer_base(server, base))), "public, max-age=300");
}

Task<net::Reply> keys(Provider& provider, const net::Call& call) {
  GH_CO_DO(co_await server_of(provider, call));
  GH_CO_TRY(auto set, co_await provider.keys().jwks());
  // Short, so that a new key is known before it signs.
  co_return cached(to_text(set), "public, max-age=300");
}

Task<net::Reply> preflight(Provider&, const net::Call&) { co_return net::Reply::empty(204); }

}  // namespace gatehouse::idp
