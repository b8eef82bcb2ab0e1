// Sessions at hand, by the hash of their cookie. Bounded; an entry is trusted for kStoreRecheck at most, and gone at once
// when this process ends the session, also when a read of the store is under way at that moment.
#pragma once

#include <array>
#include <mutex>
#include <string>
#include <unordered_map>

#include "access/session.h"

namespace gatehouse::access {

class SessionCache {
 public:
  explicit SessionCache(std::size_t entries = kSessionCacheEntries) : per_shard_(std::max<std::size_t>(1, entries / kShards)) {}

  // nullptr: ask the store. From half of kStoreRecheck on, one caller is sent to do so while the others go on.
  SessionPtr find(const std::string& hash, Timestamp now);
  // Read before the store is asked; insert() does nothing when a session was erased since.
  std::uint64_t endings(const std::string& hash);
  void insert(const std::string& hash, SessionPtr session, Timestamp now, std::uint64_t endings_before);
  void erase(const std::string& hash);

 private:
  static constexpr std::size_t kShards = 16;
  struct Entry {
    SessionPtr session;
    Timestamp loaded;
    bool being_refreshed = false;
  };
  struct Shard {
    std::mutex mutex;
    std::unordered_map<std::string, Entry> entries;
    std::uint64_t endings = 0;
  };
  Shard& shard_of(const std::string& hash) { return shards_[std::hash<std::string>()(hash) % kShards]; }
  std::size_t per_shard_;
  std::array<Shard, kShards> shards_;
};

}  // namespace gatehouse::access
