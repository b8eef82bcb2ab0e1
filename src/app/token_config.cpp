#include "app/token_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "core/text.h"
#include "net/url.h"

namespace gatehouse::app {
namespace {

using gateway::TokenPolicyConfig;
using oauth::client::ClientAuth;
using std::chrono::duration_cast;

const std::vector<std::string> kDpopWords{"off", "optional", "required"};
const std::vector<std::string> kAuthWords{"client_secret_basic", "client_secret_post"};
const std::vector<std::string> kAudienceWords{"required", "trusted"};
const std::vector<std::string> kOrgServerWords{"refused", "allowed"};
constexpr Seconds kWhileMax{7 * 86400};

std::optional<Seconds> read_seconds(Map& in, std::string_view key, Seconds least, Seconds most) {
  const auto time = in.duration(key, least, most);
  return time ? std::optional(duration_cast<Seconds>(*time)) : std::nullopt;
}

void check_address(Map& in, std::string_view key, const std::string& text) {
  if (!text.empty() && !net::Url::parse(text)) in.fault(key, fmt::format("'{}' is not an http or https address", text), "for example `https://id.example.com/oauth2/default`");
}

std::vector<jose::Alg> read_algorithms(Map& in) {
  std::vector<jose::Alg> algorithms;
  for (const auto& name : in.texts("algorithms")) {
    const auto alg = jose::alg_named(name);
    if (alg && !jose::is_symmetric(*alg)) algorithms.push_back(*alg);
    else in.fault("algorithms", fmt::format("'{}' is not an asymmetric algorithm", name), "write some of RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA");
  }
  return algorithms;
}

void read_introspection(Map in, TokenIssuer& issuer) {
  oauth::client::IntrospectionConfig asked;
  asked.endpoint = in.text("endpoint", "");
  check_address(in, "endpoint", asked.endpoint);
  asked.client_id = in.required_text("client_id", "gateway");
  issuer.introspection_secret = in.parsed("client_secret", secrets::Reference::parse);
  if (!in.has("client_secret")) in.fault("client_secret", "is missing", "for example `client_secret: env:INTROSPECTION_SECRET`");
  if (const auto way = in.choice("auth", kAuthWords)) asked.auth = *way == 0 ? ClientAuth::basic : ClientAuth::post;
  if (const auto time = read_seconds(in, "remember", Seconds(0), Seconds(3600))) asked.remember_yes = *time;
  if (const auto time = read_seconds(in, "remember_refusal", Seconds(0), Seconds(300))) asked.remember_no = *time;
  if (in.choice("audience", kAudienceWords) == 1u) asked.missing_audience = oauth::client::MissingAudience::trusted;
  in.done();
  issuer.trusted.introspection = std::move(asked);
}

// One issuer: an entry of `issuers`, or the keys beside one another in `token` when there is only one.
TokenIssuer read_issuer(Map& in) {
  TokenIssuer issuer;
  auto& trusted = issuer.trusted;
  trusted.issuer = in.required_text("issuer", "http://localhost:8080/oauth2/default");
  check_address(in, "issuer", trusted.issuer);
  trusted.audiences = in.texts("audience");
  if (trusted.audiences.empty()) in.fault("audience", "is missing", "for example `audience: api://default`; without it tokens meant for others would pass");
  trusted.client_ids = in.texts("clients");
  trusted.algorithms = read_algorithms(in);
  trusted.max_lifetime = read_seconds(in, "max_lifetime", Seconds(1), Seconds(30 * 86400));
  trusted.jwks_uri = in.text("jwks_uri", "");
  check_address(in, "jwks_uri", trusted.jwks_uri);
  if (in.choice("org_server", kOrgServerWords) == 1u) trusted.org_server = oauth::client::OrgServer::allowed;
  if (in.has("introspection")) read_introspection(in.map("introspection"), issuer);
  else (void)in.map("introspection");   // so that done() can suggest it
  if (trusted.introspection && !trusted.jwks_uri.empty()) in.fault("jwks_uri", "stands beside introspection", "keep one: keys are not looked at when the issuer is asked");
  // The same judgement that will be made when the gateway is built, told here where line and column are known.
  const auto fine = oauth::client::check_trusted(trusted);
  const bool told = trusted.issuer.empty() || trusted.audiences.empty() || !net::Url::parse(trusted.issuer);
  if (!fine && !told) in.fault("issuer", fine.error().message(), {});
  return issuer;
}

std::vector<TokenIssuer> read_issuers(Map& in) {
  std::vector<TokenIssuer> issuers;
  in.ask("issuers");   // so that done() can suggest it
  if (!in.has("issuers")) {
    issuers.push_back(read_issuer(in));
    return issuers;
  }
  std::set<std::string> names;
  for (auto& entry : in.maps("issuers")) {
    issuers.push_back(read_issuer(entry));
    if (!names.insert(issuers.back().trusted.issuer).second) entry.fault("issuer", "stands there twice", "one entry per issuer, with every audience in it");
    entry.done();
  }
  if (issuers.empty()) in.fault("issuers", "is empty", "name at least one issuer");
  if (issuers.size() > oauth::client::kTrustedIssuersMax) in.fault("issuers", fmt::format("has more than {} entries", oauth::client::kTrustedIssuersMax), {});
  for (const auto* key : {"issuer", "audience", "jwks_uri", "clients", "algorithms", "max_lifetime", "introspection", "org_server"})
    if (in.has(key)) in.fault(key, "stands beside issuers", "write it into the entry of its issuer");
  return issuers;
}

void read_times(Map& in, TokenAccess& access) {
  if (const auto time = in.duration("keys_fresh", Seconds(30), Seconds(86400))) access.times.fresh = *time;
  if (const auto time = in.duration("stale_while_down", Seconds(0), kWhileMax)) access.times.outage_grace = *time;
  if (const auto time = in.duration("keys_retry", Seconds(1), Seconds(300))) access.times.retry = *time;
  if (const auto time = read_seconds(in, "skew", Seconds(0), Seconds(300))) access.skew = *time;
}

}  // namespace

TokenAccess read_token_words(Map& in) {
  TokenAccess access;
  access.issuers = read_issuers(in);
  read_times(in, access);
  if (const auto mode = in.choice("dpop", kDpopWords)) access.dpop = static_cast<TokenPolicyConfig::Dpop>(*mode);
  if (in.flag("dpop_nonce") == true) access.dpop_nonce = TokenPolicyConfig::DpopNonce::required;
  if (access.dpop_nonce == TokenPolicyConfig::DpopNonce::required && access.dpop == TokenPolicyConfig::Dpop::off)
    in.fault("dpop_nonce", "has no meaning without dpop", "add `dpop: required` or `dpop: optional`");
  if (in.flag("mtls_bound") == true) access.mtls_bound = TokenPolicyConfig::CertificateBound::required;
  if (in.flag("forward_token") == false) access.forward_token = TokenPolicyConfig::ForwardToken::no;
  access.step_up.acr_values = in.texts("acr_values");
  for (const auto& value : access.step_up.acr_values)
    if (value.empty() || value.contains(' ')) in.fault("acr_values", fmt::format("'{}' is not one value", value), "write a list of words without spaces");
  access.step_up.max_age = read_seconds(in, "max_age", Seconds(1), Seconds(30 * 86400));
  return access;
}

Result<TokenPolicyConfig> token_policy_of(const TokenAccess& access, const OpenReference& open, std::vector<std::string>& peers) {
  TokenPolicyConfig policy;
  for (auto issuer : access.issuers) {
    auto& trusted = issuer.trusted;
    peers.push_back(trusted.issuer);
    if (!trusted.jwks_uri.empty()) peers.push_back(trusted.jwks_uri);
    if (trusted.introspection) {
      if (issuer.introspection_secret) {
        GH_TRY(trusted.introspection->client_secret, open(*issuer.introspection_secret));
      }
      if (!trusted.introspection->endpoint.empty()) peers.push_back(trusted.introspection->endpoint);
    }
    policy.tokens.issuers.push_back(std::move(trusted));
  }
  policy.tokens.skew = access.skew;
  policy.tokens.times = access.times;
  policy.forward_token = access.forward_token;
  policy.dpop = access.dpop;
  policy.dpop_nonce = access.dpop_nonce;
  policy.certificate_bound = access.mtls_bound;
  return policy;
}

}  // namespace gatehouse::app
