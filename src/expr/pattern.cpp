// Patterns of Joda-Time: https://www.joda.org/joda-time/key_format.html (function half of moment.h).
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "core/text.h"
#include "expr/moment.h"
#include "expr/zones.h"

namespace gatehouse::expr {
namespace {

using namespace std::chrono;

constexpr std::array<std::string_view, 12> kMonths{"January",   "February", "March",    "April",
                                                   "May",       "June",     "July",     "August",
                                                   "September", "October",  "November", "December"};
constexpr std::array<std::string_view, 7> kDays{"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                "Thursday", "Friday", "Saturday"};
constexpr std::string_view kLetters = "GCYyxweEDMdaKhHkmsSzZuX";

// A run of one letter, or literal text (letter 0).
struct Piece {
  char letter = 0;
  std::size_t count = 0;
  std::string literal;
};

Result<std::vector<Piece>> pieces(std::string_view pattern) {
  if (pattern.empty() || pattern.size() > kPatternMax)
    return failure(Fault::invalid,
                   fmt::format("a time pattern has 1 to {} characters, like yyyy-MM-dd HH:mm:ss", kPatternMax));
  std::vector<Piece> made;
  const auto literal = [&](char c) {
    if (made.empty() || made.back().letter != 0) made.push_back({});
    made.back().literal += c;
  };
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c == '\'') {
      if (i + 1 < pattern.size() && pattern[i + 1] == '\'') {
        literal(pattern[i++]);
        continue;
      }
      for (++i; i < pattern.size(); ++i) {
        if (pattern[i] != '\'') literal(pattern[i]);
        else if (i + 1 < pattern.size() && pattern[i + 1] == '\'') literal(pattern[i++]);
        else break;
      }
      if (i >= pattern.size()) return failure(Fault::invalid, "a quote in the time pattern is not closed");
    } else if (!is_alpha(c)) {
      literal(c);
    } else if (kLetters.find(c) == std::string_view::npos) {
      return failure(Fault::invalid, fmt::format("'{}' means nothing in a time pattern; put text in single quotes", c));
    } else if (!made.empty() && made.back().letter == c) {
      ++made.back().count;
    } else {
      made.push_back({c, 1, {}});
    }
  }
  return made;
}

struct Local {
  year_month_day day;
  weekday of_week;
  int day_of_year;
  std::int64_t hour, minute, second, milli;
  int week_year, week;
};

Local fields(Timestamp local) {
  const auto midnight = floor<days>(local);
  const year_month_day day(midnight);
  const hh_mm_ss time(local - midnight);
  const weekday of_week(midnight);
  // ISO 8601: the week belongs to the year of its Thursday.
  const auto thursday = midnight - days(of_week.iso_encoding() - 1) + days(3);
  const auto week_year = year_month_day(thursday).year();
  const auto first = sys_days(week_year / January / 1);
  return {day,
          of_week,
          static_cast<int>((midnight - sys_days(day.year() / January / 1)).count()) + 1,
          time.hours().count(),
          time.minutes().count(),
          time.seconds().count(),
          time.subseconds().count(),
          static_cast<int>(week_year),
          static_cast<int>((thursday - first).count() / 7) + 1};
}

std::string padded(std::int64_t number, std::size_t width) { return fmt::format("{:0{}}", number, width); }
std::string name(std::string_view full, std::size_t count) {
  return std::string(count >= 4 ? full : full.substr(0, 3));
}

std::string offset_text(seconds offset, std::string_view colon) {
  const auto minutes = std::abs(offset.count()) / 60;
  return fmt::format("{}{:02}{}{:02}", offset.count() < 0 ? '-' : '+', minutes / 60, colon, minutes % 60);
}

std::string zone_text(const Piece& piece, const Moment& moment, const Offset& offset) {
  if (piece.letter == 'z') return offset.abbreviation;
  if (piece.letter == 'X')
    return offset.from_utc.count() == 0 ? "Z" : offset_text(offset.from_utc, piece.count == 3 ? ":" : "");
  if (piece.count >= 3) return moment.zone.empty() ? "UTC" : moment.zone;
  return offset_text(offset.from_utc, piece.count == 2 ? ":" : "");
}

std::string fraction(std::int64_t milli, std::size_t count) {
  auto text = padded(milli, 3);
  text.resize(count, '0');
  return text;
}

std::string written(const Piece& piece, const Local& local, const Moment& moment, const Offset& offset) {
  const auto n = piece.count;
  const int y = static_cast<int>(local.day.year());
  switch (piece.letter) {
    case 0: return piece.literal;
    case 'G': return "AD";
    case 'C': return padded(y / 100, n);
    case 'Y':
    case 'y':
    case 'u': return n == 2 ? padded(y % 100, 2) : padded(y, n);
    case 'x': return n == 2 ? padded(local.week_year % 100, 2) : padded(local.week_year, n);
    case 'w': return padded(local.week, n);
    case 'e': return padded(local.of_week.iso_encoding(), n);
    case 'E': return name(kDays[local.of_week.c_encoding()], n);
    case 'D': return padded(local.day_of_year, n);
    case 'M': {
      const auto month = static_cast<unsigned>(local.day.month());
      return n >= 3 ? name(kMonths[month - 1], n) : padded(month, n);
    }
    case 'd': return padded(static_cast<unsigned>(local.day.day()), n);
    case 'a': return local.hour < 12 ? "AM" : "PM";
    case 'K': return padded(local.hour % 12, n);
    case 'h': return padded((local.hour + 11) % 12 + 1, n);
    case 'H': return padded(local.hour, n);
    case 'k': return padded((local.hour + 23) % 24 + 1, n);
    case 'm': return padded(local.minute, n);
    case 's': return padded(local.second, n);
    case 'S': return fraction(local.milli, n);
    default: return zone_text(piece, moment, offset);
  }
}

// What reading has found so far; -1: not given.
struct Found {
  int year = -1, month = -1, day = -1, day_of_year = -1, hour = -1, hour12 = -1, half = -1, minute = 0, second = 0,
      milli = 0;
  std::string zone;
};

struct Reading {
  std::string_view rest;
  Found found;
  int pivot;  // first year that two digits can mean

  bool literal(std::string_view text) {
    if (!rest.starts_with(text)) return false;
    rest.remove_prefix(text.size());
    return true;
  }
  // Up to `most` digits (never more than fit an int), at least one.
  std::optional<int> number(std::size_t most) {
    most = std::min<std::size_t>(most, 9);
    std::size_t n = 0;
    int value = 0;
    for (; n < most && n < rest.size() && is_digit(rest[n]); ++n) value = value * 10 + (rest[n] - '0');
    rest.remove_prefix(n);
    return n == 0 ? std::nullopt : std::optional(value);
  }
  template <std::size_t N>
  std::optional<int> word(const std::array<std::string_view, N>& words) {
    for (const auto full : {true, false}) {
      for (std::size_t i = 0; i < N; ++i) {
        const auto wanted = full ? words[i] : words[i].substr(0, 3);
        if (!equal_ignoring_case(rest.substr(0, wanted.size()), wanted)) continue;
        rest.remove_prefix(wanted.size());
        return static_cast<int>(i);
      }
    }
    return std::nullopt;
  }
  bool zone() {
    std::size_t n = 0;
    while (n < rest.size() && (is_alnum(rest[n]) || rest[n] == '/' || rest[n] == '_' || rest[n] == '+' ||
                               rest[n] == '-' || rest[n] == ':'))
      ++n;
    found.zone = std::string(rest.substr(0, n));
    rest.remove_prefix(n);
    if (found.zone == "Z") found.zone.clear();
    return n > 0 && check_zone(found.zone).has_value();
  }
  bool year_of(const Piece& piece, bool adjacent) {
    const auto before = rest.size();
    const auto value = number(adjacent ? std::min<std::size_t>(piece.count, 4) : 4);
    if (!value) return false;
    found.year = *value;
    if (piece.count == 2 && before - rest.size() == 2) {
      found.year = pivot - pivot % 100 + *value;
      if (found.year < pivot) found.year += 100;
    }
    return true;
  }
  bool piece(const Piece& piece, bool adjacent);
};

bool Reading::piece(const Piece& piece, bool adjacent) {
  const auto into = [&](int& field, std::size_t most, int low, int high) {
    const auto value = number(adjacent ? piece.count : most);
    if (!value || *value < low || *value > high) return false;
    field = *value;
    return true;
  };
  const auto put = [](int& field, std::optional<int> value, int add) {
    return value ? (field = *value + add, true) : false;
  };
  int ignored = 0;
  switch (piece.letter) {
    case 0: return literal(piece.literal);
    case 'G': return literal("AD") || literal("CE");
    case 'Y':
    case 'y':
    case 'u': return year_of(piece, adjacent);
    case 'e': return into(ignored, 1, 1, 7);
    case 'E': return put(ignored, word(kDays), 0);
    case 'D': return into(found.day_of_year, 3, 1, 366);
    case 'M': return piece.count >= 3 ? put(found.month, word(kMonths), 1) : into(found.month, 2, 1, 12);
    case 'd': return into(found.day, 2, 1, 31);
    case 'a': return put(found.half, word(std::array<std::string_view, 2>{"AM", "PM"}), 0);
    case 'K': return into(found.hour12, 2, 0, 11);
    case 'h': return into(found.hour12, 2, 1, 12) && (found.hour12 %= 12, true);
    case 'H': return into(found.hour, 2, 0, 23);
    case 'k': return into(found.hour, 2, 1, 24) && (found.hour %= 24, true);
    case 'm': return into(found.minute, 2, 0, 59);
    case 's': return into(found.second, 2, 0, 59);
    case 'S': {
      const auto before = rest.size();
      const auto value = number(adjacent ? piece.count : 9);
      if (!value) return false;
      std::int64_t milli = *value;
      for (auto n = before - rest.size(); n < 3; ++n) milli *= 10;
      for (auto n = before - rest.size(); n > 3; --n) milli /= 10;
      return found.milli = static_cast<int>(milli), true;
    }
    case 'Z':
    case 'X': return zone();
    default: return false;  // C, x, w, z: can be written, not read (as in Joda-Time for z)
  }
}

Result<Moment> settled(const Found& found) {
  const auto y = year(found.year < 0 ? 2000 : found.year);  // Joda-Time's default year
  sys_days date;
  if (found.day_of_year > 0) {
    if (found.day_of_year == 366 && !y.is_leap())
      return failure(Fault::invalid, "there is no such day in the calendar");
    date = sys_days(y / January / 1) + days(found.day_of_year - 1);
  } else {
    const year_month_day day(y, month(static_cast<unsigned>(std::max(found.month, 1))),
                             std::chrono::day(static_cast<unsigned>(std::max(found.day, 1))));
    if (!day.ok()) return failure(Fault::invalid, "there is no such day in the calendar");
    date = day;
  }
  const int hour = found.hour >= 0 ? found.hour : std::max(found.hour12, 0) + (found.half == 1 ? 12 : 0);
  const local_time<Millis> local(date.time_since_epoch() + hours(hour) + minutes(found.minute) + seconds(found.second) +
                                 Millis(found.milli));
  GH_TRY(const auto at, from_local(found.zone, local));
  return from_unix(to_millis(at));
}

bool is_numeric(const Piece& piece) {
  return std::string_view("CYyxweDdKhHkmsSu").find(piece.letter == 0 ? '?' : piece.letter) != std::string_view::npos ||
         (piece.letter == 'M' && piece.count < 3);
}

}  // namespace

Result<std::string> format(const Moment& moment, std::string_view pattern) {
  GH_TRY(const auto parts, pieces(pattern));
  GH_TRY(const auto offset, offset_at(moment.zone, moment.at));
  const auto local = fields(moment.at + offset.from_utc);
  std::string text;
  for (const auto& piece : parts) text += written(piece, local, moment, offset);
  return text;
}

Result<Moment> parse(std::string_view text, std::string_view pattern, Timestamp now) {
  GH_TRY(const auto parts, pieces(pattern));
  const auto this_year = static_cast<int>(year_month_day(floor<days>(now)).year());
  Reading reading{text, {}, this_year - 80};
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const bool adjacent = i + 1 < parts.size() && is_numeric(parts[i + 1]);  // yyyyMMdd: the counts are the widths
    if (!reading.piece(parts[i], adjacent))
      return failure(Fault::invalid, fmt::format("the time does not fit its pattern at character {}",
                                                 text.size() - reading.rest.size() + 1));
  }
  if (!reading.rest.empty()) return failure(Fault::invalid, "the time is longer than its pattern");
  return settled(reading.found);
}

}  // namespace gatehouse::expr
