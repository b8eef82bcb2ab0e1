#include "oauth/client/token_cache.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "crypto/hash.h"

namespace gatehouse::oauth::client {

bool TokenFacts::has_scope(std::string_view scope) const { return std::ranges::binary_search(scopes, scope); }

TokenCache::TokenCache(std::size_t entries)
    : sets_(std::bit_ceil(std::max<std::size_t>(1, entries / kWays))), slots_(sets_ * kWays), ticks_(sets_) {}

TokenCache::Key TokenCache::key_of(std::string_view token) {
  const auto digest = crypto::sha256(token);
  Key key{};
  std::memcpy(key.data(), digest.data(), key.size());
  return key;
}

std::size_t TokenCache::set_of(const Key& key) const {
  std::uint64_t bits = 0;
  std::memcpy(&bits, key.data(), sizeof bits);
  return static_cast<std::size_t>(bits) & (sets_ - 1);
}

TokenCache::Slot* TokenCache::find_slot(std::size_t set, const Key& key) {
  for (std::size_t way = 0; way < kWays; ++way) {
    auto& slot = slots_[set * kWays + way];
    if (slot.facts && slot.key == key) return &slot;
  }
  return nullptr;
}

TokenFactsPtr TokenCache::find(const Key& key, Timestamp now) {
  const auto set = set_of(key);
  const std::lock_guard lock(locks_[set % kLocks]);
  auto* slot = find_slot(set, key);
  if (slot == nullptr) return nullptr;
  if (now >= slot->facts->expires) {
    slot->facts.reset();
    return nullptr;
  }
  slot->used = ++ticks_[set];
  return slot->facts;
}

void TokenCache::insert(const Key& key, TokenFactsPtr facts) {
  const auto set = set_of(key);
  const std::lock_guard lock(locks_[set % kLocks]);
  auto* victim = find_slot(set, key);
  for (std::size_t way = 0; victim == nullptr && way < kWays; ++way)
    if (!slots_[set * kWays + way].facts) victim = &slots_[set * kWays + way];
  if (victim == nullptr)
    victim = &*std::min_element(slots_.begin() + static_cast<std::ptrdiff_t>(set * kWays),
                                slots_.begin() + static_cast<std::ptrdiff_t>((set + 1) * kWays),
                                [](const Slot& a, const Slot& b) { return a.used < b.used; });
  *victim = Slot{key, std::move(facts), ++ticks_[set]};
}

void TokenCache::erase(const Key& key) {
  const auto set = set_of(key);
  const std::lock_guard lock(locks_[set % kLocks]);
  if (auto* slot = find_slot(set, key)) slot->facts.reset();
}

}  // namespace gatehouse::oauth::client
