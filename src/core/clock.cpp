#include "core/clock.h"

#include <fmt/format.h>

#include <array>
#include <cstdio>

namespace gatehouse {
namespace {

class SystemClock final : public Clock {
 public:
  Timestamp now() const override {
    return std::chrono::time_point_cast<Millis>(std::chrono::system_clock::now());
  }
};

struct Parts {
  std::chrono::year_month_day date;
  std::chrono::hh_mm_ss<Millis> time;
  unsigned weekday;
};

Parts split(Timestamp time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  return {.date = day, .time = std::chrono::hh_mm_ss<Millis>(time - day), .weekday = std::chrono::weekday(day).c_encoding()};
}

}  // namespace

std::unique_ptr<Clock> system_clock() { return std::make_unique<SystemClock>(); }

std::int64_t to_millis(Timestamp time) { return time.time_since_epoch().count(); }
Timestamp from_millis(std::int64_t millis) { return Timestamp(Millis(millis)); }
std::int64_t to_seconds(Timestamp time) {
  return std::chrono::floor<Seconds>(time).time_since_epoch().count();
}
Timestamp from_seconds(std::int64_t seconds) { return Timestamp(Seconds(seconds)); }

std::string to_iso8601(Timestamp time) {
  const auto p = split(time);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(p.date.year()),
                     static_cast<unsigned>(p.date.month()), static_cast<unsigned>(p.date.day()), p.time.hours().count(),
                     p.time.minutes().count(), p.time.seconds().count(), p.time.subseconds().count());
}

std::optional<Timestamp> from_iso8601(std::string_view text) {
  int year = 0, used = 0;
  unsigned month = 0, day = 0, hour = 0, minute = 0, second = 0, milli = 0;
  const std::string copy(text);
  if (std::sscanf(copy.c_str(), "%4d-%2u-%2uT%2u:%2u:%2u%n", &year, &month, &day, &hour, &minute, &second, &used) != 6)
    return std::nullopt;
  auto rest = std::string_view(copy).substr(static_cast<std::size_t>(used));
  if (rest.starts_with('.')) {
    if (rest.size() < 5 || std::sscanf(rest.data(), ".%3u", &milli) != 1) return std::nullopt;
    rest.remove_prefix(4);
  }
  if (rest != "Z") return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(month), std::chrono::day(day)};
  if (!date.ok() || hour > 23 || minute > 59 || second > 59) return std::nullopt;
  return std::chrono::sys_days(date) + std::chrono::hours(hour) + std::chrono::minutes(minute) + Seconds(second) + Millis(milli);
}

std::string to_http_date(Timestamp time) {
  static constexpr std::array kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr std::array kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto p = split(time);
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT", kDays.at(p.weekday), static_cast<unsigned>(p.date.day()),
                     kMonths.at(static_cast<unsigned>(p.date.month()) - 1), static_cast<int>(p.date.year()),
                     p.time.hours().count(), p.time.minutes().count(), p.time.seconds().count());
}

}  // namespace gatehouse
