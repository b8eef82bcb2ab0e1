// Time.*, DateTime.now() and the methods of times. A string in ISO 8601 is as good as a time.
#include <fmt/format.h>

#include "core/text.h"
#include "expr/function.h"
#include "expr/moment.h"
#include "expr/zones.h"

namespace gatehouse::expr {
namespace {

using namespace std::chrono;

// Reading and writing by a pattern, and asking for a zone, take longer than other functions.
constexpr std::size_t kPatternSteps = 20, kZoneSteps = 10;

Result<std::string> formatted(Call& call, const Moment& moment, std::string_view pattern) {
  GH_DO(call.meter.step(kPatternSteps + pattern.size()));
  return format(moment, pattern);
}

Result<std::int64_t> stamp(Call& call) {
  GH_TRY(const auto text, call.text(0));
  const auto number = parse_int(trim(text));
  if (!number) return failure(Fault::invalid, "the timestamp is not a whole number");
  return *number;
}

Result<Value> iso(Call& call, const Moment& moment) {
  GH_TRY(auto written, to_offset_text(moment));
  return text(call.meter, std::move(written));
}

Result<Value> now_text(Call& call) {
  Moment moment{call.now, {}};
  if (!call.is_null(0)) {
    GH_DO(call.meter.step(kZoneSteps));
    GH_TRY(moment.zone, call.text(0));
    GH_DO(check_zone(moment.zone));
  }
  if (call.is_null(1)) return iso(call, moment);
  GH_TRY(const auto pattern, call.text(1));
  GH_TRY(auto written, formatted(call, moment, pattern));
  return text(call.meter, std::move(written));
}

Result<Value> now_time(Call& call) { return Value{Moment{call.now, {}}}; }

Result<Value> from_windows_text(Call& call) {
  if (call.is_null(0)) return null();
  GH_TRY(const auto ticks, stamp(call));
  GH_TRY(const auto moment, from_windows(ticks));
  return iso(call, moment);
}

Result<Value> from_unix_text(Call& call) {
  if (call.is_null(0)) return null();
  GH_TRY(const auto millis, stamp(call));
  GH_TRY(const auto moment, from_unix(millis));
  return iso(call, moment);
}

Result<Moment> read(Call& call) {
  GH_TRY(const auto time, call.text(0));
  if (call.is_null(1)) return parse_iso8601(time);
  GH_TRY(const auto pattern, call.text(1));
  GH_DO(call.meter.step(kPatternSteps + pattern.size()));
  return parse(time, pattern, call.now);
}

Result<Value> from_string_text(Call& call) {
  if (call.is_null(0)) return null();
  GH_TRY(const auto moment, read(call));
  return iso(call, moment);
}

Result<Value> to_windows_text(Call& call) {
  if (call.is_null(0)) return null();
  GH_TRY(const auto moment, call.moment(0));
  return Value{std::to_string(to_windows(moment.at))};
}

Result<Value> to_unix_text(Call& call) {
  if (call.is_null(0)) return null();
  GH_TRY(const auto moment, call.moment(0));
  return Value{std::to_string(to_millis(moment.at))};
}

Result<Value> to_pattern(Call& call) {
  if (call.is_null(0)) return null();
  GH_TRY(const auto moment, call.moment(0));
  GH_TRY(const auto pattern, call.text(1));
  GH_TRY(auto written, formatted(call, moment, pattern));
  return text(call.meter, std::move(written));
}

Result<Value> parse_windows(Call& call) {
  GH_TRY(const auto ticks, stamp(call));
  GH_TRY(auto moment, from_windows(ticks));
  return Value{std::move(moment)};
}

Result<Value> parse_unix(Call& call) {
  GH_TRY(const auto millis, stamp(call));
  GH_TRY(auto moment, from_unix(millis));
  return Value{std::move(moment)};
}

Result<Value> parse_string(Call& call) {
  GH_TRY(auto moment, read(call));
  return Value{std::move(moment)};
}

Result<Value> to_string(Call& call) {
  if (call.size() > 1) return to_pattern(call);
  const auto* moment = call.arguments[0].as<Moment>();
  GH_TRY(auto written, moment == nullptr ? call.text(0) : to_short_text(*moment));
  return text(call.meter, std::move(written));
}

Result<Value> to_zone(Call& call) {
  GH_TRY(auto moment, call.moment(0));
  GH_DO(call.meter.step(kZoneSteps));
  GH_TRY(moment.zone, call.text(1));
  GH_DO(check_zone(moment.zone));
  if (moment.zone == "UTC" || moment.zone == "Z") moment.zone.clear();
  return Value{std::move(moment)};
}

template <std::int64_t kUnit, int kSign>
Result<Value> shift(Call& call) {
  GH_TRY(const auto moment, call.moment(0));
  GH_TRY(const auto count, call.whole(1));
  if (count == std::numeric_limits<std::int64_t>::min()) return failure(Fault::invalid, "the time is outside the years 0 to 9999");
  GH_TRY(auto made, shifted(moment, count * kSign, seconds(kUnit)));
  return Value{std::move(made)};
}

// Not further from now than that, before or after.
template <std::int64_t kUnit>
Result<Value> within(Call& call) {
  GH_TRY(const auto moment, call.moment(0));
  GH_TRY(const auto count, call.whole(1));
  constexpr std::int64_t kMost = 400'000'000'000;
  if (count > kMost / kUnit) return boolean(true);
  const auto away = moment.at > call.now ? moment.at - call.now : call.now - moment.at;
  return boolean(count >= 0 && away <= seconds(count * kUnit));
}

constexpr std::int64_t kMinute = 60, kHour = 3600, kDay = 86400;

constexpr Function kRows[] = {
    {"Time.now", Place::function, Family::time, 0, 2, now_text, "Time.now(zone, pattern)"},
    {"Time.fromWindowsToIso8601", Place::function, Family::time, 1, 1, from_windows_text, "Time.fromWindowsToIso8601(text)"},
    {"Time.fromUnixToIso8601", Place::function, Family::time, 1, 1, from_unix_text, "Time.fromUnixToIso8601(milliseconds)"},
    {"Time.fromStringToIso8601", Place::function, Family::time, 2, 2, from_string_text, "Time.fromStringToIso8601(text, pattern)"},
    {"Time.fromIso8601ToWindows", Place::function, Family::time, 1, 1, to_windows_text, "Time.fromIso8601ToWindows(time)"},
    {"Time.fromIso8601ToUnix", Place::function, Family::time, 1, 1, to_unix_text, "Time.fromIso8601ToUnix(time)"},
    {"Time.fromIso8601ToString", Place::function, Family::time, 2, 2, to_pattern, "Time.fromIso8601ToString(time, pattern)"},
    {"DateTime.now", Place::function, Family::time, 0, 0, now_time, "DateTime.now()"},

    {"parseWindowsTime", Place::method, Family::time, 0, 0, parse_windows, "text.parseWindowsTime()"},
    {"parseUnixTime", Place::method, Family::time, 0, 0, parse_unix, "text.parseUnixTime()"},
    {"parseStringTime", Place::method, Family::time, 0, 1, parse_string, "text.parseStringTime(pattern)"},
    {"toWindows", Place::method, Family::time, 0, 0, to_windows_text, "time.toWindows()"},
    {"toUnix", Place::method, Family::time, 0, 0, to_unix_text, "time.toUnix()"},
    {"toString", Place::method, Family::time, 0, 1, to_string, "time.toString(pattern)"},
    {"toZone", Place::method, Family::time, 1, 1, to_zone, "time.toZone(zone)"},
    {"plusDays", Place::method, Family::time, 1, 1, shift<kDay, 1>, "time.plusDays(days)"},
    {"plusHours", Place::method, Family::time, 1, 1, shift<kHour, 1>, "time.plusHours(hours)"},
    {"plusMinutes", Place::method, Family::time, 1, 1, shift<kMinute, 1>, "time.plusMinutes(minutes)"},
    {"plusSeconds", Place::method, Family::time, 1, 1, shift<1, 1>, "time.plusSeconds(seconds)"},
    {"minusDays", Place::method, Family::time, 1, 1, shift<kDay, -1>, "time.minusDays(days)"},
    {"minusHours", Place::method, Family::time, 1, 1, shift<kHour, -1>, "time.minusHours(hours)"},
    {"minusMinutes", Place::method, Family::time, 1, 1, shift<kMinute, -1>, "time.minusMinutes(minutes)"},
    {"minusSeconds", Place::method, Family::time, 1, 1, shift<1, -1>, "time.minusSeconds(seconds)"},
    {"withinDays", Place::method, Family::time, 1, 1, within<kDay>, "time.withinDays(days)"},
    {"withinHours", Place::method, Family::time, 1, 1, within<kHour>, "time.withinHours(hours)"},
    {"withinMinutes", Place::method, Family::time, 1, 1, within<kMinute>, "time.withinMinutes(minutes)"},
    {"withinSeconds", Place::method, Family::time, 1, 1, within<1>, "time.withinSeconds(seconds)"},
};

}  // namespace

std::span<const Function> time_functions() { return kRows; }

}  // namespace gatehouse::expr
