#include "idp/profile.h"

#include <algorithm>
#include <array>

#include "oauth/error.h"

namespace gatehouse::idp {
namespace {

using directory::ClientAuth;
using oauth::Code;

constexpr std::array kStrongAlgs{jose::Alg::PS256, jose::Alg::ES256, jose::Alg::EdDSA};   // §5.4.1
constexpr std::array<std::string_view, 3> kGrants{"authorization_code", "refresh_token", "client_credentials"};

bool is_strong(ClientAuth auth) {
  switch (auth) {
    case ClientAuth::private_key_jwt:
    case ClientAuth::tls_client_auth:
    case ClientAuth::self_signed_tls: return true;
    case ClientAuth::none:
    case ClientAuth::secret_basic:
    case ClientAuth::secret_post:
    case ClientAuth::secret_jwt: return false;
  }
  return false;
}

}  // namespace

bool is_good_enough(SecurityProfile profile, ClientAuth auth) { return profile == SecurityProfile::none || is_strong(auth); }

Result<void> check_client(SecurityProfile profile, const directory::App& app) {
  if (profile == SecurityProfile::none) return {};
  if (!is_good_enough(profile, app.auth))
    return oauth::refusal(Code::unauthorized_client, "This server serves clients that prove themselves with private_key_jwt or a certificate.");
  if (!app.dpop_bound && !app.certificate_bound)
    return oauth::refusal(Code::unauthorized_client, "This server serves clients whose tokens are bound to a key or a certificate.");
  return {};
}

Result<void> check_grant(SecurityProfile profile, std::string_view grant_type) {
  if (profile == SecurityProfile::none || std::ranges::find(kGrants, grant_type) != kGrants.end()) return {};
  return oauth::refusal(Code::unsupported_grant_type, "The security profile of this server does not know this grant type.");
}

Result<void> check_request(SecurityProfile profile, const RequestShape& shape) {
  if (profile == SecurityProfile::none) return {};
  if (!shape.type.code || shape.type.front_channel())
    return oauth::refusal(Code::unsupported_response_type, "This server gives nothing but codes: response_type=code.");
  if (!shape.has_challenge) return oauth::refusal(Code::invalid_request, "PKCE code challenge is required by this server.");
  if (!shape.redirect_uri.starts_with("https://") && !shape.is_native)
    return oauth::refusal(Code::invalid_request, "This server redirects to https addresses only.");
  return {};
}

bool demands_pushed_requests(SecurityProfile profile) { return profile != SecurityProfile::none; }

bool demands_issuer_as_audience(SecurityProfile profile) { return profile != SecurityProfile::none; }

std::vector<jose::Alg> allowed(SecurityProfile profile, std::span<const jose::Alg> algs) {
  std::vector<jose::Alg> left;
  for (const auto alg : algs)
    if (profile == SecurityProfile::none || std::ranges::find(kStrongAlgs, alg) != kStrongAlgs.end()) left.push_back(alg);
  return left;
}

}  // namespace gatehouse::idp
