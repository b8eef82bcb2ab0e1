#include "oauth/client/token_cache.h"

#include <algorithm>
#include <bit>

namespace gatehouse::oauth::client {

TokenCache::TokenCache(std::size_t entries, crypto::SipKey secret)
    : secret_(secret), sets_(std::bit_ceil(std::max<std::size_t>(1, entries / kWays))), slots_(sets_ * kWays), hands_(sets_) {}

TokenCache::Slot* TokenCache::find_slot(std::size_t set, const Key& key) {
  for (std::size_t way = 0; way < kWays; ++way) {
    auto& slot = slots_[set * kWays + way];
    if (slot.key == key && slot.facts) return &slot;
  }
  return nullptr;
}

TokenFactsPtr TokenCache::find(const Key& key, Timestamp now) {
  const auto set = set_of(key);
  const std::lock_guard lock(lock_of(set));
  auto* slot = find_slot(set, key);
  if (slot == nullptr) return nullptr;
  if (now >= slot->facts->remember_until) {
    slot->facts.reset();
    return nullptr;
  }
  slot->used = true;
  return slot->facts;
}

// A free place, or the first one behind the hand that was not used since the hand came by.
TokenCache::Slot& TokenCache::victim_in(std::size_t set) {
  for (std::size_t way = 0; way < kWays; ++way)
    if (auto& slot = slots_[set * kWays + way]; !slot.facts) return slot;
  for (;;) {
    auto& slot = slots_[set * kWays + hands_[set]];
    hands_[set] = static_cast<std::uint8_t>((hands_[set] + 1) % kWays);
    if (!std::exchange(slot.used, false)) return slot;
  }
}

void TokenCache::insert(const Key& key, TokenFactsPtr facts) {
  const auto set = set_of(key);
  TokenFactsPtr old;   // dies outside the lock
  const std::lock_guard lock(lock_of(set));
  auto* known = find_slot(set, key);
  auto& slot = known != nullptr ? *known : victim_in(set);
  old = std::exchange(slot.facts, std::move(facts));
  slot.key = key;
  slot.used = false;
}

void TokenCache::erase(const Key& key) {
  const auto set = set_of(key);
  const std::lock_guard lock(lock_of(set));
  if (auto* slot = find_slot(set, key)) slot->facts.reset();
}

void TokenCache::erase_if(const std::function<bool(const TokenFacts&)>& dead) {
  for (std::size_t set = 0; set < sets_; ++set) {
    const std::lock_guard lock(lock_of(set));
    for (std::size_t way = 0; way < kWays; ++way)
      if (auto& slot = slots_[set * kWays + way]; slot.facts && dead(*slot.facts)) slot.facts.reset();
  }
}

}  // namespace gatehouse::oauth::client
