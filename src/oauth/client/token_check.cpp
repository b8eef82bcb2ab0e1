#include "oauth/client/token_check.h"

#include <algorithm>
#include <set>

#include "core/text.h"
#include "jose/flaw.h"
#include "jose/jwt.h"

namespace gatehouse::oauth::client {

namespace {

// Okta's access tokens carry no typ; RFC 9068 §2.1 says at+jwt.
const std::vector<std::string> kAccessTokenTypes{"", "JWT", "at+jwt"};
// Claims that only ID tokens and logout tokens have (OpenID Connect Core §2, §3.3.2.11; Back-Channel Logout §2.4).
constexpr std::string_view kForeignClaims[] = {"nonce", "at_hash", "c_hash", "s_hash", "events"};
bool is_not_an_access_token(const jose::Claims& claims) {
  for (const auto name : kForeignClaims)
    if (claims.has(name)) return true;
  // An access token says for what (scp, scope) or for whom (cid, client_id); an ID token says neither.
  return !claims.has("scp") && !claims.has("scope") && !claims.has("cid") && !claims.has("client_id");
}

bool looks_like_a_jwt(std::string_view token) { return std::ranges::count(token, '.') == 2 && jose::peek_header(token).has_value(); }

}  // namespace

Result<std::unique_ptr<TokenCheck>> TokenCheck::make(TokenNeeds needs, TokenRules rules) {
  if (rules.issuers.empty()) return failure(Fault::invalid, "token check: name at least one trusted issuer");
  if (rules.issuers.size() > kTrustedIssuersMax) return failure(Fault::invalid, "token check: at most 100 issuers");
  std::set<std::string> seen;
  for (const auto& trusted : rules.issuers) {
    GH_DO(check_trusted(trusted));
    if (!seen.insert(trusted.issuer).second) return failure(Fault::invalid, "issuer " + trusted.issuer + " stands there twice");
  }
  return std::unique_ptr<TokenCheck>(new TokenCheck(needs, std::move(rules)));
}

TokenCheck::TokenCheck(TokenNeeds needs, TokenRules rules) : needs_(needs), rules_(std::move(rules)), hub_(needs.issuers) {
  if (hub_ == nullptr) {
    random_ = system_random();
    own_ = std::make_unique<Issuers>(IssuersNeeds{needs_.http, needs_.clock, *random_}, rules_.cache_entries);
    hub_ = own_.get();
  }
  for (const auto& trusted : rules_.issuers) {
    issuers_.push_back(hub_->get(trusted, rules_.times));
    witnessed_.push_back(needs_.witness != nullptr && needs_.witness->knows(trusted.issuer));
  }
}

TokenFactsPtr TokenCheck::at_once(std::string_view token) {
  if (token.size() > jose::kTokenMax) return nullptr;
  auto known = proven(hub_->cache().key_of(token));
  return known.facts && judge(*known.facts, known.at) && is_vouched(*known.facts, known.at) ? std::move(known.facts) : nullptr;
}

// Cached facts of an issuer of ours that nothing has overtaken. They are still to be judged.
TokenCheck::Known TokenCheck::proven(const TokenCache::Key& key) {
  auto facts = hub_->cache().find(key, needs_.clock.now());
  if (!facts) return {};
  const auto at = place_of(*facts);
  if (!at || !still_stands(*facts, *at)) return {};
  return {std::move(facts), *at};
}

std::optional<std::size_t> TokenCheck::place_of(const TokenFacts& facts) const {
  for (std::size_t at = 0; at < issuers_.size(); ++at)
    if (issuers_[at]->number == facts.issuer) return at;
  return std::nullopt;
}

bool TokenCheck::still_stands(const TokenFacts& facts, std::size_t at) const {
  if (facts.epoch != hub_->epoch().now()) return false;
  const auto& issuer = *issuers_[at];
  if (facts.alg) {
    const auto generation = issuer.keys.generation_at_hand(needs_.clock.now());
    if (generation == 0) return false;
    if (generation != facts.key_generation.load(std::memory_order_relaxed) && !key_is_still_there(facts, issuer)) return false;
  }
  const auto version = hub_->revocations().version();
  if (version == facts.revocations.load(std::memory_order_relaxed)) return true;
  if (hub_->revocations().covers(rules_.issuers[at].issuer, facts)) return false;
  facts.revocations.store(version, std::memory_order_relaxed);
  return true;
}

// The published set changed since: what this key signed stands if the very same key is still in it.
bool TokenCheck::key_is_still_there(const TokenFacts& facts, const Issuer& issuer) const {
  const auto keys = issuer.keys.at_hand();
  if (!keys || facts.kid.empty()) return false;
  const auto found = keys->thumbprints.find(facts.kid);
  if (found == keys->thumbprints.end() || found->second != facts.key) return false;
  facts.key_generation.store(keys->generation, std::memory_order_relaxed);
  return true;
}

Task<TokenFactsPtr> TokenCheck::verify(std::string token) {
  if (token.size() > jose::kTokenMax) co_return jose::flawed(jose::Flaw::too_large);
  const auto key = hub_->cache().key_of(token);
  auto known = proven(key);
  const bool is_news = !known.facts;
  if (is_news) {
    GH_CO_TRY(auto claimed, choose(token));
    GH_CO_TRY(known, co_await learn(token, key, std::move(claimed)));
  }
  GH_CO_DO(judge(*known.facts, known.at));
  // Whom at_once() sent here asks.
  if (is_news || is_due(*known.facts, known.at)) GH_CO_DO(co_await ask_witness(std::move(token), known));
  co_return std::move(known.facts);
}

// Whose token it is, before anything else is looked at: the issuer that it names exactly, and for opaque ones the only issuer
// that can be asked. A token is never shown to an issuer that it does not name while there is a choice.
Result<TokenCheck::Claimed> TokenCheck::choose(std::string_view token) const {
  Claimed claimed;
  auto apart = jose::take_apart(token);
  if (!apart && !looks_like_a_jwt(token)) {
    std::optional<std::size_t> asked;
    for (std::size_t at = 0; at < issuers_.size(); ++at) {
      if (!issuers_[at]->introspection) continue;
      if (asked) return failure(Fault::unauthenticated, "The token does not say who issued it.");
      asked = at;
    }
    if (asked) {
      claimed.at = *asked;
      return claimed;
    }
  }
  if (!apart) return std::unexpected(std::move(apart.error()));
  GH_TRY(claimed.claims, jose::Claims::parse(apart->payload));
  const auto trusted = std::ranges::find(rules_.issuers, claimed.claims.issuer(), &TrustedIssuer::issuer);
  if (trusted == rules_.issuers.end()) return jose::flawed(jose::Flaw::wrong_issuer);   // no question leaves the house
  claimed.at = static_cast<std::size_t>(trusted - rules_.issuers.begin());
  claimed.jwt = *std::move(apart);
  return claimed;
}

// By signature or by asking; what comes back is in the cache, whatever this policy thinks of it.
Task<TokenCheck::Known> TokenCheck::learn(std::string token, TokenCache::Key key, Claimed claimed) {
  const auto at = claimed.at;
  const auto issuer = issuers_[at];
  const auto epoch = hub_->epoch().now();   // read first: what is revoked while we verify must not be cached as newer
  for (;;) {
    std::shared_ptr<TokenFacts> facts;
    if (issuer->introspection) {
      if (auto known = proven(key); known.facts && known.at == at) co_return known;   // somebody asked while we waited
      if (auto no = issuer->introspection->known(key)) co_return std::unexpected(*std::move(no));
      GH_CO_TRY(auto asked, co_await issuer->introspection->ask(key, token));
      if (!asked) continue;
      facts = *std::move(asked);
    } else {
      const auto* name = claimed.jwt->header.if_contains("kid");
      std::string kid(name == nullptr ? std::string_view() : std::string_view(name->get_string()));
      GH_CO_TRY(const auto keys, co_await issuer->keys.get_with(std::move(kid)));
      GH_CO_TRY(facts, prove(std::move(claimed), *keys));
    }
    facts->issuer = issuer->number;
    facts->epoch = epoch;
    if (hub_->revocations().covers(rules_.issuers[at].issuer, *facts)) co_return failure(Fault::unauthenticated, "The token has been revoked.");
    TokenFactsPtr kept = std::move(facts);
    hub_->cache().insert(key, kept);
    co_return Known{std::move(kept), at};
  }
}

Result<std::shared_ptr<TokenFacts>> TokenCheck::prove(Claimed claimed, const Keys& keys) const {
  // Only what is true for every policy is asked here: signature, issuer, form. The rest is judge()'s, at every use; therefore its
  // own audiences are expected of the token and time is given a margin of a century.
  jose::Expect expect;
  expect.issuer = rules_.issuers[claimed.at].issuer;
  expect.audiences = claimed.claims.texts("aud").value_or(std::vector<std::string>());
  if (expect.audiences.empty()) return jose::flawed(jose::Flaw::wrong_audience);
  expect.now = needs_.clock.now();
  expect.skew = std::chrono::years(100);
  expect.expiry = jose::Expect::Expiry::ignored;
  expect.types = kAccessTokenTypes;
  GH_TRY(auto jwt, jose::verify_jwt(*std::move(claimed.jwt), std::move(claimed.claims), keys.set, jose::kAsymmetricAlgs, expect));
  if (is_not_an_access_token(jwt.claims)) return jose::flawed(jose::Flaw::wrong_type);
  GH_TRY(auto facts, TokenFacts::of(std::move(jwt.claims)));
  facts->alg = jwt.alg;
  facts->kid = std::move(jwt.kid);
  if (const auto found = keys.thumbprints.find(facts->kid); found != keys.thumbprints.end()) facts->key = found->second;
  facts->key_generation.store(keys.generation);
  return facts;
}

Result<void> TokenCheck::judge(const TokenFacts& facts, std::size_t at) const {
  const auto& trusted = rules_.issuers[at];
  const auto now = needs_.clock.now();
  if (now >= facts.expires + rules_.skew) return jose::flawed(jose::Flaw::expired);
  if (facts.not_before && now + rules_.skew < *facts.not_before) return jose::flawed(jose::Flaw::not_yet_valid);
  if (facts.issued && now + rules_.skew < *facts.issued) return jose::flawed(jose::Flaw::issued_in_future);
  if (trusted.max_lifetime) {
    if (!facts.issued) return jose::flawed(jose::Flaw::issued_at_missing);
    if (facts.expires - *facts.issued > *trusted.max_lifetime) return failure(Fault::unauthenticated, "The token lives longer than is allowed here.");
  }
  return judge_parties(facts, trusted);
}

Result<void> TokenCheck::judge_parties(const TokenFacts& facts, const TrustedIssuer& trusted) const {
  if (facts.alg && !trusted.algorithms.empty() && std::ranges::find(trusted.algorithms, *facts.alg) == trusted.algorithms.end())
    return jose::flawed(jose::Flaw::alg_not_allowed);
  const bool trusts_the_answer = !facts.alg && facts.audiences.empty() && trusted.introspection &&
                                 trusted.introspection->missing_audience == MissingAudience::trusted;
  const bool for_us = trusts_the_answer || std::ranges::any_of(trusted.audiences, [&](const auto& ours) {
    return std::ranges::find(facts.audiences, ours) != facts.audiences.end();
  });
  if (!for_us) return jose::flawed(jose::Flaw::wrong_audience);
  if (!trusted.client_ids.empty() && std::ranges::find(trusted.client_ids, facts.client_id) == trusted.client_ids.end())
    return failure(Fault::unauthenticated, "The token belongs to a client that is not allowed here.");
  return {};
}

Millis TokenCheck::since_vouched(const TokenFacts& facts) const { return Millis(to_millis(needs_.clock.now()) - facts.vouched.load()); }

bool TokenCheck::is_due(const TokenFacts& facts, std::size_t at) const {
  if (!witnessed_[at]) return false;
  const auto age = since_vouched(facts);
  return age < Millis(0) || age >= Millis(kWitnessEvery) / 2;
}

// From half of the time on one request takes the question with it while the others go on.
bool TokenCheck::is_vouched(const TokenFacts& facts, std::size_t at) const {
  if (!is_due(facts, at)) return true;
  const auto age = since_vouched(facts);
  return age >= Millis(0) && age < kWitnessEvery && facts.being_asked.exchange(true);
}

Task<void> TokenCheck::ask_witness(std::string token, Known known) {
  if (!witnessed_[known.at]) co_return Result<void>();
  const auto key = hub_->cache().key_of(token);
  const auto asked = to_millis(needs_.clock.now());
  auto alive = co_await needs_.witness->check(std::move(token), rules_.issuers[known.at].issuer);
  if (alive) known.facts->vouched.store(asked);
  else if (alive.error().fault() == Fault::unauthenticated) hub_->cache().erase(key);
  known.facts->being_asked.store(false);
  co_return alive;
}

}  // namespace gatehouse::oauth::client
