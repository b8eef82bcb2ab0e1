// Facts about access tokens that have been verified, by a keyed hash of their exact bytes (SipHash-128; the key is drawn at
// start). Bounded; an entry dies when it expires. Whether it still counts (keys, revocations) is the reader's question.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "crypto/sip_hash.h"
#include "oauth/client/token_facts.h"

namespace gatehouse::oauth::client {

inline constexpr std::size_t kTokenCacheEntries = 64 * 1024;   // about 100 MiB when full of usual Okta tokens

// Set-associative with a clock bit per entry, so that its size is fixed and no list has to be kept in order. A lock per
// few sets: two loops meet only when they look up neighbours at the same moment. Usable from any thread.
class TokenCache {
 public:
  using Key = crypto::Sip128;
  explicit TokenCache(std::size_t entries = kTokenCacheEntries, crypto::SipKey secret = {});
  Key key_of(std::string_view token) const { return crypto::siphash128(secret_, token); }

  TokenFactsPtr find(const Key& key, Timestamp now);
  void insert(const Key& key, TokenFactsPtr facts);
  void erase(const Key& key);
  void erase_if(const std::function<bool(const TokenFacts&)>& dead);   // looks at every entry: milliseconds
  std::size_t capacity() const { return slots_.size(); }

 private:
  static constexpr std::size_t kWays = 8, kLocks = 256;
  struct Slot {
    Key key{};
    TokenFactsPtr facts;
    bool used = false;
  };
  struct alignas(64) Lock {
    std::mutex mutex;
  };
  std::size_t set_of(const Key& key) const { return static_cast<std::size_t>(key.low) & (sets_ - 1); }
  std::mutex& lock_of(std::size_t set) { return locks_[set % kLocks].mutex; }
  Slot* find_slot(std::size_t set, const Key& key);
  Slot& victim_in(std::size_t set);

  crypto::SipKey secret_;
  std::size_t sets_;
  std::vector<Slot> slots_;
  std::vector<std::uint8_t> hands_;    // per set: where the clock's hand stands
  std::array<Lock, kLocks> locks_;
};

}  // namespace gatehouse::oauth::client
