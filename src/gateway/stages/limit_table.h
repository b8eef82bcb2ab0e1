// Counters of one limit in this process: bounded, without allocation per hit, one short lock among many.
// Who has been counted cannot get rid of it by filling the table: see take(). Knows keys as hashes only.
#pragma once

#include <array>
#include <memory>
#include <mutex>

#include "crypto/sip_hash.h"
#include "store/rate.h"

namespace gatehouse::gateway {

inline constexpr std::size_t kLimitKeysMin = 64, kLimitKeysMax = 4 * 1024 * 1024;
inline constexpr std::size_t kLimitKeys = 65'536;   // unless told: 2 MiB, of which only what is used is real

using LimitKey = crypto::SipHash::Value;

class LimitTable {
 public:
  // `keys` is rounded up to a power of two.
  LimitTable(store::Rate rate, std::size_t keys);
  const store::Rate& rate() const { return rate_; }
  // When the key's place is full, the counter with the least debt makes room, and the newcomer inherits that debt: nobody is
  // counted for less than they did, however many keys somebody makes up. The price is paid by newcomers while more keys
  // are in debt than the table has room for, and is at most the least debt in their place.
  store::Taken take(LimitKey key, Timestamp now);

 private:
  static constexpr std::size_t kWays = 8, kLocks = 64;
  struct Entry {
    LimitKey key;
    store::RateState state;
  };
  struct Free {
    void operator()(Entry* entries) const;
  };
  store::Rate rate_;
  std::size_t places_;                       // of kWays entries each; a power of two
  std::unique_ptr<Entry[], Free> entries_;   // zero pages until they are used
  std::array<std::mutex, kLocks> locks_;
};

// How many are at it right now, per key.
class InFlightTable {
 public:
  explicit InFlightTable(std::int64_t most) : most_(most) {}
  // False when `most` are at it already, or when more keys are at it than there is room for (fail closed).
  bool enter(LimitKey key);
  void leave(LimitKey key);

 private:
  static constexpr std::size_t kShards = 64, kRoom = 1024;   // keys of one shard; three quarters of them are used at most
  struct Entry {
    LimitKey key;
    std::int64_t count = 0;
  };
  struct Shard {
    std::mutex lock;
    std::size_t used = 0;
    std::unique_ptr<std::array<Entry, kRoom>> entries;   // made at the first use
  };
  // Where the key is, or the free entry where it would be.
  static std::size_t find(const Shard& shard, LimitKey key);
  Shard& shard_of(LimitKey key) { return shards_[key.high % kShards]; }

  std::int64_t most_;
  std::array<Shard, kShards> shards_;
};

}  // namespace gatehouse::gateway
