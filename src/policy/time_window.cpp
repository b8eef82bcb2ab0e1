#include "policy/time_window.h"

#include <algorithm>

#include "core/text.h"
#include "expr/zones.h"

namespace gatehouse::policy {

namespace {

constexpr int kDay = 24 * 60;
constexpr std::array<std::string_view, 7> kDays{"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"};

}  // namespace

Result<int> parse_minute(std::string_view text) {
  const auto hour = text.size() == 5 ? parse_int(text.substr(0, 2)) : std::nullopt;
  const auto minute = text.size() == 5 && text[2] == ':' ? parse_int(text.substr(3)) : std::nullopt;
  if (!hour || !minute || *hour < 0 || *minute < 0 || *minute > 59 || *hour * 60 + *minute > kDay)
    return failure(Fault::invalid, "'" + std::string(text) + "' is not a time of day like 08:30");
  return static_cast<int>(*hour * 60 + *minute);
}

std::optional<std::size_t> parse_day(std::string_view text) {
  const auto low = to_lower(text);
  for (std::size_t day = 0; day < kDays.size(); ++day)
    if (low == kDays[day] || low == kDays[day].substr(0, 3)) return day;
  return std::nullopt;
}

Result<void> TimeWindow::validate() const {
  if (from.has_value() != until.has_value()) return failure(Fault::invalid, "`from` and `until` go together");
  if (from && *from == *until) return failure(Fault::invalid, "`from` and `until` are the same: the window is empty");
  if (since && before && *since >= *before) return failure(Fault::invalid, "`since` is not before `before`: the window is empty");
  if (std::ranges::none_of(days, [](bool day) { return day; })) return failure(Fault::invalid, "no day is named");
  if (auto known = expr::check_zone(zone); !known) return failure(Fault::invalid, "'" + zone + "' is not a time zone like Europe/Berlin");
  return {};
}

Truth TimeWindow::holds(Timestamp now) const {
  if (since && now < *since) return Truth::no;
  if (before && now >= *before) return Truth::no;
  const auto offset = expr::offset_at(zone, now);
  if (!offset) return Truth::unknown;
  const auto local = now + offset->from_utc;
  const auto midnight = std::chrono::floor<std::chrono::days>(local);
  const auto today = std::chrono::weekday(midnight).c_encoding();
  const auto minute = static_cast<int>(std::chrono::floor<std::chrono::minutes>(local - midnight).count());
  if (!from) return truth(days[today]);
  if (*from < *until) return truth(days[today] && minute >= *from && minute < *until);
  return truth((days[today] && minute >= *from) || (days[(today + 6) % 7] && minute < *until));
}

}  // namespace gatehouse::policy
