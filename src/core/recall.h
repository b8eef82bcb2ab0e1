// What the store said a moment ago, remembered by the room that owns the rows. Exact within this program: every write of
// the room turns the epoch, and an answer counts only in the epoch in which its question was asked. Other nodes write
// without our hearing of it, therefore nothing is remembered for longer than `life`.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>

#include "core/clock.h"

namespace gatehouse {

inline constexpr Millis kRecallLife{1000};           // a change at another node is seen within this time
inline constexpr std::size_t kRecallMax = 4096;      // entries of one map; a full one starts anew

// Turned after a write is durable and before it is acknowledged.
class Epoch {
 public:
  using Number = std::uint64_t;
  Number now() const { return number_.load(std::memory_order_acquire); }
  void turn() { number_.fetch_add(1, std::memory_order_acq_rel); }

 private:
  std::atomic<Number> number_ = 0;
};

// Usable from any thread.
//   if (auto known = recall.find(key)) co_return *known;
//   const auto asked = recall.ask();
//   … read …
//   recall.keep(key, answer, asked);
template <class Key, class Value>
class Recall {
 public:
  struct Asked {
    Epoch::Number epoch;
    Timestamp at;
  };

  Recall(const Epoch& epoch, const Clock& clock) : epoch_(epoch), clock_(clock) {}

  std::optional<Value> find(const Key& key) const {
    const std::lock_guard lock(mutex_);
    const auto entry = entries_.find(key);
    if (entry == entries_.end()) return std::nullopt;
    const auto& [asked, value] = entry->second;
    const auto age = clock_.now() - asked.at;
    if (asked.epoch != epoch_.now() || age < Millis(0) || age >= kRecallLife) return std::nullopt;
    return value;
  }

  Asked ask() const { return {epoch_.now(), clock_.now()}; }

  void keep(Key key, Value value, Asked asked) {
    if (asked.epoch != epoch_.now()) return;
    const std::lock_guard lock(mutex_);
    if (entries_.size() >= kRecallMax) entries_.clear();
    entries_.insert_or_assign(std::move(key), std::pair(asked, std::move(value)));
  }

 private:
  const Epoch& epoch_;
  const Clock& clock_;
  mutable std::mutex mutex_;
  std::unordered_map<Key, std::pair<Asked, Value>> entries_;
};

}  // namespace gatehouse
