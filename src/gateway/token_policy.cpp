#include "gateway/token_policy.h"

#include <algorithm>
#include <array>

#include "core/text.h"
#include "gateway/challenge.h"
#include "gateway/names.h"

namespace gatehouse::gateway {

namespace {

using oauth::client::TokenCheck;
using oauth::client::TokenFacts;
using oauth::client::TokenFactsPtr;
using Dpop = TokenPolicyConfig::Dpop;

constexpr std::string_view kInvalidToken = "invalid_token";

bool names_access_token(std::string_view query) {
  constexpr std::string_view kName = "access_token";
  while (!query.empty()) {
    const auto pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), pair.size() + 1));
    const auto raw = pair.substr(0, pair.find('='));
    if (raw.size() < kName.size()) continue;
    if (!raw.contains('%')) {
      if (equal_ignoring_case(raw, kName)) return true;
    } else if (const auto name = percent_decode(raw); name && equal_ignoring_case(*name, kName)) {
      return true;
    }
  }
  return false;
}

// The same headers get the same number, also after a reload: what was made of a token's claims is found again.
std::uint64_t kind_of(const std::vector<IdentityHeader>& headers) {
  json::array parts;
  for (const auto& header : headers) {
    parts.emplace_back(header.name);
    parts.emplace_back(header.claim);
    parts.emplace_back(header.separator);
  }
  return crypto::siphash128({}, to_text(parts)).low;
}

enum class Scopes { enough, lacking, uncovered };

Scopes compare_scopes(const TokenFacts& facts, const std::vector<ScopeRule>& rules, std::string_view method) {
  if (rules.empty()) return Scopes::enough;
  bool covered = false, enough = true;
  for (const auto& rule : rules) {
    if (!rule.methods.empty() && std::ranges::find(rule.methods, method) == rule.methods.end()) continue;
    covered = true;
    for (const auto& scope : rule.scopes) enough = enough && facts.has_scope(scope);
  }
  if (!covered) return Scopes::uncovered;
  return enough ? Scopes::enough : Scopes::lacking;
}

class TokenPolicy final : public Policy {
 public:
  TokenPolicy(TokenPolicyConfig config, std::unique_ptr<TokenCheck> check, Proofs proofs)
      : config_(std::move(config)), check_(std::move(check)), proofs_(proofs), who_{config_.realm, config_.dpop}, header_kind_(kind_of(config_.headers)) {}

  std::vector<std::string> managed_headers() const override {
    std::vector<std::string> names;
    for (const auto& header : config_.headers) names.push_back(header.name);
    return names;
  }
  bool understands_scopes() const override { return true; }
  bool understands_step_up() const override { return true; }
  std::string_view kind() const override { return "token"; }

  Task<net::Reply> step_up(net::Exchange& exchange, const Demand& demand, policy::StepUp wanted) override {
    auto asked = demand;
    asked.step_up = std::move(wanted);
    auto reply = challenge(exchange.request(), asked);
    if (!reply) co_return failure(Fault::internal, "no challenge for a new proof");
    co_return *std::move(reply);
  }

  Result<Verdict> imagine(const net::Request& request, const Demand& demand, std::shared_ptr<const json::object> claims) override {
    auto facts = std::make_shared<TokenFacts>();
    GH_TRY(facts->claims, jose::Claims::parse(to_text(*claims)));
    facts->subject = find_string(*claims, "sub").value_or("");
    facts->scopes = find_strings(*claims, "scp");
    if (facts->scopes.empty()) facts->scopes = split_words(find_string(*claims, "scope").value_or(""));
    std::ranges::sort(facts->scopes);
    facts->acr = find_string(*claims, "acr").value_or("");
    if (const auto at = find_int(*claims, "auth_time")) facts->auth_time = from_seconds(*at);
    return grant(std::move(facts), request, demand, Scheme::bearer);
  }

  // The hot path: a bearer token that was seen before. No allocation, no system call.
  std::optional<Verdict> at_once(const net::Request& request, const Demand& demand) override {
    const auto sent = credentials_of(request);
    if (!sent) return refuse(request, demand, sent.error());
    if (sent->scheme == Scheme::dpop || config_.dpop == Dpop::required) return std::nullopt;
    auto facts = check_->at_once(sent->token);
    if (!facts || !facts->key_thumbprint.empty()) return std::nullopt;
    if (auto wrong = check_certificate(*facts, request)) return reply(request, demand, *wrong);
    return grant(std::move(facts), request, demand, Scheme::bearer);
  }

  Task<Verdict> check(net::Exchange& exchange, const Demand& demand) override {
    const auto& request = exchange.request();
    const auto sent = credentials_of(request);
    if (!sent) co_return refuse(request, demand, sent.error());
    if (auto wrong = check_scheme(*sent)) co_return reply(request, demand, *wrong);
    auto verified = co_await check_->verify(std::string(sent->token));
    if (!verified && verified.error().fault() != Fault::unauthenticated) co_return std::unexpected(own_fault(std::move(verified.error())));
    std::optional<Refusal> wrong;
    if (!verified) {
      wrong = Refusal{.error = std::string(kInvalidToken), .description = verified.error().message(), .scopes = {}, .scheme = sent->scheme};
    } else {
      wrong = check_certificate(**verified, request);
      if (!wrong) {
        GH_CO_TRY(wrong, co_await check_proof(request, *sent, *verified));
      }
    }
    if (!wrong) co_return grant(*std::move(verified), request, demand, sent->scheme);
    exchange.log().info("gateway.token_refused", {{"error", wrong->error}, {"why", wrong->description}, {"route", demand.route}});
    co_return reply(request, demand, *wrong);
  }

  std::optional<net::Reply> challenge(const net::Request& request, const Demand& demand) const override {
    const auto sent = credentials_of(request);
    return reply(request, demand, step_up_refusal(demand, sent ? sent->scheme : Scheme::bearer));
  }
  std::optional<net::Reply> resource_metadata(const net::Request& request, const Demand& demand) const override {
    return metadata_reply(config_, request, demand);
  }

 private:
  // An issuer that cannot be reached or that talks nonsense is not the caller's fault: 503 tells them to try again, 401 to throw
  // the token away.
  static Error own_fault(Error error) {
    if (error.fault() == Fault::internal || error.fault() == Fault::limited) return error;
    return Error(Fault::upstream, error.message()).while_doing(error.trail());
  }

  net::Reply reply(const net::Request& request, const Demand& demand, const Refusal& refusal) const {
    auto out = refusal_reply(who_, request, demand, refusal);
    if (config_.dpop_nonce == TokenPolicyConfig::DpopNonce::required) out.with("DPoP-Nonce", proofs_.nonces->make(check_->clock().now()));
    return out;
  }
  net::Reply refuse(const net::Request& request, const Demand& demand, const Error& error) const {
    if (error.fault() == Fault::unauthenticated) return reply(request, demand, Refusal{.error = {}, .description = error.message(), .scopes = {}});
    return reply(request, demand, Refusal{.status = 400, .error = "invalid_request", .description = error.message(), .scopes = {}});
  }

  // Before anybody is asked about the token.
  std::optional<Refusal> check_scheme(const Credentials& sent) const {
    if (!is_b64token(sent.token))
      return Refusal{.status = 400, .error = "invalid_request", .description = "The Authorization header does not hold one token.", .scopes = {}, .scheme = sent.scheme};
    if (sent.scheme == Scheme::dpop && config_.dpop == Dpop::off)
      return Refusal{.error = {}, .description = "This API takes bearer tokens: Authorization: Bearer <token>", .scopes = {}};
    if (sent.scheme == Scheme::bearer && config_.dpop == Dpop::required)
      return Refusal{.error = std::string(kInvalidToken), .description = "This API takes tokens with a proof only: Authorization: DPoP <token>",
                     .scopes = {}, .scheme = Scheme::dpop};
    return std::nullopt;
  }

  // RFC 8705 §3. The thumbprint is of the connection that the request came by, never of a header.
  std::optional<Refusal> check_certificate(const TokenFacts& facts, const net::Request& request) const {
    const auto wrong = [&](const char* why) {
      const auto scheme = config_.dpop == Dpop::required ? Scheme::dpop : Scheme::bearer;
      return Refusal{.error = std::string(kInvalidToken), .description = why, .scopes = {}, .scheme = scheme};
    };
    if (facts.certificate_thumbprint.empty()) {
      if (config_.certificate_bound == TokenPolicyConfig::CertificateBound::optional) return std::nullopt;
      return wrong("This API takes tokens that are bound to a client certificate.");
    }
    if (facts.certificate_thumbprint == request.client_certificate) return std::nullopt;
    return wrong("The token is bound to a client certificate, which this connection does not have.");
  }

  // RFC 9449 §7: a bound token with its proof, an unbound one as bearer, and nothing in between.
  Task<std::optional<Refusal>> check_proof(const net::Request& request, Credentials sent, TokenFactsPtr facts) const {
    const auto wrong = [&](std::string_view error, std::string description) {
      const auto scheme = config_.dpop == Dpop::off ? Scheme::bearer : Scheme::dpop;
      return std::optional(Refusal{.error = std::string(error), .description = std::move(description), .scopes = {}, .scheme = scheme});
    };
    if (sent.scheme == Scheme::bearer) {
      if (facts->key_thumbprint.empty()) co_return std::nullopt;
      co_return wrong(kInvalidToken, "The token is bound to a key: send it with a proof, Authorization: DPoP <token>");
    }
    if (facts->key_thumbprint.empty()) co_return wrong(kInvalidToken, "The token is not bound to a key.");
    const auto header = request.fields.only(net::Header::dpop);
    if (!header) co_return wrong(oauth::dpop::kInvalidProof, "The request needs one DPoP header with a proof.");
    oauth::dpop::Expect expect;
    expect.method = request.method_name;
    expect.url = request.origin() + request.path;
    expect.access_token = sent.token;
    expect.now = check_->clock().now();
    if (config_.dpop_nonce == TokenPolicyConfig::DpopNonce::required) expect.nonces = proofs_.nonces;
    auto proof = oauth::dpop::check_proof(*header, expect);
    if (!proof) co_return wrong(proof.error().code(), proof.error().message());
    if (proof->jkt != facts->key_thumbprint) co_return wrong(kInvalidToken, "The token is bound to another key than the proof.");
    auto name = oauth::dpop::replay_name(*proof);
    GH_CO_TRY(const bool is_new, co_await proofs_.replays->is_new(std::move(name), proof->remember_until, expect.now));
    if (!is_new) co_return wrong(oauth::dpop::kInvalidProof, "The DPoP proof was used before (jti).");
    co_return std::nullopt;
  }

  static Refusal step_up_refusal(const Demand& demand, Scheme scheme) {
    return Refusal{.error = "insufficient_user_authentication", .description = "Signing in again, or more strongly, is needed for this.",
                   .scopes = {}, .scheme = scheme, .step_up = &demand.step_up};
  }
  bool signed_in_well_enough(const TokenFacts& facts, const StepUp& wanted) const {
    if (!wanted.acr_values.empty() && (facts.acr.empty() || std::ranges::find(wanted.acr_values, facts.acr) == wanted.acr_values.end())) return false;
    if (!wanted.max_age) return true;
    return facts.auth_time && check_->clock().now() <= *facts.auth_time + *wanted.max_age + check_->skew();
  }

  Verdict grant(TokenFactsPtr facts, const net::Request& request, const Demand& demand, Scheme scheme) const {
    const auto scopes = compare_scopes(*facts, demand.scopes, request.method_name);
    if (scopes == Scopes::uncovered)
      return reply(request, demand, Refusal{.status = 403, .error = "insufficient_scope", .description = "No scope allows this method here.", .scopes = {}, .scheme = scheme});
    if (scopes == Scopes::lacking)
      return reply(request, demand, Refusal{.status = 403, .error = "insufficient_scope", .description = "The token lacks a scope that this request needs.",
                                            .scopes = *scopes_for(demand.scopes, request.method_name), .scheme = scheme});
    if (!signed_in_well_enough(*facts, demand.step_up)) return reply(request, demand, step_up_refusal(demand, scheme));

    Pass pass;
    if (!config_.headers.empty()) pass.header_lines = header_lines(facts);
    pass.who = facts->subject;
    pass.shown = Pass::Shown::token;
    pass.valid_until = facts->expires;
    pass.authorization = config_.forward_token == TokenPolicyConfig::ForwardToken::yes ? Pass::Authorization::keep
                                                                                      : Pass::Authorization::remove;
    const auto* claims = &facts->claims.object();
    pass.attributes = std::shared_ptr<const json::object>(std::move(facts), claims);
    return pass;
  }

  // Made once per token and kept with it.
  std::shared_ptr<const std::string> header_lines(const TokenFactsPtr& facts) const {
    const auto* known = facts->header_block(header_kind_);
    if (known == nullptr) known = facts->header_block(header_kind_, [&] { return identity_lines(config_.headers, facts->claims.object()); });
    if (known == nullptr) return std::make_shared<const std::string>(identity_lines(config_.headers, facts->claims.object()));
    return {facts, known};
  }

  TokenPolicyConfig config_;
  std::unique_ptr<TokenCheck> check_;
  Proofs proofs_;
  Challenger who_;
  std::uint64_t header_kind_;
};

Result<void> validate(const TokenPolicyConfig& config, const Proofs& proofs) {
  if (config.headers.size() > kInjectionsMax) return failure(Fault::invalid, "policy " + config.name + ": at most 64 headers");
  for (const auto& header : config.headers)
    if (!is_field_name(header.name) || header.claim.empty() || header.separator.empty())
      return failure(Fault::invalid, "policy " + config.name + ": an identity header has a name, a claim and a separator");
  if (!is_safe_value(config.realm)) return failure(Fault::invalid, "policy " + config.name + ": realm has control characters");
  const bool wants_nonce = config.dpop_nonce == TokenPolicyConfig::DpopNonce::required;
  if (wants_nonce && config.dpop == Dpop::off) return failure(Fault::invalid, "policy " + config.name + ": a nonce for DPoP, which is off");
  if ((config.dpop != Dpop::off && proofs.replays == nullptr) || (wants_nonce && proofs.nonces == nullptr))
    return failure(Fault::internal, "policy " + config.name + ": nothing to remember DPoP proofs with");
  return {};
}

}  // namespace

// RFC 6750 §2.1. A table: tokens have a thousand characters.
bool is_b64token(std::string_view text) {
  static constexpr auto kMayStandThere = [] {
    std::array<bool, 256> table{};
    for (unsigned c = 0; c < table.size(); ++c) table[c] = is_alnum(static_cast<char>(c)) || std::string_view("-._~+/").contains(static_cast<char>(c));
    return table;
  }();
  const auto end = text.find_last_not_of('=');
  if (end == std::string_view::npos) return false;
  return std::ranges::all_of(text.substr(0, end + 1), [](char c) { return kMayStandThere[static_cast<unsigned char>(c)]; });
}

Result<Credentials> credentials_of(const net::Request& request) {
  // CVE class of Kong/kong#9946: two tokens, and two readers that choose differently. One place, one token.
  if (request.has_query && names_access_token(request.query))
    return failure(Fault::invalid, "Send the token in the Authorization header, not in the address.");
  const auto value = request.fields.only(net::Header::authorization);
  if (!value && request.fields.has(net::Header::authorization)) return failure(Fault::invalid, "There is more than one Authorization header.");
  const auto text = value ? trim(*value) : std::string_view();
  const auto space = text.find(' ');
  const auto scheme = text.substr(0, space);
  const bool dpop = equal_ignoring_case(scheme, "DPoP");
  if (!dpop && !equal_ignoring_case(scheme, "Bearer"))
    return failure(Fault::unauthenticated, "This API needs an access token: Authorization: Bearer <token>");
  const auto token = space == std::string_view::npos ? std::string_view() : trim(text.substr(space));
  return Credentials{dpop ? Scheme::dpop : Scheme::bearer, token};
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

Result<std::unique_ptr<Policy>> make_token_policy(oauth::client::TokenNeeds needs, TokenPolicyConfig config, Proofs proofs) {
  GH_DO(validate(config, proofs));
  auto check = TokenCheck::make(needs, config.tokens);
  if (!check) return std::unexpected(std::move(check.error()).while_doing("policy " + config.name));
  return std::make_unique<TokenPolicy>(std::move(config), *std::move(check), proofs);
}

}  // namespace gatehouse::gateway
