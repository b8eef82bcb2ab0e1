// Patterns over canonical paths, by whole segments: "/a" covers /a and what is below it, not /ab; `*` stands for one whole
// segment. Never sees a query. What two servers could read as different paths (path parameters, case, empty segments) is
// matched in both readings, and when they differ nobody can tell: CVE-2026-73553, CVE-2026-32031, CVE-2025-71399.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "policy/facts.h"

namespace gatehouse::policy {

inline constexpr std::size_t kPatternSegmentsMax = 32;
inline constexpr std::size_t kPatternMax = 1024;   // bytes

class PathPattern {
 public:
  static Result<PathPattern> parse(std::string_view text);
  Truth matches(std::string_view path) const;
  const std::string& str() const { return text_; }

 private:
  enum class Reading { exact, careless };
  bool covers(std::string_view path, Reading reading) const;
  std::string text_;
  std::vector<std::string> segments_;
};

}  // namespace gatehouse::policy
