#include "gateway/token_policy.h"

#include <algorithm>

#include "core/text.h"
#include "gateway/names.h"
#include "net/form.h"

namespace gatehouse::gateway {

namespace {

using oauth::client::TokenCheck;
using oauth::client::TokenFacts;
using oauth::client::TokenFactsPtr;

bool is_b64token(std::string_view text) {
  const auto end = text.find_last_not_of('=');
  if (end == std::string_view::npos) return false;
  return std::ranges::all_of(text.substr(0, end + 1), [](char c) { return is_alnum(c) || std::string_view("-._~+/").contains(c); });
}

bool names_access_token(std::string_view query) {
  for (const auto pair : split(query, '&')) {
    const auto raw = pair.substr(0, pair.find('='));
    const auto name = percent_decode(raw);
    if (equal_ignoring_case(name ? std::string_view(*name) : raw, "access_token")) return true;
  }
  return false;
}

// RFC 9110 §5.6.4: inside a quoted string '"' and '\' are escaped. Our texts have neither; scopes and realms might.
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

struct Refusal {
  int status;
  std::string error, description;
  std::vector<std::string> scopes;
};

net::Reply answer(const std::string& realm, const Refusal& refusal) {
  auto challenge = "Bearer realm=" + quoted(realm);
  json::object body;
  // RFC 6750 §3.1: without any authentication information "the resource server SHOULD NOT include an error code".
  if (!refusal.error.empty()) {
    challenge += ", error=" + quoted(refusal.error) + ", error_description=" + quoted(refusal.description);
    body["error"] = refusal.error;
  } else {
    body["error"] = "unauthorized";
  }
  if (!refusal.scopes.empty()) challenge += ", scope=" + quoted(join(refusal.scopes, " "));
  body["error_description"] = refusal.description;
  return net::Reply::json_text(refusal.status, to_text(body))
      .with("WWW-Authenticate", std::move(challenge))
      .with("Cache-Control", "no-store");
}

class TokenPolicy final : public Policy {
 public:
  TokenPolicy(TokenPolicyConfig config, std::unique_ptr<TokenCheck> check) : config_(std::move(config)), check_(std::move(check)) {}

  std::vector<std::string> managed_headers() const override {
    std::vector<std::string> names;
    for (const auto& header : config_.headers) names.push_back(header.name);
    return names;
  }
  bool understands_scopes() const override { return true; }

  std::optional<Verdict> at_once(const net::Request& request, const Demand& demand) override {
    const auto token = bearer_of(request);
    if (!token) return refuse(token.error());
    if (auto facts = check_->at_once(*token)) return grant(std::move(facts), request, demand);
    return std::nullopt;
  }

  Task<Verdict> check(net::Exchange& exchange, const Demand& demand) override {
    const auto& request = exchange.request();
    const auto token = bearer_of(request);
    if (!token) co_return refuse(token.error());
    auto facts = co_await check_->verify(std::string(*token));
    if (facts) co_return grant(*std::move(facts), request, demand);
    // An issuer that cannot be reached is not the caller's fault: 503 tells them to try again, 401 to throw the token away.
    if (facts.error().fault() == Fault::upstream || facts.error().fault() == Fault::internal)
      co_return std::unexpected(std::move(facts.error()));
    exchange.log().info("gateway.token_refused", {{"why", facts.error().message()}, {"route", demand.route}});
    co_return answer(config_.realm, Refusal{401, "invalid_token", facts.error().message(), {}});
  }

 private:
  Verdict refuse(const Error& error) const {
    if (error.fault() == Fault::unauthenticated) return answer(config_.realm, Refusal{401, "", error.message(), {}});
    return answer(config_.realm, Refusal{400, "invalid_request", error.message(), {}});
  }

  Verdict grant(TokenFactsPtr facts, const net::Request& request, const Demand& demand) const {
    const auto needed = scopes_for(demand.scopes, request.method_name);
    if (!needed) return answer(config_.realm, Refusal{403, "insufficient_scope", "No scope allows this method here.", {}});
    if (!std::ranges::all_of(*needed, [&](const auto& scope) { return facts->has_scope(scope); }))
      return answer(config_.realm, Refusal{403, "insufficient_scope", "The token lacks a scope that this request needs.", *needed});

    Pass pass;
    if (!config_.headers.empty())
      pass.header_lines = std::make_shared<const std::string>(identity_lines(config_.headers, facts->claims.object()));
    pass.who = facts->subject;
    pass.shown = Pass::Shown::token;
    pass.valid_until = facts->expires;
    pass.authorization = config_.forward_token == TokenPolicyConfig::ForwardToken::yes ? Pass::Authorization::keep
                                                                                      : Pass::Authorization::remove;
    const auto* claims = &facts->claims.object();
    pass.attributes = std::shared_ptr<const json::object>(std::move(facts), claims);
    return pass;
  }

  TokenPolicyConfig config_;
  std::unique_ptr<TokenCheck> check_;
};

Result<void> validate(const TokenPolicyConfig& config) {
  if (config.headers.size() > kInjectionsMax) return failure(Fault::invalid, "policy " + config.name + ": at most 64 headers");
  for (const auto& header : config.headers)
    if (!is_field_name(header.name) || header.claim.empty() || header.separator.empty())
      return failure(Fault::invalid, "policy " + config.name + ": an identity header has a name, a claim and a separator");
  if (!is_safe_value(config.realm)) return failure(Fault::invalid, "policy " + config.name + ": realm has control characters");
  return {};
}

}  // namespace

Result<std::string_view> bearer_of(const net::Request& request) {
  // CVE class of Kong/kong#9946: two tokens, and two readers that choose differently. One place, one token.
  if (names_access_token(request.query))
    return failure(Fault::invalid, "Send the token in the Authorization header, not in the address.");
  const auto count = request.fields.count(net::Header::authorization);
  if (count == 0) return failure(Fault::unauthenticated, "This API needs an access token: Authorization: Bearer <token>");
  if (count > 1) return failure(Fault::invalid, "There is more than one Authorization header.");
  const auto value = trim(*request.fields.only(net::Header::authorization));
  const auto space = value.find(' ');
  if (!equal_ignoring_case(value.substr(0, space), "Bearer"))
    return failure(Fault::unauthenticated, "This API needs an access token: Authorization: Bearer <token>");
  const auto token = space == std::string_view::npos ? std::string_view() : trim(value.substr(space));
  if (!is_b64token(token)) return failure(Fault::invalid, "The Authorization header does not hold one bearer token.");
  return token;
}

std::optional<std::vector<std::string>> scopes_for(const std::vector<ScopeRule>& rules, std::string_view method) {
  std::vector<std::string> needed;
  if (rules.empty()) return needed;
  bool covered = false;
  for (const auto& rule : rules) {
    if (!rule.methods.empty() && std::ranges::find(rule.methods, method) == rule.methods.end()) continue;
    covered = true;
    needed.insert(needed.end(), rule.scopes.begin(), rule.scopes.end());
  }
  return covered ? std::optional(needed) : std::nullopt;
}

Result<std::unique_ptr<Policy>> make_token_policy(oauth::client::TokenNeeds needs, TokenPolicyConfig config) {
  GH_DO(validate(config));
  auto check = TokenCheck::make(needs, config.tokens);
  if (!check) return std::unexpected(std::move(check.error()).while_doing("policy " + config.name));
  return std::make_unique<TokenPolicy>(std::move(config), *std::move(check));
}

}  // namespace gatehouse::gateway
