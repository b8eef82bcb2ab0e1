// Access tokens of trusted issuers, verified here (RFC 9068, RFC 8725, Okta's rules for custom authorization servers).
// Signature by the key's own algorithm, issuer exact and bound to its keys, audience mandatory, expiry, no ID tokens.
// Which scopes a route needs is the caller's question: TokenFacts::has_scope.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "oauth/client/remote_keys.h"
#include "oauth/client/token_cache.h"

namespace gatehouse::oauth::client {

inline constexpr std::size_t kTrustedIssuersMax = 100;

// Okta's org authorization server (issuer without a path): "access tokens … are opaque strings", only Okta may validate
// them and their content may change. Trusting one here must be said explicitly.
enum class OrgServer { refused, allowed };

struct TrustedIssuer {
  std::string issuer;                      // exact
  std::vector<std::string> audiences;      // one of them must be in `aud`; none configured is a mistake
  std::vector<std::string> client_ids;     // allow-list for cid / client_id; empty: any client of the issuer
  OrgServer org_server = OrgServer::refused;
};

struct TokenRules {
  std::vector<TrustedIssuer> issuers;
  Seconds skew{30};                        // for exp and nbf
  std::size_t cache_entries = kTokenCacheEntries;
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
};

// Moves on when tokens have been revoked: cached facts from before are asked for again.
class RevocationEpoch {
 public:
  std::uint64_t now() const { return value_.load(std::memory_order_acquire); }
  void advance() { value_.fetch_add(1, std::memory_order_acq_rel); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

class TokenCheck {
 public:
  // Fault::invalid: no issuer, no audience, an org server that was not allowed, …
  static Result<std::unique_ptr<TokenCheck>> make(TokenNeeds needs, TokenRules rules);

  // From the cache, without waiting; nullptr when verify() is needed. The facts have passed every check.
  TokenFactsPtr at_once(std::string_view token);
  // Fault::unauthenticated: the token is no good. Fault::upstream: its issuer's keys cannot be had.
  Task<TokenFactsPtr> verify(std::string token);

  const std::string& issuer_of(const TokenFacts& facts) const { return rules_.issuers[facts.issuer].issuer; }
  RevocationEpoch& epoch() { return epoch_; }

 private:
  struct Issuer {
    Discovery discovery;
    RemoteKeys keys;
    Issuer(TokenNeeds needs, const std::string& name, KeptTimes times)
        : discovery(needs.http, needs.clock, name, times), keys(needs.http, needs.clock, discovery, times) {}
  };
  TokenCheck(TokenNeeds needs, TokenRules rules);
  Result<void> judge(const TokenFacts& facts) const;
  TokenFactsPtr proven(std::string_view token);
  bool has_witness(const TokenFacts& facts) const;
  Millis since_vouched(const TokenFacts& facts) const;
  bool is_due(const TokenFacts& facts) const;
  bool is_vouched(const TokenFacts& facts) const;
  Task<void> ask_witness(std::string token, TokenFactsPtr facts);
  Result<TokenFactsPtr> prove(std::string_view token, std::size_t issuer, const Keys& keys, std::uint64_t epoch) const;

  TokenNeeds needs_;
  TokenRules rules_;
  std::vector<std::unique_ptr<Issuer>> issuers_;
  TokenCache cache_;
  RevocationEpoch epoch_;
};

}  // namespace gatehouse::oauth::client
