#include "gateway/challenge.h"

#include <set>

#include "core/text.h"

namespace gatehouse::gateway {

namespace {

using Dpop = TokenPolicyConfig::Dpop;

// RFC 9110 §5.6.4: inside a quoted string '"' and '\' are escaped. Our texts have neither; scopes and realms might.
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

std::string_view path_part(const Demand& demand) { return demand.path == "/" ? std::string_view() : std::string_view(demand.path); }

std::string challenge_of(Scheme scheme, const Challenger& who, const std::string& metadata, const Refusal& refusal) {
  auto text = (scheme == Scheme::dpop ? "DPoP realm=" : "Bearer realm=") + quoted(who.realm);
  if (scheme == Scheme::dpop) text += ", algs=" + quoted(oauth::dpop::algorithms());
  // RFC 6750 §3.1: without any authentication information "the resource server SHOULD NOT include an error code".
  if (!refusal.error.empty() && scheme == refusal.scheme) {
    text += ", error=" + quoted(refusal.error) + ", error_description=" + quoted(refusal.description);
    if (refusal.step_up != nullptr && !refusal.step_up->acr_values.empty()) text += ", acr_values=" + quoted(join(refusal.step_up->acr_values, " "));
    if (refusal.step_up != nullptr && refusal.step_up->max_age) text += ", max_age=" + quoted(std::to_string(refusal.step_up->max_age->count()));
  }
  if (!refusal.scopes.empty()) text += ", scope=" + quoted(join(refusal.scopes, " "));
  return text + ", resource_metadata=" + quoted(metadata);
}

json::array list_of(const std::vector<std::string>& texts) {
  json::array list;
  for (const auto& text : texts) list.emplace_back(text);
  return list;
}

}  // namespace

net::Reply refusal_reply(const Challenger& who, const net::Request& request, const Demand& demand, const Refusal& refusal) {
  json::object body;
  body["error"] = refusal.error.empty() ? "unauthorized" : refusal.error;
  body["error_description"] = refusal.description;
  auto reply = net::Reply::json_text(refusal.status, to_text(body));
  const auto metadata = metadata_url(request, demand);
  if (who.dpop != Dpop::required) reply.with("WWW-Authenticate", challenge_of(Scheme::bearer, who, metadata, refusal));
  if (who.dpop != Dpop::off) reply.with("WWW-Authenticate", challenge_of(Scheme::dpop, who, metadata, refusal));
  reply.with("Cache-Control", "no-store");
  return reply;
}

std::string metadata_url(const net::Request& request, const Demand& demand) {
  return request.origin().append(kResourceMetadataPath).append(path_part(demand));
}

net::Reply metadata_reply(const TokenPolicyConfig& config, const net::Request& request, const Demand& demand) {
  json::object about;
  about["resource"] = request.origin().append(path_part(demand));
  json::array issuers;
  for (const auto& trusted : config.tokens.issuers) issuers.emplace_back(trusted.issuer);
  about["authorization_servers"] = std::move(issuers);
  std::set<std::string> scopes;
  for (const auto& rule : demand.scopes) scopes.insert(rule.scopes.begin(), rule.scopes.end());
  if (!scopes.empty()) about["scopes_supported"] = list_of({scopes.begin(), scopes.end()});
  about["bearer_methods_supported"] = json::array{"header"};
  about["resource_name"] = config.realm;
  if (config.dpop != Dpop::off) {
    about["dpop_signing_alg_values_supported"] = list_of(split_words(oauth::dpop::algorithms()));
    about["dpop_bound_access_tokens_required"] = config.dpop == Dpop::required;
  }
  if (config.certificate_bound == TokenPolicyConfig::CertificateBound::required) about["tls_client_certificate_bound_access_tokens"] = true;
  return net::Reply::json_text(200, to_text(about)).with("Cache-Control", "public, max-age=300");
}

}  // namespace gatehouse::gateway
