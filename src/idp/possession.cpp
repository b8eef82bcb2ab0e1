#include "idp/possession.h"

#include <algorithm>

#include "core/text.h"
#include "idp/client_certificate.h"
#include "idp/profile.h"
#include "oauth/error.h"

namespace gatehouse::idp {
namespace {

using oauth::Code;

constexpr const char* kProofs = "dpop_proof";   // what has been used, among what secrets::Handles remembers

std::unexpected<Error> bad_proof(std::string why) { return oauth::refusal(Code::invalid_dpop_proof, std::move(why)); }

// The address that was called, under every name of the org: clients write the one that they were configured with.
std::vector<std::string> names_of(const Provider& provider, const net::Request& request) {
  std::vector<std::string> names;
  for (const auto& base : provider.bases()) names.push_back(base + request.path);
  for (const auto& [origin, base] : provider.certificate_aliases()) names.push_back(origin + request.path);
  return names;
}

enum class At { token_endpoint, resource };

// The key of the one proof. It is spent last: only what is otherwise good takes room.
Task<std::string> proven_key(Provider& provider, SecurityProfile profile, Shown shown, std::string token, At at) {
  if (shown.proofs == 0) co_return bad_proof("DPoP proof JWT header is missing.");
  if (shown.proofs > 1) co_return bad_proof("There is more than one DPoP proof JWT header.");
  oauth::dpop::Expect expect;
  expect.method = shown.method;
  expect.other_urls = shown.urls;
  const auto algs = allowed(profile, jose::kAsymmetricAlgs);
  expect.algs = algs;
  expect.access_token = token;
  expect.now = provider.needs().clock.now();
  expect.age_max = kProofAge;
  expect.ahead_max = provider.needs().client_skew;
  expect.iat_beside_nonce = true;
  if (at == At::token_endpoint) expect.nonces = &provider.nonces();
  auto proof = oauth::dpop::check_proof(shown.proof, expect);
  if (!proof) {
    const auto code = oauth::code_named(proof.error().code()).value_or(Code::invalid_dpop_proof);
    co_return oauth::refusal(code, proof.error().message());
  }
  auto name = oauth::dpop::replay_name(*proof);
  GH_CO_TRY(const bool first, co_await provider.needs().handles.first_use(provider.org(), kProofs, std::move(name), proof->remember_until));
  if (!first) co_return bad_proof("The DPoP proof was used before (jti).");
  co_return std::move(proof->jkt);
}

}  // namespace

Shown shown_by(const Provider& provider, const net::Request& request) {
  const auto& fields = request.fields;
  Shown shown;
  if (oauth::dpop_token(fields.only(net::Header::authorization).value_or(""))) shown.scheme = Shown::Scheme::dpop;
  shown.certificate = request.client_certificate;
  shown.proofs = static_cast<int>(std::min<std::size_t>(fields.count(net::Header::dpop), 2));
  shown.proof = fields.only(net::Header::dpop).value_or("");
  shown.method = request.method_name;
  shown.urls = names_of(provider, request);
  return shown;
}

Task<Binding> binding_for(Provider& provider, const net::Call& call, Server server, directory::App app) {
  Binding bound_to;
  if (app.certificate_bound) {
    if (call.request.client_certificate.empty())
      co_return oauth::refusal(Code::invalid_request, "The tokens of this client are bound to its certificate, and the connection has none.");
    bound_to.certificate = call.request.client_certificate;
  }
  if (!app.dpop_bound) co_return bound_to;
  auto shown = shown_by(provider, call.request);
  GH_CO_TRY(bound_to.dpop_key, co_await proven_key(provider, server.profile, std::move(shown), "", At::token_endpoint));
  co_return bound_to;
}

Task<void> check_possession(Provider& provider, SecurityProfile profile, json::object claims, std::string token, Shown shown) {
  GH_CO_DO(check_bound(claims, shown.certificate));
  const auto* confirmation = claims.if_contains("cnf");
  const auto key = confirmation == nullptr ? std::nullopt : find_string(*confirmation, "jkt");
  if (shown.scheme == Shown::Scheme::bearer) {
    if (!key) co_return Result<void>();
    co_return oauth::refusal(Code::invalid_token, "The token is bound to a key: it is sent with a proof, as Authorization: DPoP.");
  }
  if (!key) co_return oauth::refusal(Code::invalid_token, "The token is not bound to a key: it is sent as Authorization: Bearer.");
  GH_CO_TRY(const auto proven, co_await proven_key(provider, profile, std::move(shown), std::move(token), At::resource));
  if (proven != *key) co_return oauth::refusal(Code::invalid_token, "The token is bound to another key than that of the proof.");
  co_return Result<void>();
}

std::string challenge_for(const Error& error, const net::Request& request) {
  const bool dpop = oauth::dpop_token(request.fields.only(net::Header::authorization).value_or("")).has_value();
  const auto quoted = [](std::string_view name, std::string_view value) { return std::string(name) + "=\"" + std::string(value) + "\""; };
  const auto origin = request.origin();
  const auto code = oauth::code_of(error);
  std::vector<std::string> parts;
  if (dpop) parts.push_back(quoted("algs", oauth::dpop::algorithms()));
  parts.push_back(quoted("authorization_uri", origin + "/oauth2/v1/authorize"));
  parts.push_back(quoted("realm", origin));
  // oauth::refusal keeps quotes and backslashes out of the description; what is none of ours is not told.
  const bool ours = code == Code::invalid_dpop_proof || code == Code::invalid_token;
  parts.push_back(quoted("error", ours ? oauth::name_of(code) : "invalid_token"));
  parts.push_back(quoted("error_description", ours ? error.message() : "The access token is not valid."));
  parts.push_back(quoted("resource", request.path));
  return (dpop ? "DPoP " : "Bearer ") + join(parts, ", ");
}

bool is_thumbprint(std::string_view text) {
  return text.size() == 43 && std::ranges::all_of(text, [](char c) { return is_alnum(c) || c == '-' || c == '_'; });
}

}  // namespace gatehouse::idp
