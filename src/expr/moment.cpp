#include "expr/moment.h"

#include <fmt/format.h>

#include "core/text.h"
#include "expr/zones.h"

namespace gatehouse::expr {
namespace {

using std::chrono::sys_days;
using std::chrono::year;

constexpr Timestamp kFirst = sys_days(year(0) / 1 / 1);
constexpr Timestamp kEnd = sys_days(year(10'000) / 1 / 1);
constexpr std::int64_t kWindowsEpoch = 11'644'473'600'000;  // milliseconds from 1601 to 1970
constexpr std::int64_t kTicksPerMilli = 10'000;

Result<Moment> in_range(Timestamp at, std::string zone) {
  if (at < kFirst || at >= kEnd) return failure(Fault::invalid, "the time is outside the years 0 to 9999");
  return Moment{at, std::move(zone)};
}

std::unexpected<Error> not_iso() {
  return failure(Fault::invalid, "not a time in ISO 8601; write it like 2015-07-31T17:18:37.979Z");
}

// Takes `count` digits from the front.
std::optional<int> digits(std::string_view& text, std::size_t count) {
  if (text.size() < count) return std::nullopt;
  int number = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (!is_digit(text[i])) return std::nullopt;
    number = number * 10 + (text[i] - '0');
  }
  text.remove_prefix(count);
  return number;
}

bool take(std::string_view& text, char c) {
  if (text.empty() || text.front() != c) return false;
  text.remove_prefix(1);
  return true;
}

struct Clockface {
  int hour = 0, minute = 0, second = 0, milli = 0;
};

std::optional<Clockface> read_clock(std::string_view& text) {
  Clockface face;
  const auto hour = digits(text, 2);
  if (!hour || *hour > 23) return std::nullopt;
  face.hour = *hour;
  if (!take(text, ':')) return face;
  const auto minute = digits(text, 2);
  if (!minute || *minute > 59) return std::nullopt;
  face.minute = *minute;
  if (!take(text, ':')) return face;
  const auto second = digits(text, 2);
  if (!second || *second > 59) return std::nullopt;
  face.second = *second;
  if (!take(text, '.')) return face;
  int scale = 100;
  bool any = false;
  for (; !text.empty() && is_digit(text.front()); text.remove_prefix(1), scale /= 10, any = true)
    face.milli += (text.front() - '0') * scale;  // finer than a millisecond is cut off
  return any ? std::optional(face) : std::nullopt;
}

std::string zone_suffix(std::chrono::seconds offset) {
  const auto minutes = std::abs(offset.count()) / 60;
  return fmt::format("{}{:02}:{:02}", offset.count() < 0 ? '-' : '+', minutes / 60, minutes % 60);
}

}  // namespace

Result<Moment> parse_iso8601(std::string_view text) {
  const auto y = digits(text, 4);
  if (!y || !take(text, '-')) return not_iso();
  const auto m = digits(text, 2);
  if (!m || !take(text, '-')) return not_iso();
  const auto d = digits(text, 2);
  if (!d) return not_iso();
  const std::chrono::year_month_day day(year(*y), std::chrono::month(static_cast<unsigned>(*m)),
                                        std::chrono::day(static_cast<unsigned>(*d)));
  if (!day.ok()) return failure(Fault::invalid, "there is no such day in the calendar");
  Clockface face;
  if (take(text, 'T')) {
    const auto read = read_clock(text);
    if (!read) return not_iso();
    face = *read;
  }
  auto at = Timestamp(sys_days(day)) + std::chrono::hours(face.hour) + std::chrono::minutes(face.minute) +
            std::chrono::seconds(face.second) + Millis(face.milli);
  if (!text.empty() && text != "Z") {
    if (text.size() != 3 && text.size() != 5 && text.size() != 6) return not_iso();
    if (text.front() != '+' && text.front() != '-') return not_iso();
    const auto offset = offset_at(text, at);
    if (!offset) return not_iso();
    at -= offset->from_utc;
  }
  return in_range(at, {});
}

Result<std::string> to_offset_text(const Moment& moment) {
  if (moment.zone.empty()) return to_iso8601(moment.at);
  GH_TRY(const auto offset, offset_at(moment.zone, moment.at));
  auto local = to_iso8601(moment.at + offset.from_utc);
  local.pop_back();  // the Z
  return local + zone_suffix(offset.from_utc);
}

Result<std::string> to_text(const Moment& moment) {
  GH_TRY(auto text, to_offset_text(moment));
  const bool named = !moment.zone.empty() && moment.zone.front() != '+' && moment.zone.front() != '-';
  return named ? text + "[" + moment.zone + "]" : text;
}

Result<std::string> to_short_text(const Moment& moment) {
  GH_TRY(auto text, to_text(moment));
  if (const auto zeros = text.find(".000"); zeros != std::string::npos) text.erase(zeros, 4);
  return text;
}

Result<Moment> from_unix(std::int64_t millis) {
  if (millis < to_millis(kFirst) || millis >= to_millis(kEnd))
    return failure(Fault::invalid, "the time is outside the years 0 to 9999");
  return Moment{from_millis(millis), {}};
}

Result<Moment> from_windows(std::int64_t ticks) { return from_unix(ticks / kTicksPerMilli - kWindowsEpoch); }

std::int64_t to_windows(Timestamp at) { return (to_millis(at) + kWindowsEpoch) * kTicksPerMilli; }

Result<Moment> shifted(const Moment& moment, std::int64_t count, std::chrono::seconds unit) {
  constexpr std::int64_t kMost = 400'000'000'000;  // seconds: more than 10,000 years, far from overflow in milliseconds
  if (count > kMost / unit.count() || count < -kMost / unit.count())
    return failure(Fault::invalid, "the time is outside the years 0 to 9999");
  return in_range(moment.at + std::chrono::seconds(count * unit.count()), moment.zone);
}

}  // namespace gatehouse::expr
