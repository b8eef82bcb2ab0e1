// Time, injected. Wall-clock time in milliseconds; deadlines of sockets are net's own business.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace gatehouse {

using Millis = std::chrono::milliseconds;
using Seconds = std::chrono::seconds;
using Timestamp = std::chrono::sys_time<Millis>;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual Timestamp now() const = 0;
};

std::unique_ptr<Clock> system_clock();

// Stands still until told to move.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(Timestamp start = Timestamp(Millis(1'700'000'000'000))) : now_(start.time_since_epoch().count()) {}
  Timestamp now() const override { return Timestamp(Millis(now_.load())); }
  void advance(Millis by) { now_ += by.count(); }

 private:
  std::atomic<std::int64_t> now_;
};

std::int64_t to_millis(Timestamp time);
Timestamp from_millis(std::int64_t millis);
std::int64_t to_seconds(Timestamp time);  // as in JWT: whole seconds since 1970
Timestamp from_seconds(std::int64_t seconds);

// "2026-11-21T09:30:00.000Z", the form of Okta's API.
std::string to_iso8601(Timestamp time);
std::optional<Timestamp> from_iso8601(std::string_view text);
// "Sat, 21 Nov 2026 09:30:00 GMT", RFC 9110 §5.6.7.
std::string to_http_date(Timestamp time);
// All three forms that RFC 9110 §5.6.7 makes a recipient understand; nullopt for anything else, also for a wrong day of month.
std::optional<Timestamp> from_http_date(std::string_view text);

}  // namespace gatehouse
