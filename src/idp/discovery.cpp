#include "idp/discovery.h"

#include "idp/clients.h"
#include "idp/grants.h"
#include "idp/profile.h"
#include "idp/system_terms.h"

namespace gatehouse::idp {
namespace {

json::array words(std::initializer_list<std::string_view> list) {
  json::array out;
  for (auto word : list) out.emplace_back(word);
  return out;
}

// RFC 8414 §2: the three endpoints that clients call by themselves take the same proofs.
void describe_client_auth(Provider& provider, const Server& server, json::object& out) {
  json::array methods, algs;
  for (const auto method : client_auth_methods(provider)) {
    if (is_good_enough(server.profile, method)) methods.emplace_back(directory::name_of(method));
  }
  for (const auto alg : allowed(server.profile, assertion_algs())) algs.emplace_back(jose::name_of(alg));
  for (const std::string endpoint : {"token", "introspection", "revocation"}) {
    out[endpoint + "_endpoint_auth_methods_supported"] = methods;
    out[endpoint + "_endpoint_auth_signing_alg_values_supported"] = algs;
  }
}

json::array dpop_algs(const Server& server) {
  json::array algs;
  for (const auto alg : allowed(server.profile, jose::kAsymmetricAlgs)) algs.emplace_back(jose::name_of(alg));
  return algs;
}

// RFC 8705 §3.3 and §5.
void describe_certificates(const Provider& provider, const Server& server, const std::string& base, json::object& out) {
  const auto& taken = provider.certificates();
  if (!taken.of_authorities && !taken.self_signed) return;
  out["tls_client_certificate_bound_access_tokens"] = true;
  for (const auto& [origin, of] : provider.certificate_aliases()) {
    if (of != base) continue;
    const auto at = origin + server.path() + "/v1";
    out["mtls_endpoint_aliases"] = {{"token_endpoint", at + "/token"},
                                    {"pushed_authorization_request_endpoint", at + "/par"},
                                    {"introspection_endpoint", at + "/introspect"},
                                    {"revocation_endpoint", at + "/revoke"},
                                    {"userinfo_endpoint", at + "/userinfo"}};
    return;
  }
}

json::object describe(Provider& provider, const Server& server, const std::string& base) {
  const std::string at = base + server.path() + "/v1";
  json::array grant_types, known = words({"openid", "profile", "email", "address", "phone", "offline_access", "groups"});
  for (const auto* grant : grants())
    if (check_grant(server.profile, grant->type())) grant_types.emplace_back(grant->type());
  if (check_grant(server.profile, "implicit")) grant_types.emplace_back("implicit");   // at the authorization endpoint
  if (server.terms)
    for (const auto& scope : server.terms->scopes)
      if (scope.published && !is_oidc_scope(scope.name)) known.emplace_back(scope.name);

  json::object out;
  out["issuer"] = server.issuer(base);
  out["authorization_endpoint"] = at + "/authorize";
  out["token_endpoint"] = at + "/token";
  out["userinfo_endpoint"] = at + "/userinfo";
  out["jwks_uri"] = at + "/keys";
  out["response_types_supported"] = words({"code", "id_token", "token", "id_token token", "code id_token", "code token", "code id_token token"});
  if (server.profile != SecurityProfile::none) out["response_types_supported"] = words({"code"});
  out["response_modes_supported"] = words({"query", "fragment", "form_post", "okta_post_message", "jwt", "query.jwt", "fragment.jwt", "form_post.jwt"});
  out["grant_types_supported"] = std::move(grant_types);
  out["subject_types_supported"] = words({"public"});
  out["id_token_signing_alg_values_supported"] = words({jose::name_of(server.alg)});
  out["scopes_supported"] = std::move(known);
  out["claims_supported"] = words({"iss", "ver", "sub", "aud", "iat", "exp", "jti", "auth_time", "amr", "acr", "idp", "nonce", "name", "nickname",
                                   "preferred_username", "given_name", "middle_name", "family_name", "email", "email_verified", "profile",
                                   "zoneinfo", "locale", "phone_number", "updated_at", "at_hash", "c_hash", "groups", "sid"});
  out["code_challenge_methods_supported"] = words({"S256"});
  out["introspection_endpoint"] = at + "/introspect";
  out["pushed_authorization_request_endpoint"] = at + "/par";
  out["require_pushed_authorization_requests"] = demands_pushed_requests(server.profile);
  out["revocation_endpoint"] = at + "/revoke";
  out["end_session_endpoint"] = at + "/logout";
  describe_client_auth(provider, server, out);
  // Okta's, which wants an API token, unless clients may register themselves.
  out["registration_endpoint"] = provider.takes_registrations(server) ? at + "/register" : base + "/oauth2/v1/clients";
  describe_certificates(provider, server, base, out);
  out["introspection_signing_alg_values_supported"] = words({jose::name_of(server.alg)});
  out["dpop_signing_alg_values_supported"] = dpop_algs(server);
  out["authorization_signing_alg_values_supported"] = words({jose::name_of(server.alg)});   // JARM
  out["backchannel_logout_supported"] = true;
  out["backchannel_logout_session_supported"] = true;
  out["authorization_response_iss_parameter_supported"] = true;   // RFC 9207
  out["request_parameter_supported"] = false;
  out["request_uri_parameter_supported"] = false;
  out["claims_parameter_supported"] = true;
  out["acr_values_supported"] = words({kAcrAnyFactor, kAcrPassword});
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
  co_return cached(to_text(describe(provider, server, provider.issuer_base(server, base))), "public, max-age=300");
}

Task<net::Reply> keys(Provider& provider, const net::Call& call) {
  GH_CO_DO(co_await server_of(provider, call));
  GH_CO_TRY(auto set, co_await provider.keys().jwks());
  // Short, so that a new key is known before it signs.
  co_return cached(to_text(set), "public, max-age=300");
}

Task<net::Reply> preflight(Provider&, const net::Call&) { co_return net::Reply::empty(204); }

}  // namespace gatehouse::idp
