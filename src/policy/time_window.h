// When a rule holds: days and hours on the clocks of one place, and instants before and after which it does not.
#pragma once

#include <array>
#include <optional>
#include <string>

#include "core/error.h"
#include "policy/facts.h"

namespace gatehouse::policy {

struct TimeWindow {
  std::array<bool, 7> days{true, true, true, true, true, true, true};   // Sunday first
  // Minutes since midnight. A window that ends before it begins goes past midnight and belongs to the day it begins on.
  std::optional<int> from = {}, until = {};
  std::string zone = {};                                                     // tz database; empty: UTC
  std::optional<Timestamp> since = {}, before = {};

  Result<void> validate() const;
  Truth holds(Timestamp now) const;
};

// "08:30" -> 510; "24:00" is the end of a day.
Result<int> parse_minute(std::string_view text);
// "mon", "Monday" -> 1; Sunday is 0.
std::optional<std::size_t> parse_day(std::string_view text);

}  // namespace gatehouse::policy
