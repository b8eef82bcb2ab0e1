// How much one caller may ask of a route: so many requests in a time, so many at once. Several limits stand side by side;
// a request passes when all let it. Answers 429 otherwise, and tells in either case what is left
// (draft-ietf-httpapi-ratelimit-headers-10). Knows hashes of callers, never who they are.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/random.h"
#include "gateway/stage.h"
#include "gateway/stages/limit_table.h"
#include "store/key_value.h"

namespace gatehouse::gateway {

inline constexpr std::size_t kLimitsMax = 8;        // of one route and place
inline constexpr std::size_t kLimitPartsMax = 6;    // of one key
inline constexpr std::int64_t kInFlightMax = 1'000'000;

// What tells one caller from another. A caller of whom a part is not known (no such header, nobody signed in) is told apart
// by address instead.
struct LimitPart {
  enum class Kind : std::uint8_t { address, user, client, claim, header, route } kind = Kind::address;
  std::string name;   // of the claim or the header
  bool needs_policy() const { return kind == Kind::user || kind == Kind::client || kind == Kind::claim; }
};

struct LimitConfig {
  std::string name;                        // of the policy in the headers
  std::string scope;                       // limits of one scope (and the same numbers) are counted together; empty: the name
  store::Rate rate;                        // unless in_flight > 0
  std::int64_t in_flight = 0;              // at once, in this process
  std::vector<LimitPart> by;               // empty: everybody together
  int ipv6_bits = 64;                      // of an address; a household has a /64
  std::size_t keys = kLimitKeys;
  bool shared = false;                     // counted by all gateways that share a KeyValue
  // When that is not there: everybody passes, nobody does (503), or each gateway counts for itself.
  enum class WithoutStore : std::uint8_t { open, closed, local } without_store = WithoutStore::local;
  bool tell = true;                        // RateLimit and RateLimit-Policy
  bool tell_old = false;                   // X-RateLimit-Limit, -Remaining, -Reset

  bool needs_policy() const;
};

// The counters of all limits, which outlive a change of the configuration: a reload forgives nobody.
class LimitTables {
 public:
  LimitTables(Random& random, store::KeyValue* shared = nullptr);
  std::shared_ptr<LimitTable> table(const std::string& name, const store::Rate& rate, std::size_t keys);
  std::shared_ptr<InFlightTable> in_flight(const std::string& name, std::int64_t most);
  crypto::SipHash::Key key() const { return key_; }
  store::KeyValue* shared() const { return shared_; }

 private:
  crypto::SipHash::Key key_;
  store::KeyValue* shared_;
  std::mutex mutex_;
  std::map<std::string, std::weak_ptr<LimitTable>> tables_;
  std::map<std::string, std::weak_ptr<InFlightTable>> in_flight_;
};

// Fault::invalid names the limit. All of `limits` must stand at one place: all need the policy, or none does.
Result<std::shared_ptr<Stage>> make_limit_stage(std::vector<LimitConfig> limits, std::shared_ptr<LimitTables> tables, const Clock& clock);

}  // namespace gatehouse::gateway
