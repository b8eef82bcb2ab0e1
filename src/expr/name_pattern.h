// A regular expression for names, for rooms that filter and do not calculate: the syntax of `matches` in expressions
// (RE2), the whole name, in time linear in it.
#pragma once

#include <memory>
#include <string_view>

#include "core/error.h"

namespace gatehouse::expr {

class Regex;

class NamePattern {
 public:
  // Fault::invalid says what is wrong with it.
  static Result<NamePattern> compile(std::string_view pattern);
  bool matches(std::string_view name) const;

 private:
  explicit NamePattern(std::shared_ptr<const Regex> regex) : regex_(std::move(regex)) {}
  std::shared_ptr<const Regex> regex_;
};

}  // namespace gatehouse::expr
