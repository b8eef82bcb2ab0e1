#include "access/cache.h"

namespace gatehouse::access {

SessionPtr SessionCache::find(const std::string& hash, Timestamp now) {
  auto& shard = shard_of(hash);
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.entries.find(hash);
  if (found == shard.entries.end()) return nullptr;
  auto& entry = found->second;
  const auto age = now - entry.loaded;
  if (age < Millis(0) || age >= kStoreRecheck) return nullptr;
  if (age >= Millis(kStoreRecheck) / 2 && !entry.being_refreshed) {
    entry.being_refreshed = true;
    return nullptr;
  }
  return entry.session;
}

std::uint64_t SessionCache::endings(const std::string& hash) {
  auto& shard = shard_of(hash);
  const std::lock_guard lock(shard.mutex);
  return shard.endings;
}

void SessionCache::insert(const std::string& hash, SessionPtr session, Timestamp now, std::uint64_t endings_before) {
  auto& shard = shard_of(hash);
  const std::lock_guard lock(shard.mutex);
  if (shard.endings != endings_before) return;
  // Any other entry will do: it costs its owner one read of the store.
  if (shard.entries.size() >= per_shard_ && !shard.entries.contains(hash)) shard.entries.erase(shard.entries.begin());
  shard.entries[hash] = Entry{std::move(session), now};
}

void SessionCache::erase(const std::string& hash) {
  auto& shard = shard_of(hash);
  const std::lock_guard lock(shard.mutex);
  ++shard.endings;
  shard.entries.erase(hash);
}

}  // namespace gatehouse::access
