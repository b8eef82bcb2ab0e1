#include "policy/path_pattern.h"

#include <algorithm>

#include "core/text.h"

namespace gatehouse::policy {

namespace {

// Cuts the next segment off; "" only where two slashes meet.
std::string_view next_segment(std::string_view& rest) {
  if (rest.starts_with('/')) rest.remove_prefix(1);
  const auto end = std::min(rest.find('/'), rest.size());
  const auto segment = rest.substr(0, end);
  rest.remove_prefix(end);
  return segment;
}

bool is_plain(char c) {
  return is_alnum(c) || std::string_view("-._~!$&'()+,=:@*%").contains(c);
}

}  // namespace

Result<PathPattern> PathPattern::parse(std::string_view text) {
  PathPattern pattern;
  pattern.text_ = text;
  if (!text.starts_with('/') || text.size() > kPatternMax || !std::ranges::all_of(text, [](char c) { return c == '/' || is_plain(c); }))
    return failure(Fault::invalid, "'" + pattern.text_ + "' is not a path pattern; begin with '/', without query, ';', '#' and spaces");
  auto rest = text;
  while (!rest.empty() && rest != "/") {
    const auto segment = next_segment(rest);
    if (segment.empty() || segment == "." || segment == "..") return failure(Fault::invalid, "'" + pattern.text_ + "': no empty segments, no '.' and no '..'");
    if (segment.contains('*') && segment != "*") return failure(Fault::invalid, "'" + pattern.text_ + "': '*' stands for a whole segment");
    pattern.segments_.emplace_back(segment);
  }
  if (pattern.segments_.size() > kPatternSegmentsMax) return failure(Fault::invalid, "'" + pattern.text_ + "' has more than 32 segments");
  return pattern;
}

bool PathPattern::covers(std::string_view path, Reading reading) const {
  for (const auto& wanted : segments_) {
    std::string_view segment;
    do {
      if (path.empty()) return false;
      segment = next_segment(path);
      if (reading == Reading::careless) segment = segment.substr(0, segment.find(';'));
    } while (segment.empty() && reading == Reading::careless);
    if (segment.empty()) return false;
    if (wanted == "*") continue;
    if (reading == Reading::careless ? !equal_ignoring_case(segment, wanted) : segment != wanted) return false;
  }
  return true;
}

Truth PathPattern::matches(std::string_view path) const {
  if (!path.starts_with('/')) return Truth::unknown;   // "*" of OPTIONS, or nothing
  const bool exact = covers(path, Reading::exact);
  return exact == covers(path, Reading::careless) ? truth(exact) : Truth::unknown;
}

}  // namespace gatehouse::policy
