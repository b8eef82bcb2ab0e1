#include "store/rate.h"

#include <algorithm>

namespace gatehouse::store {
namespace {

constexpr std::int64_t kNanos = 1'000'000;   // in a millisecond

std::int64_t nanos(Millis time) { return time.count() * kNanos; }
Millis round_up(std::int64_t ns) { return Millis((std::max<std::int64_t>(ns, 0) + kNanos - 1) / kNanos); }
std::int64_t interval_of(const Rate& rate) { return nanos(rate.per) / rate.requests; }

// GCRA: the state is the moment at which the bucket is full again; each event moves it on by one interval.
Taken take_from_bucket(const Rate& rate, RateState& state, std::int64_t now) {
  const auto interval = interval_of(rate), capacity = interval * rate.burst;
  // Not later than an empty bucket would be: a clock that was set back must not lock anybody out for longer than that.
  const auto full_at = std::clamp(state.at, now, now + capacity);
  Taken taken;
  taken.allowed = full_at + interval - now <= capacity;
  state.at = taken.allowed ? full_at + interval : full_at;
  const auto debt = state.at - now;
  taken.remaining = (capacity - debt) / interval;
  taken.reset = round_up(debt);
  if (!taken.allowed) taken.retry_after = std::max(round_up(debt + interval - capacity), Millis(1));
  return taken;
}

// Brings the counters to the window of `now`.
void turn(const Rate& rate, RateState& state, std::int64_t now) {
  const auto number = now / nanos(rate.per);
  if (number == state.at + 1) state.previous = state.current;
  else if (number != state.at) state.previous = 0;
  if (number != state.at) state.current = 0;
  state.at = number;
}

Taken take_from_window(const Rate& rate, RateState& state, std::int64_t now) {
  turn(rate, state, now);
  const auto window = nanos(rate.per), elapsed = now % window, limit = rate.requests;
  // In doubles: counters are below 2^20 and windows below 2^47, so that products fit into 2^53 nearly; an event more or
  // less in a million is not worth 128-bit numbers.
  const auto left = static_cast<double>(window - elapsed) / static_cast<double>(window);
  const auto used = static_cast<double>(state.previous) * left + static_cast<double>(state.current);
  Taken taken;
  taken.allowed = used + 1 <= static_cast<double>(limit);
  if (taken.allowed) ++state.current;
  taken.remaining = std::max<std::int64_t>(0, static_cast<std::int64_t>(static_cast<double>(limit) - used) - (taken.allowed ? 1 : 0));
  taken.reset = round_up(state.current > 0 ? 2 * window - elapsed : state.previous > 0 ? window - elapsed : 0);
  if (taken.allowed) return taken;
  taken.remaining = 0;
  // When the share of the older counter has shrunk enough: in this window, else in the next one, where ours is the older.
  const auto room = static_cast<double>(limit - 1);
  const auto when = [window](double share) { return static_cast<std::int64_t>(static_cast<double>(window) * (1 - share)) + 1; };
  const auto current = static_cast<double>(state.current);
  const auto wait = state.current < static_cast<std::uint32_t>(limit)
                        ? when((room - current) / static_cast<double>(state.previous)) - elapsed
                        : window - elapsed + when(room / current);
  taken.retry_after = std::max(round_up(wait), Millis(1));
  return taken;
}

}  // namespace

Result<void> validate(const Rate& rate) {
  if (rate.requests < 1 || rate.requests > kRateMax) return failure(Fault::invalid, "a limit counts from 1 to 1000000 requests");
  if (rate.per < kRateWindowMin || rate.per > kRateWindowMax) return failure(Fault::invalid, "a limit is per 1 second to 1 day");
  if (rate.way == Rate::Way::window) return {};
  if (rate.burst < 1 || rate.burst > kRateMax) return failure(Fault::invalid, "a burst is from 1 to 1000000 requests");
  if (interval_of(rate) > nanos(kRateDebtMax) / rate.burst) return failure(Fault::invalid, "a burst that takes longer than 30 days to be earned again");
  return {};
}

Taken take(const Rate& rate, RateState& state, Timestamp now) {
  const auto at = nanos(now.time_since_epoch());
  return rate.way == Rate::Way::bucket ? take_from_bucket(rate, state, at) : take_from_window(rate, state, at);
}

std::int64_t debt_ns(const Rate& rate, const RateState& state, Timestamp now) {
  const auto at = nanos(now.time_since_epoch());
  if (rate.way == Rate::Way::bucket) return std::max<std::int64_t>(0, state.at - at);
  auto turned = state;
  turn(rate, turned, at);
  // What it counts for now, as time; the newer counter weighs more because it will count for longer.
  const auto window = nanos(rate.per);
  const auto left = static_cast<double>(window - at % window) / static_cast<double>(window);
  const auto used = static_cast<double>(turned.previous) * left + 2.0 * static_cast<double>(turned.current);
  return static_cast<std::int64_t>(used * static_cast<double>(interval_of(rate)));
}

}  // namespace gatehouse::store
