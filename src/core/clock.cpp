#include "core/clock.h"

#include <fmt/format.h>

#include <algorithm>
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

constexpr std::array kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

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
  const auto p = split(time);
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT", kDays.at(p.weekday), static_cast<unsigned>(p.date.day()),
                     kMonths.at(static_cast<unsigned>(p.date.month()) - 1), static_cast<int>(p.date.year()),
                     p.time.hours().count(), p.time.minutes().count(), p.time.seconds().count());
}

std::optional<Timestamp> from_http_date(std::string_view text) {
  if (text.size() > 40) return std::nullopt;   // "Wednesday, 21-Nov-26 09:30:00 GMT" is the longest
  const std::string copy(text);
  char weekday[10]{}, month_name[4]{};
  int year = 0, used = 0;
  unsigned day = 0, hour = 0, minute = 0, second = 0;
  const auto all = [&](int fields, int wanted) { return fields == wanted && used == static_cast<int>(copy.size()); };
  const bool fixed = all(std::sscanf(copy.c_str(), "%3[A-Za-z], %2u %3[A-Za-z] %4d %2u:%2u:%2u GMT%n", weekday, &day, month_name, &year, &hour, &minute, &second, &used), 7);
  bool rfc850 = false;
  if (!fixed) {
    rfc850 = all(std::sscanf(copy.c_str(), "%9[A-Za-z], %2u-%3[A-Za-z]-%2d %2u:%2u:%2u GMT%n", weekday, &day, month_name, &year, &hour, &minute, &second, &used), 7);
    if (!rfc850 && !all(std::sscanf(copy.c_str(), "%3[A-Za-z] %3[A-Za-z] %2u %2u:%2u:%2u %4d%n", weekday, month_name, &day, &hour, &minute, &second, &year, &used), 7))
      return std::nullopt;
  }
  const auto is_named = [](std::string_view name) { return [name](const char* known) { return name.substr(0, 3) == known; }; };
  const auto month = std::ranges::find_if(kMonths, is_named(month_name));
  if (month == kMonths.end() || std::ranges::none_of(kDays, is_named(weekday)) || year < 0) return std::nullopt;
  if (rfc850) year += year < 70 ? 2000 : 1900;   // two digits: RFC 9110 has the nearest century; nothing cached is older than 1970
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month - kMonths.begin()) + 1), std::chrono::day(day)};
  if (!date.ok() || year < 1601 || hour > 23 || minute > 59 || second > 60) return std::nullopt;
  return std::chrono::sys_days(date) + std::chrono::hours(hour) + std::chrono::minutes(minute) + Seconds(std::min(second, 59u));   // 60: a leap second
}

}  // namespace gatehouse
