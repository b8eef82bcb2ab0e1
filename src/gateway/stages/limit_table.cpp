#include "gateway/stages/limit_table.h"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <new>
#include <span>
#include <utility>

namespace gatehouse::gateway {

void LimitTable::Free::operator()(Entry* entries) const { std::free(entries); }

LimitTable::LimitTable(store::Rate rate, std::size_t keys)
    : rate_(rate), places_(std::bit_ceil(std::clamp(keys, kLimitKeysMin, kLimitKeysMax)) / kWays),
      // All zero is an empty entry, and calloc takes large zeros from the system without touching them.
      entries_(static_cast<Entry*>(std::calloc(places_ * kWays, sizeof(Entry)))) {
  static_assert(std::is_trivially_copyable_v<Entry>);
  if (!entries_) throw std::bad_alloc();
}

store::Taken LimitTable::take(LimitKey key, Timestamp now) {
  const auto place = key.low & (places_ - 1);
  const std::span<Entry> entries(entries_.get() + place * kWays, kWays);
  const std::lock_guard lock(locks_[place % kLocks]);
  Entry* least = nullptr;
  std::int64_t least_debt = 0;
  for (auto& entry : entries) {
    if (entry.key == key) return store::take(rate_, entry.state, now);
    const auto debt = store::debt_ns(rate_, entry.state, now);
    if (least != nullptr && debt >= least_debt) continue;
    least = &entry;
    least_debt = debt;
  }
  const auto taken = store::take(rate_, least->state, now);
  if (taken.allowed) least->key = key;
  return taken;
}

std::size_t InFlightTable::find(const Shard& shard, LimitKey key) {
  auto at = key.low % kRoom;
  while ((*shard.entries)[at].count > 0 && (*shard.entries)[at].key != key) at = (at + 1) % kRoom;
  return at;
}

bool InFlightTable::enter(LimitKey key) {
  auto& shard = shard_of(key);
  const std::lock_guard lock(shard.lock);
  if (!shard.entries) shard.entries = std::make_unique<std::array<Entry, kRoom>>();
  auto& entry = (*shard.entries)[find(shard, key)];
  if (entry.count >= most_) return false;
  if (entry.count == 0) {
    if (shard.used >= kRoom / 4 * 3) return false;
    ++shard.used;
    entry.key = key;
  }
  ++entry.count;
  return true;
}

void InFlightTable::leave(LimitKey key) {
  auto& shard = shard_of(key);
  const std::lock_guard lock(shard.lock);
  auto& entries = *shard.entries;
  auto hole = find(shard, key);
  if (--entries[hole].count > 0) return;
  --shard.used;
  // Those behind it that are not at home move up, so that a search may end at the first free entry.
  for (auto at = (hole + 1) % kRoom; entries[at].count > 0; at = (at + 1) % kRoom) {
    const auto home = entries[at].key.low % kRoom;
    if ((at - home) % kRoom < (at - hole) % kRoom) continue;
    entries[hole] = std::exchange(entries[at], Entry());
    hole = at;
  }
}

}  // namespace gatehouse::gateway
