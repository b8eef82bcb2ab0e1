// The issuers that this process trusts, each once however many routes name it: their keys, whom to ask, what was proven of
// their tokens, what was revoked. Outlives the configuration of the day, so that a reload forgets nothing.
// Knows nothing of audiences and other judgements: those are TokenCheck's, one per policy.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/random.h"
#include "oauth/client/introspection.h"
#include "oauth/client/remote_keys.h"
#include "oauth/client/revocations.h"
#include "oauth/client/token_cache.h"

namespace gatehouse::oauth::client {

inline constexpr std::size_t kTrustedIssuersMax = 100;   // of one policy

// Okta's org authorization server (issuer without a path): "access tokens … are opaque strings", only Okta may validate
// them and their content may change. Trusting one here without introspection must be said explicitly; below Okta's own
// domains it cannot be said.
enum class OrgServer { refused, allowed };

struct TrustedIssuer {
  std::string issuer;                      // exact
  std::vector<std::string> audiences;      // one of them must be in `aud`; none configured is a mistake
  std::vector<std::string> client_ids;     // allow-list for cid / client_id; empty: any client of the issuer
  std::vector<jose::Alg> algorithms;       // empty: every asymmetric one; the key's own decides all the same
  std::optional<Seconds> max_lifetime;     // exp - iat; a token without iat is then refused
  std::string jwks_uri;                    // empty: what discovery tells
  std::optional<IntrospectionConfig> introspection;   // then every token is asked about, and no key is looked at
  OrgServer org_server = OrgServer::refused;
};

// Fault::invalid: no address, no audience, an org server without introspection, …
Result<void> check_trusted(const TrustedIssuer& trusted);

// Moves on when tokens have been revoked: cached facts from before are asked for again.
class RevocationEpoch {
 public:
  std::uint64_t now() const { return value_.load(std::memory_order_acquire); }
  void advance() { value_.fetch_add(1, std::memory_order_acq_rel); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

struct Issuer {
  Issuer(net::HttpClient& http, const Clock& clock, const TrustedIssuer& trusted, KeptTimes times, std::uint64_t number, double spread);
  const std::uint64_t number;     // never used again: facts name their issuer by it
  const double spread;            // this process's place in the jitter of refreshes
  Discovery discovery;
  RemoteKeys keys;
  std::unique_ptr<Introspection> introspection;   // may be absent
};

struct IssuersNeeds {
  net::HttpClient& http;
  const Clock& clock;
  Random& random;
};

// Usable from any thread.
class Issuers {
 public:
  explicit Issuers(IssuersNeeds needs, std::size_t cache_entries = kTokenCacheEntries);

  // The one that is there already when all that matters is the same.
  std::shared_ptr<Issuer> get(const TrustedIssuer& trusted, KeptTimes times);
  TokenCache& cache() { return cache_; }
  RevocationEpoch& epoch() { return epoch_; }
  Revocations& revocations() { return revocations_; }
  // A cached token that this covers is refused from the next request on, and so is one that comes later.
  Result<void> revoke(std::string issuer, Revoked what, std::string value);
  // Call about every second: fetches what will soon be old, so that no request waits for it.
  boost::asio::awaitable<void> refresh_due();

 private:
  IssuersNeeds needs_;
  TokenCache cache_;
  RevocationEpoch epoch_;
  Revocations revocations_;
  std::mutex mutex_;
  std::uint64_t last_number_ = 0;
  std::map<std::string, std::weak_ptr<Issuer>> issuers_;   // by all that matters
};

}  // namespace gatehouse::oauth::client
