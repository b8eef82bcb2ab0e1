// Regular expressions in time linear in the text: RE2's syntax, which is Java's without back references, look-around
// and possessive quantifiers.
#pragma once

#include <memory>
#include <string_view>

#include "core/error.h"
#include "expr/value.h"

namespace gatehouse::expr {

inline constexpr std::size_t kRegexMax = 1'000;  // bytes of a pattern

class Regex {
 public:
  static Result<std::shared_ptr<const Regex>> compile(std::string_view pattern);
  // The whole text, as Java's Matcher.matches() and thus SpEL's `matches`.
  Result<bool> matches(Meter& meter, std::string_view text) const;

  struct Program;
  explicit Regex(std::unique_ptr<Program> program);
  ~Regex();

 private:
  std::unique_ptr<Program> program_;
};

}  // namespace gatehouse::expr
