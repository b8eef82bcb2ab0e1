// Answers in memory: bounded by bytes, shared by all loops, each entry immutable and alive for as long as somebody
// sends it. What is asked for once does not push out what is asked for often (S3-FIFO: a small queue for newcomers, a
// large one for those that were asked for again, and a memory of those that left early). Knows keys as texts, and
// nothing of HTTP's rules.
#pragma once

#include <array>
#include <atomic>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/single_flight.h"
#include "crypto/sip_hash.h"
#include "gateway/stages/cache_rules.h"

namespace gatehouse::gateway {

inline constexpr std::uint64_t kCacheSizeMin = 64 * 1024, kCacheSizeMax = std::uint64_t{1} << 40, kCacheSize = 64 << 20;
inline constexpr std::uint64_t kCacheObjectMax = 1 << 20;  // unless told
inline constexpr std::size_t kCacheVariantsMax = 32;       // answers of one address for one caller

struct CacheEntry {
  std::string key;         // the primary one, whole
  std::string url, route;  // for whoever wants it gone
  int status = 200;
  HeaderList headers;
  std::shared_ptr<const std::string> body;
  Freshness freshness;
  std::vector<std::string> vary, tags;
  crypto::Sip128 selecting;           // of the values that `vary` names
  bool shared = false;                // Keeping::shared
  std::uint32_t place = 0, turn = 0;  // CacheStore::Turn
  std::uint64_t bytes() const;
};
using CacheEntryPtr = std::shared_ptr<const CacheEntry>;

class CacheStore {
 public:
  struct Settings {
    std::string name;
    std::uint64_t size = kCacheSize, object_max = kCacheObjectMax;
    friend auto operator<=>(const Settings&, const Settings&) = default;
  };
  CacheStore(Settings settings, crypto::SipHash::Key key);
  const Settings& settings() const { return settings_; }
  crypto::Sip128 hash(std::string_view text) const { return crypto::SipHash(key_).add(text).finish(); }

  // What an address is good for, as of now. Whoever changes the address turns it on: what was asked for before is then
  // not kept, and what is kept is not found any more. (Addresses share places; turning one may cost another its entry.)
  struct Turn {
    std::uint32_t place = 0, turn = 0;
    std::uint64_t purges = 0;
  };
  Turn turn_of(std::string_view url) const;
  void turn_on(std::string_view url);

  // The youngest one that `fits`.
  template <class Fits>
  CacheEntryPtr find(std::string_view key, Fits&& fits) {
    CacheEntryPtr best;
    see(key, [&](const CacheEntryPtr& entry) {
      if ((!best || entry->freshness.received >= best->freshness.received) && fits(*entry)) best = entry;
      return best == entry;
    });
    return best;
  }
  // Instead of those that are selected by the same values. False: it is too large, or was purged while it was on its
  // way.
  bool keep(CacheEntryPtr entry, const Turn& asked);
  void remove(const CacheEntryPtr& entry);
  // Removes all that match, and whatever is on its way. Walks over everything: not for a loop.
  std::size_t purge(const std::function<bool(const CacheEntry&)>& matches);

  // Bytes of answers that are being copied while they pass through; at most a quarter of the size. False: no room.
  bool reserve(std::uint64_t bytes);
  void release(std::uint64_t bytes) { filling_ -= bytes; }

  // One at a time asks the upstream for a key.
  struct Flight {
    SingleFlight flight;
  };
  std::shared_ptr<Flight> flight_of(std::string_view key);
  // Answers of this key could not be kept a moment ago: nobody should wait for the next one.
  bool seems_hopeless(std::string_view key, Timestamp now) const;
  void call_hopeless(std::string_view key, Timestamp until);
  // Background work; false when enough is under way. Whoever got a yes ends it.
  bool begin_errand();
  void end_errand() { --errands_; }

  struct Counts {
    std::uint64_t entries = 0, bytes = 0, stored = 0, evicted = 0, purged = 0;
  };
  Counts counts() const;

 private:
  struct Node {
    CacheEntryPtr entry;
    crypto::Sip128 hash;
    std::uint64_t bytes = 0;
    std::uint8_t hits = 0;  // since it came or was spared last; at most 3
    bool is_main = false;
  };
  using Nodes = std::list<Node>;
  struct Shard {
    mutable std::mutex lock;
    Nodes small, main;  // front: newest
    std::uint64_t small_bytes = 0, main_bytes = 0;
    std::unordered_map<crypto::Sip128, std::vector<Nodes::iterator>, crypto::Sip128Hash> by_key;
    std::deque<crypto::Sip128> left_early;  // hashes of keys, newest in front
    std::unordered_map<crypto::Sip128, std::size_t, crypto::Sip128Hash> left_count;
    std::unordered_map<crypto::Sip128, std::weak_ptr<Flight>, crypto::Sip128Hash> flights;
    std::uint64_t stored = 0, evicted = 0, purged = 0;
  };
  static constexpr std::size_t kShards = 16, kPlaces = 16'384, kHopeless = 4'096, kErrandsMax = 64,
                               kLeftEarlyMax = 4'096, kFlightsMax = 65'536;

  void see(std::string_view key, const std::function<bool(const CacheEntryPtr&)>& chosen);
  bool is_current(const CacheEntry& entry) const {
    return turns_[entry.place].load(std::memory_order_acquire) == entry.turn;
  }
  Shard& shard_of(const crypto::Sip128& hash) { return shards_[hash.high % used_]; }
  // With the shard's lock held.
  void insert(Shard& shard, Node node);
  void drop(Shard& shard, Nodes::iterator node);
  void make_room(Shard& shard);
  bool evict_small(Shard& shard);
  void evict_main(Shard& shard);
  void remember_early(Shard& shard, const crypto::Sip128& hash);
  bool left_early(Shard& shard, const crypto::Sip128& hash);

  const Settings settings_;
  const crypto::SipHash::Key key_;
  const std::size_t used_;  // shards
  const std::uint64_t shard_size_;
  std::array<Shard, kShards> shards_;
  std::vector<std::atomic<std::uint32_t>> turns_;
  struct Mark {
    std::atomic<std::uint64_t> tag{0};
    std::atomic<std::int64_t> until{0};
  };
  std::vector<Mark> hopeless_;
  std::atomic<std::uint64_t> purges_{0}, filling_{0};
  std::atomic<std::size_t> errands_{0};
};

// The stores of a program by their settings, so that a reload keeps what was kept. Usable from any thread.
class CacheStores {
 public:
  explicit CacheStores(Random& random);
  std::shared_ptr<CacheStore> store(const CacheStore::Settings& settings);
  std::vector<std::shared_ptr<CacheStore>> all() const;  // those that are in use

 private:
  crypto::SipHash::Key key_;
  mutable std::mutex mutex_;
  std::vector<std::weak_ptr<CacheStore>> stores_;
};

}  // namespace gatehouse::gateway
