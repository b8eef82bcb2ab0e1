// What has been revoked before its time, as told to this process: a token (jti), everything of a person (sub) or of a session
// (sid) up to now. For issuers that push such news; it reaches cached facts at once.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <tuple>

#include "core/clock.h"
#include "oauth/client/token_facts.h"

namespace gatehouse::oauth::client {

inline constexpr std::size_t kRevocationsMax = 100'000;
inline constexpr Seconds kRevocationKeep{7 * 86400};   // an access token that lives longer revives; give them a max_lifetime

enum class Revoked { token, subject, session };

// Usable from any thread.
class Revocations {
 public:
  // Fault::limited when there are too many: the caller must do something else then (turn the epoch, ask the issuer).
  Result<void> add(std::string issuer, Revoked what, std::string value, Timestamp now);
  bool covers(const std::string& issuer, const TokenFacts& facts) const;
  std::uint64_t version() const { return version_.load(std::memory_order_acquire); }

 private:
  using Name = std::tuple<std::string, Revoked, std::string>;
  void forget_old(Timestamp now);
  mutable std::mutex mutex_;
  std::map<Name, Timestamp> at_;
  std::atomic<std::uint64_t> version_{1};
};

}  // namespace gatehouse::oauth::client
