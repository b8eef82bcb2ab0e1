#include "oauth/params.h"

#include <algorithm>
#include <set>

#include "core/bytes.h"
#include "core/text.h"
#include "oauth/client_assertion.h"
#include "oauth/error.h"

namespace gatehouse::oauth {
namespace {

constexpr std::size_t kAuthorizationMax = 8 * 1024;

// Client ids and secrets are form-encoded inside Basic (RFC 6749 §2.3.1). Many clients skip that: what is not a
// valid escape is taken as it stands.
std::string form_decode(std::string_view text) {
  std::string spaced(text);
  std::ranges::replace(spaced, '+', ' ');
  if (auto decoded = percent_decode(spaced)) return *std::move(decoded);
  return std::string(text);
}

bool is_scheme(std::string_view authorization, std::string_view scheme) {
  return authorization.size() > scheme.size() && authorization[scheme.size()] == ' ' &&
         equal_ignoring_case(authorization.substr(0, scheme.size()), scheme);
}

Result<ClientCredentials> read_assertion(std::string_view authorization, const Params& params) {
  if (is_scheme(authorization, "Basic") || params.has("client_secret"))
    return refusal(Code::invalid_request, "Cannot supply multiple client credentials. Use one of them.");
  if (params.text("client_assertion_type") != kAssertionType)
    return refusal(Code::invalid_client, "The client_assertion_type must be " + std::string(kAssertionType) + ".");
  ClientCredentials found;
  GH_TRY(found.assertion, params.required("client_assertion"));
  GH_TRY(found.client_id, client_of_assertion(found.assertion));
  if (const auto id = params.get("client_id"); id && *id != found.client_id)
    return refusal(Code::invalid_client, "The client_id and the client_assertion name different clients.");
  found.how = Presented::assertion;
  return found;
}

}  // namespace

Result<Params> Params::of(net::Form form) {
  std::set<std::string_view> seen;
  for (const auto& [name, value] : form.fields()) {
    if (!seen.insert(name).second)
      return refusal(Code::invalid_request, "The parameter '" + name.substr(0, 64) + "' must not be included more than once.");
    if (value.size() > kParamMax)
      return refusal(Code::invalid_request, "The parameter '" + name.substr(0, 64) + "' is too long.");
  }
  return Params(std::move(form));
}

std::optional<std::string> Params::get(std::string_view name) const {
  auto value = form_.get(name);
  if (value && value->empty()) return std::nullopt;
  return value;
}

Result<std::string> Params::required(std::string_view name) const {
  if (auto value = get(name)) return *std::move(value);
  return refusal(Code::invalid_request, "The request is missing the required parameter '" + std::string(name) + "'.");
}

Result<ClientCredentials> read_credentials(std::string_view authorization, const Params& params) {
  ClientCredentials found;
  if (authorization.size() > kAuthorizationMax) return refusal(Code::invalid_client, "The Authorization header is too long.");
  if (params.has("client_assertion") || params.has("client_assertion_type")) return read_assertion(authorization, params);
  if (is_scheme(authorization, "Basic")) {
    found.basic = true;
    auto text = base64_decode(trim(authorization.substr(6)));
    if (!text || !is_utf8(*text)) return refusal(Code::invalid_client, "The Authorization header is not valid Basic authentication.");
    const auto colon = text->find(':');
    found.client_id = form_decode(std::string_view(*text).substr(0, colon));
    if (colon != std::string::npos) found.secret = Secret(form_decode(std::string_view(*text).substr(colon + 1)));
    found.how = found.secret.empty() ? Presented::id_only : Presented::secret_basic;
    if (params.has("client_secret"))
      return refusal(Code::invalid_request,
                     "Cannot supply multiple client credentials. Use either the Authorization header or the post body.");
    if (auto id = params.get("client_id"); id && *id != found.client_id)
      return refusal(Code::invalid_request, "The client_id in the Authorization header and in the body must be the same.");
  } else if (auto id = params.get("client_id")) {
    found.client_id = *std::move(id);
    if (auto secret = params.get("client_secret")) found.secret = Secret(*std::move(secret));
    found.how = found.secret.empty() ? Presented::id_only : Presented::secret_post;
  } else if (params.has("client_secret")) {
    return refusal(Code::invalid_request, "A client_secret needs a client_id.");
  }
  return found;
}

namespace {

std::optional<std::string> token_after(std::string_view scheme, std::string_view authorization) {
  if (!is_scheme(authorization, scheme)) return std::nullopt;
  const auto token = trim(authorization.substr(scheme.size() + 1));
  // b64token of RFC 6750 §2.1
  const bool plain = std::ranges::all_of(token, [](char c) { return is_alnum(c) || std::string_view("-._~+/=").contains(c); });
  if (token.empty() || token.size() > kParamMax || !plain) return std::nullopt;
  return std::string(token);
}

}  // namespace

std::optional<std::string> bearer_token(std::string_view authorization) { return token_after("Bearer", authorization); }
std::optional<std::string> dpop_token(std::string_view authorization) { return token_after("DPoP", authorization); }

}  // namespace gatehouse::oauth
