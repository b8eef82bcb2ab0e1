// Time zones: names of the tz database, the old three-letter names as Joda-Time reads them ("EST" is New York),
// offsets. Reads the system's tz database when a zone is first asked for, and keeps it.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "core/error.h"

namespace gatehouse::expr {

struct Offset {
  std::chrono::seconds from_utc{0};
  std::string abbreviation;  // "EDT"; "UTC"
};

Result<void> check_zone(std::string_view zone);  // "" is UTC
Result<Offset> offset_at(std::string_view zone, Timestamp at);
// The instant at which clocks in `zone` show `local`. In a gap the later, in an overlap the earlier offset holds.
Result<Timestamp> from_local(std::string_view zone, std::chrono::local_time<Millis> local);

}  // namespace gatehouse::expr
