// Access tokens of trusted issuers, verified here (RFC 9068, RFC 8725, Okta's rules for custom authorization servers) or by
// asking (RFC 7662). Signature by the key's own algorithm, issuer exact and bound to its keys, audience mandatory, expiry, no
// ID tokens. Which scopes a route needs and whether a bound token is in the right hands is the caller's question.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "oauth/client/issuers.h"

namespace gatehouse::oauth::client {

struct TokenRules {
  std::vector<TrustedIssuer> issuers;
  Seconds skew{30};                        // for exp, nbf and iat
  std::size_t cache_entries = kTokenCacheEntries;   // of the check's own cache, when it shares none
  KeptTimes times;
};

// An issuer that is near enough to be asked at every turn: our own org. A signature outlives a revocation and a deactivated
// user; the witness does not. Usable from any thread.
class TokenWitness {
 public:
  virtual ~TokenWitness() = default;
  virtual bool knows(std::string_view issuer) const = 0;
  // Fault::unauthenticated: the token stands no more. Other faults refuse the request as well, but say that it is not its fault.
  virtual Task<void> check(std::string token, std::string issuer) = 0;
};
inline constexpr Seconds kWitnessEvery{1};   // a verdict is good for so long: revocation reaches the gateway within it

struct TokenNeeds {
  net::HttpClient& http;
  const Clock& clock;
  TokenWitness* witness = nullptr;   // may be absent; borrowed like the others
  Issuers* issuers = nullptr;        // shared by the checks of one process; absent: the check has its own
};

class TokenCheck {
 public:
  // Fault::invalid: no issuer, no audience, an org server without introspection, …
  static Result<std::unique_ptr<TokenCheck>> make(TokenNeeds needs, TokenRules rules);

  // From the cache, without waiting and without allocation; nullptr when verify() is needed. The facts have passed every check.
  TokenFactsPtr at_once(std::string_view token);
  // Fault::unauthenticated: the token is no good. Fault::upstream: its issuer's keys or its word cannot be had.
  Task<TokenFactsPtr> verify(std::string token);

  const std::vector<TrustedIssuer>& trusted() const { return rules_.issuers; }
  RevocationEpoch& epoch() { return hub_->epoch(); }
  Issuers& issuers() { return *hub_; }
  Seconds skew() const { return rules_.skew; }
  const Clock& clock() const { return needs_.clock; }

 private:
  struct Known {
    TokenFactsPtr facts;
    std::size_t at = 0;      // among ours
  };
  TokenCheck(TokenNeeds needs, TokenRules rules);
  std::optional<std::size_t> place_of(const TokenFacts& facts) const;
  Result<void> judge(const TokenFacts& facts, std::size_t at) const;
  Result<void> judge_parties(const TokenFacts& facts, const TrustedIssuer& trusted) const;
  Known proven(const TokenCache::Key& key);
  bool still_stands(const TokenFacts& facts, std::size_t at) const;
  bool key_is_still_there(const TokenFacts& facts, const Issuer& issuer) const;
  Millis since_vouched(const TokenFacts& facts) const;
  bool is_due(const TokenFacts& facts, std::size_t at) const;
  bool is_vouched(const TokenFacts& facts, std::size_t at) const;
  Task<void> ask_witness(std::string token, Known known);
  // What a token says of itself, and whose it therefore would be. Nothing of it is proven; `jwt` is empty for an opaque one.
  struct Claimed {
    std::size_t at = 0;
    std::optional<jose::Unproven> jwt;
    jose::Claims claims;
  };
  Result<Claimed> choose(std::string_view token) const;
  Task<Known> learn(std::string token, TokenCache::Key key, Claimed claimed);
  Result<std::shared_ptr<TokenFacts>> prove(Claimed claimed, const Keys& keys) const;

  TokenNeeds needs_;
  TokenRules rules_;
  std::unique_ptr<Random> random_;       // when it has its own
  std::unique_ptr<Issuers> own_;
  Issuers* hub_;
  std::vector<std::shared_ptr<Issuer>> issuers_;   // beside rules_.issuers, as is the next
  std::vector<bool> witnessed_;
};

}  // namespace gatehouse::oauth::client
