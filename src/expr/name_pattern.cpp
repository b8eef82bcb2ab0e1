#include "expr/name_pattern.h"

#include "expr/expression.h"
#include "expr/regex.h"

namespace gatehouse::expr {

Result<NamePattern> NamePattern::compile(std::string_view pattern) {
  GH_TRY(auto regex, Regex::compile(pattern));
  return NamePattern(std::move(regex));
}

bool NamePattern::matches(std::string_view name) const {
  Meter meter(kStepsDefault, kBytesDefault);
  return regex_->matches(meter, name).value_or(false);
}

}  // namespace gatehouse::expr
