#include "expr/country.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/text.h"

namespace gatehouse::expr {

const Country* find_country(std::string_view text) {
  text = trim(text);
  const auto number = parse_int(text);
  for (const auto& row : countries()) {
    if (number ? text.size() <= 3 && *number == row.numeric
               : equal_ignoring_case(text, row.alpha2) || equal_ignoring_case(text, row.alpha3) ||
                     equal_ignoring_case(text, row.name) || (!row.also.empty() && equal_ignoring_case(text, row.also)))
      return &row;
  }
  return nullptr;
}

std::string numeric_text(const Country& country) { return fmt::format("{:03}", country.numeric); }

}  // namespace gatehouse::expr
