// Times as text: ISO 8601 and the patterns of Joda-Time. Years 0 to 9999, English names, no locale.
#pragma once

#include <string>
#include <string_view>

#include "expr/value.h"

namespace gatehouse::expr {

inline constexpr std::size_t kPatternMax = 200;

// "2015-07-31", "2015-07-31T17:18", "…:37", "….979", each with "Z", "+02:00", "+0200" or nothing (UTC).
Result<Moment> parse_iso8601(std::string_view text);
// "2015-07-31T17:18:37.979Z"; with a zone "…+09:00", and "[Asia/Tokyo]" as ZonedDateTime has it.
Result<std::string> to_text(const Moment& moment);
Result<std::string> to_offset_text(const Moment& moment);  // without the name of the zone
Result<std::string> to_short_text(const Moment& moment);   // milliseconds only if there are some

// Letters: G C Y y x w e E D M d a K h H k m s S z Z (Joda-Time), u X (java.time), '…' quotes. Others are a fault.
Result<std::string> format(const Moment& moment, std::string_view pattern);
// `now` settles two-digit years: from 80 years back to 19 ahead, as Joda-Time does.
Result<Moment> parse(std::string_view text, std::string_view pattern, Timestamp now);

Result<Moment> from_windows(std::int64_t ticks);  // 100 ns since 1601
Result<Moment> from_unix(std::int64_t millis);
std::int64_t to_windows(Timestamp at);
// A fault when the year leaves 0..9999.
Result<Moment> shifted(const Moment& moment, std::int64_t count, std::chrono::seconds unit);

}  // namespace gatehouse::expr
