// How often something may happen, and whether it may happen now. Pure arithmetic on a state of 16 bytes, the same whether
// the state lies in a table of this process or in Redis (redis_scripts.h says it in Lua).
#pragma once

#include <cstdint>

#include "core/clock.h"
#include "core/error.h"

namespace gatehouse::store {

inline constexpr std::int64_t kRateMax = 1'000'000;                 // requests of one window, and burst
inline constexpr Millis kRateWindowMin{1'000}, kRateWindowMax{86'400'000};
inline constexpr Millis kRateDebtMax{30LL * 86'400'000};            // a burst may take this long to be earned again

struct Rate {
  // bucket: `burst` at once, then one each `per / requests`. window: `requests` in any `per`, estimated from the counters of
  // this fixed window and the one before it (the error is at most what the one before it held, spread evenly).
  enum class Way : std::uint8_t { bucket, window } way = Way::bucket;
  std::int64_t requests = 0;
  Millis per{0};
  std::int64_t burst = 0;   // bucket only
  friend bool operator==(const Rate&, const Rate&) = default;
};
Result<void> validate(const Rate& rate);

// All zero: nothing has happened yet.
struct RateState {
  std::int64_t at = 0;                             // bucket: when it will be full again, ns since 1970; window: its number
  std::uint32_t current = 0, previous = 0;         // window only
  friend bool operator==(const RateState&, const RateState&) = default;
};

struct Taken {
  bool allowed = false;
  std::int64_t remaining = 0;   // how many more would pass right now
  Millis retry_after{0};        // refused: until one would pass
  Millis reset{0};              // until nothing is counted any more
};

// Counts one event when it may happen; a refused one costs nothing.
Taken take(const Rate& rate, RateState& state, Timestamp now);
// How long from now until nothing of this state counts; what is forgotten when the state is.
std::int64_t debt_ns(const Rate& rate, const RateState& state, Timestamp now);

}  // namespace gatehouse::store
