// Facts about access tokens that have been verified, by the SHA-256 of their exact bytes. Facts, not verdicts: audience,
// scopes, client and expiry are judged again at every use. Bounded; an entry is forgotten when it expired, when the key
// set that proved it changed, or when the revocation epoch moved on.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "jose/jwt.h"

namespace gatehouse::oauth::client {

struct TokenFacts {
  std::size_t issuer = 0;               // position among the trusted issuers
  std::string subject, client_id, id;   // sub, cid or client_id, jti
  std::vector<std::string> audiences;
  std::vector<std::string> scopes;      // sorted
  Timestamp expires{};
  std::optional<Timestamp> not_before;
  jose::Claims claims;
  std::uint64_t key_generation = 0, epoch = 0;
  // When the issuer was last asked whether the token still stands, in milliseconds since 1970; see TokenWitness.
  mutable std::atomic<std::int64_t> vouched{0};
  mutable std::atomic<bool> being_asked{false};

  bool has_scope(std::string_view scope) const;
};
using TokenFactsPtr = std::shared_ptr<const TokenFacts>;

inline constexpr std::size_t kTokenCacheEntries = 64 * 1024;   // about 100 MiB when full of usual Okta tokens

// Set-associative, so that its size is fixed and no list has to be kept in order. Usable from any thread.
class TokenCache {
 public:
  using Key = std::array<char, 32>;
  explicit TokenCache(std::size_t entries = kTokenCacheEntries);
  static Key key_of(std::string_view token);

  TokenFactsPtr find(const Key& key, Timestamp now);
  void insert(const Key& key, TokenFactsPtr facts);
  void erase(const Key& key);
  std::size_t capacity() const { return slots_.size(); }

 private:
  static constexpr std::size_t kWays = 8, kLocks = 64;
  struct Slot {
    Key key{};
    TokenFactsPtr facts;
    std::uint64_t used = 0;
  };
  std::size_t set_of(const Key& key) const;
  Slot* find_slot(std::size_t set, const Key& key);

  std::size_t sets_;
  std::vector<Slot> slots_;
  std::vector<std::uint64_t> ticks_;   // per set
  std::array<std::mutex, kLocks> locks_;
};

}  // namespace gatehouse::oauth::client
