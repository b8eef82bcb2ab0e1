#include "expr/zones.h"

#include <date/tz.h>
#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <optional>

#include "core/text.h"

namespace gatehouse::expr {
namespace {

constexpr std::size_t kNameMax = 64;

// Joda-Time's DateTimeZone.getConvertedId: what java.util.TimeZone's short names mean. The last two are names that left
// the tz database and are in Okta's table.
constexpr std::pair<std::string_view, std::string_view> kOldNames[] = {{"ACT", "Australia/Darwin"},
                                                                       {"AET", "Australia/Sydney"},
                                                                       {"AGT", "America/Argentina/Buenos_Aires"},
                                                                       {"ART", "Africa/Cairo"},
                                                                       {"AST", "America/Anchorage"},
                                                                       {"BET", "America/Sao_Paulo"},
                                                                       {"BST", "Asia/Dhaka"},
                                                                       {"CAT", "Africa/Harare"},
                                                                       {"CNT", "America/St_Johns"},
                                                                       {"CST", "America/Chicago"},
                                                                       {"CTT", "Asia/Shanghai"},
                                                                       {"EAT", "Africa/Addis_Ababa"},
                                                                       {"ECT", "Europe/Paris"},
                                                                       {"EST", "America/New_York"},
                                                                       {"HST", "Pacific/Honolulu"},
                                                                       {"IET", "America/Indiana/Indianapolis"},
                                                                       {"IST", "Asia/Kolkata"},
                                                                       {"JST", "Asia/Tokyo"},
                                                                       {"MIT", "Pacific/Apia"},
                                                                       {"MST", "America/Denver"},
                                                                       {"NET", "Asia/Yerevan"},
                                                                       {"NST", "Pacific/Auckland"},
                                                                       {"PLT", "Asia/Karachi"},
                                                                       {"PNT", "America/Phoenix"},
                                                                       {"PRT", "America/Puerto_Rico"},
                                                                       {"PST", "America/Los_Angeles"},
                                                                       {"SST", "Pacific/Guadalcanal"},
                                                                       {"VST", "Asia/Ho_Chi_Minh"},
                                                                       {"US/Pacific-New", "America/Los_Angeles"},
                                                                       {"Canada/East-Saskatchewan", "America/Regina"}};

bool is_utc(std::string_view zone) { return zone.empty() || zone == "UTC" || zone == "Z" || zone == "GMT"; }

// "+02:00", "-0530", "+9".
std::optional<std::chrono::seconds> fixed_offset(std::string_view zone) {
  if (zone.size() < 2 || (zone[0] != '+' && zone[0] != '-')) return std::nullopt;
  std::string digits;
  for (const char c : zone.substr(1)) {
    if (c == ':' && digits.size() == 2) continue;
    if (!is_digit(c)) return std::nullopt;
    digits += c;
  }
  if (digits.size() > 4 || digits.size() == 3) return std::nullopt;
  const auto hours = *parse_int(digits.substr(0, 2)), minutes = digits.size() == 4 ? *parse_int(digits.substr(2)) : 0;
  if (hours > 18 || minutes > 59) return std::nullopt;
  return std::chrono::seconds((hours * 60 + minutes) * 60 * (zone[0] == '-' ? -1 : 1));
}

Result<const date::time_zone*> named(std::string_view zone) {
  for (const auto& [old, now] : kOldNames)
    if (zone == old) zone = now;
  // The name becomes a file name in there: letters, digits, and what zone names have.
  const bool plain = zone.size() <= kNameMax && std::all_of(zone.begin(), zone.end(), [](char c) {
                       return is_alnum(c) || c == '/' || c == '_' || c == '+' || c == '-';
                     });
  if (plain && !zone.empty() && zone.front() != '/') {
    try {
      return date::locate_zone(zone);
    } catch (const std::exception&) {  // the library's only way to say "unknown"
    }
  }
  return failure(Fault::invalid,
                 fmt::format("'{}' is not a known time zone; write one like 'Europe/Berlin', 'EST' or '+02:00'",
                             plain ? zone : "this text"));
}

}  // namespace

Result<void> check_zone(std::string_view zone) {
  if (is_utc(zone) || fixed_offset(zone)) return {};
  GH_DO(named(zone));
  return {};
}

Result<Offset> offset_at(std::string_view zone, Timestamp at) {
  if (is_utc(zone)) return Offset{std::chrono::seconds(0), "UTC"};
  if (const auto fixed = fixed_offset(zone)) return Offset{*fixed, std::string(zone)};
  GH_TRY(const auto* found, named(zone));
  try {
    const auto info = found->get_info(std::chrono::floor<std::chrono::seconds>(at));
    return Offset{info.offset, info.abbrev};
  } catch (const std::exception&) {
    return failure(Fault::internal, "the time-zone database of this machine cannot be read; install tzdata");
  }
}

Result<Timestamp> from_local(std::string_view zone, std::chrono::local_time<Millis> local) {
  const Timestamp as_utc(local.time_since_epoch());
  if (is_utc(zone)) return as_utc;
  if (const auto fixed = fixed_offset(zone)) return as_utc - *fixed;
  GH_TRY(const auto* found, named(zone));
  try {
    return as_utc - found->get_info(date::local_time<Millis>(local.time_since_epoch())).first.offset;
  } catch (const std::exception&) {
    return failure(Fault::internal, "the time-zone database of this machine cannot be read; install tzdata");
  }
}

}  // namespace gatehouse::expr
