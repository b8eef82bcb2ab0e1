#include "oauth/client/token_check.h"

#include <algorithm>
#include <set>

#include "jose/flaw.h"
#include "jose/jwt.h"

namespace gatehouse::oauth::client {

namespace {

// Okta's access tokens carry no typ; RFC 9068 §2.1 says at+jwt.
const std::vector<std::string> kAccessTokenTypes{"", "JWT", "at+jwt"};
// Claims that only ID tokens and logout tokens have (OpenID Connect Core §2, §3.3.2.11; Back-Channel Logout §2.4).
constexpr std::string_view kForeignClaims[] = {"nonce", "at_hash", "c_hash", "s_hash", "events"};

Result<void> check_issuer(const TrustedIssuer& trusted) {
  auto url = net::Url::parse(trusted.issuer);
  if (!url) return failure(Fault::invalid, "issuer: \"" + trusted.issuer + "\" is not an http(s) address");
  if (trusted.audiences.empty() || std::ranges::find(trusted.audiences, "") != trusted.audiences.end())
    return failure(Fault::invalid, "issuer " + trusted.issuer +
                                       ": name at least one audience; without it every token of this issuer would be accepted, "
                                       "also those meant for others");
  const bool org_server = url->path == "/" && !url->has_query;
  if (org_server && trusted.org_server == OrgServer::refused)
    return failure(Fault::invalid, "issuer " + trusted.issuer +
                                       ": this is an org authorization server; its access tokens are opaque and must not be "
                                       "validated locally. Use a custom one (…/oauth2/default), or allow it explicitly");
  return {};
}

bool is_not_an_access_token(const jose::Jwt& jwt) {
  for (const auto name : kForeignClaims)
    if (jwt.claims.has(name)) return true;
  // An access token says for what (scp, scope) or for whom (cid, client_id); an ID token says neither.
  return !jwt.claims.has("scp") && !jwt.claims.has("scope") && !jwt.claims.has("cid") && !jwt.claims.has("client_id");
}

}  // namespace

Result<std::unique_ptr<TokenCheck>> TokenCheck::make(TokenNeeds needs, TokenRules rules) {
  if (rules.issuers.empty()) return failure(Fault::invalid, "token check: name at least one trusted issuer");
  if (rules.issuers.size() > kTrustedIssuersMax) return failure(Fault::invalid, "token check: at most 100 issuers");
  std::set<std::string> seen;
  for (const auto& trusted : rules.issuers) {
    GH_DO(check_issuer(trusted));
    if (!seen.insert(trusted.issuer).second) return failure(Fault::invalid, "issuer " + trusted.issuer + " stands there twice");
  }
  return std::unique_ptr<TokenCheck>(new TokenCheck(needs, std::move(rules)));
}

TokenCheck::TokenCheck(TokenNeeds needs, TokenRules rules)
    : needs_(needs), rules_(std::move(rules)), cache_(rules_.cache_entries) {
  for (const auto& trusted : rules_.issuers)
    issuers_.push_back(std::make_unique<Issuer>(needs_, trusted.issuer, rules_.times));
}

TokenFactsPtr TokenCheck::at_once(std::string_view token) {
  auto facts = proven(token);
  return facts && is_vouched(*facts) ? facts : nullptr;
}

TokenFactsPtr TokenCheck::proven(std::string_view token) {
  if (token.size() > jose::kTokenMax) return nullptr;
  auto facts = cache_.find(TokenCache::key_of(token), needs_.clock.now());
  if (!facts || facts->epoch != epoch_.now()) return nullptr;
  const auto keys = issuers_[facts->issuer]->keys.at_hand();
  if (!keys || keys->generation != facts->key_generation) return nullptr;
  return judge(*facts) ? facts : nullptr;
}

Task<TokenFactsPtr> TokenCheck::verify(std::string token) {
  if (auto facts = proven(token)) {
    if (is_due(*facts)) GH_CO_DO(co_await ask_witness(token, facts));   // whom at_once() sent here asks
    co_return facts;
  }
  const auto epoch = epoch_.now();   // read first: what is revoked while we verify must not be cached as newer

  GH_CO_TRY(auto header, jose::peek_header(token));
  GH_CO_TRY(auto payload, jose::peek_payload(token));
  GH_CO_TRY(auto claimed, jose::Claims::parse(payload));
  const auto named = claimed.issuer();
  const auto trusted = std::ranges::find(rules_.issuers, named, &TrustedIssuer::issuer);
  if (trusted == rules_.issuers.end()) co_return jose::flawed(jose::Flaw::wrong_issuer);   // no question leaves the house
  const auto issuer = static_cast<std::size_t>(trusted - rules_.issuers.begin());

  std::string kid;
  if (const auto* text = header.if_contains("kid"); text != nullptr && text->is_string()) kid = text->get_string();
  GH_CO_TRY(auto keys, co_await issuers_[issuer]->keys.get_with(std::move(kid)));
  GH_CO_TRY(auto facts, prove(token, issuer, *keys, epoch));
  GH_CO_DO(judge(*facts));
  GH_CO_DO(co_await ask_witness(token, facts));
  cache_.insert(TokenCache::key_of(token), facts);
  co_return facts;
}

bool TokenCheck::has_witness(const TokenFacts& facts) const {
  return needs_.witness != nullptr && needs_.witness->knows(issuer_of(facts));
}

Millis TokenCheck::since_vouched(const TokenFacts& facts) const { return Millis(to_millis(needs_.clock.now()) - facts.vouched.load()); }

bool TokenCheck::is_due(const TokenFacts& facts) const {
  const auto age = since_vouched(facts);
  return has_witness(facts) && (age < Millis(0) || age >= Millis(kWitnessEvery) / 2);
}

// From half of the time on one request takes the question with it while the others go on.
bool TokenCheck::is_vouched(const TokenFacts& facts) const {
  if (!is_due(facts)) return true;
  const auto age = since_vouched(facts);
  return age >= Millis(0) && age < kWitnessEvery && facts.being_asked.exchange(true);
}

Task<void> TokenCheck::ask_witness(std::string token, TokenFactsPtr facts) {
  if (!has_witness(*facts)) co_return Result<void>();
  const auto key = TokenCache::key_of(token);
  const auto asked = to_millis(needs_.clock.now());
  auto alive = co_await needs_.witness->check(std::move(token), issuer_of(*facts));
  if (alive) facts->vouched.store(asked);
  else if (alive.error().fault() == Fault::unauthenticated) cache_.erase(key);
  facts->being_asked.store(false);
  co_return alive;
}

Result<TokenFactsPtr> TokenCheck::prove(std::string_view token, std::size_t issuer, const Keys& keys, std::uint64_t epoch) const {
  const auto& trusted = rules_.issuers[issuer];
  jose::Expect expect;
  expect.issuer = trusted.issuer;
  expect.audiences = trusted.audiences;
  expect.now = needs_.clock.now();
  expect.skew = rules_.skew;
  expect.types = kAccessTokenTypes;
  GH_TRY(auto jwt, jose::verify_jwt(token, keys.set, jose::kAsymmetricAlgs, expect));
  if (is_not_an_access_token(jwt)) return jose::flawed(jose::Flaw::wrong_type);

  auto facts = std::make_shared<TokenFacts>();
  facts->issuer = issuer;
  facts->subject = jwt.claims.subject();
  facts->client_id = jwt.claims.text("cid").value_or(jwt.claims.text("client_id").value_or(""));
  facts->id = jwt.claims.text("jti").value_or("");
  facts->audiences = jwt.claims.texts("aud").value_or(std::vector<std::string>());
  facts->scopes = jwt.claims.scopes();
  std::ranges::sort(facts->scopes);
  facts->expires = jwt.claims.time("exp").value_or(Timestamp());
  facts->not_before = jwt.claims.time("nbf");
  facts->claims = std::move(jwt.claims);
  facts->key_generation = keys.generation;
  facts->epoch = epoch;
  return facts;
}

Result<void> TokenCheck::judge(const TokenFacts& facts) const {
  const auto& trusted = rules_.issuers[facts.issuer];
  const auto now = needs_.clock.now();
  if (now >= facts.expires + rules_.skew) return jose::flawed(jose::Flaw::expired);
  if (facts.not_before && now + rules_.skew < *facts.not_before) return jose::flawed(jose::Flaw::not_yet_valid);
  const bool for_us = std::ranges::any_of(trusted.audiences, [&](const auto& ours) {
    return std::ranges::find(facts.audiences, ours) != facts.audiences.end();
  });
  if (!for_us) return jose::flawed(jose::Flaw::wrong_audience);
  if (!trusted.client_ids.empty() && std::ranges::find(trusted.client_ids, facts.client_id) == trusted.client_ids.end())
    return failure(Fault::unauthenticated, "The token belongs to a client that is not allowed here.");
  return {};
}

}  // namespace gatehouse::oauth::client
