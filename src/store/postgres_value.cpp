#include "store/postgres_value.h"

#include <fmt/format.h>

#include <cstdlib>

#include "core/text.h"

namespace gatehouse::store {

namespace {

// src/include/catalog/pg_type.dat; these numbers never change.
constexpr unsigned kBool = 16, kInt8 = 20, kInt2 = 21, kInt4 = 23, kFloat4 = 700, kFloat8 = 701, kNumeric = 1700;

struct ToText {
  std::string operator()(std::nullptr_t) const { return {}; }
  std::string operator()(std::int64_t number) const { return fmt::format_int(number).str(); }
  std::string operator()(double real) const { return fmt::format("{}", real); }  // the shortest that reads back the same
  std::string operator()(const std::string& text) const { return text; }
};

double real(std::string_view text) { return std::strtod(std::string(text).c_str(), nullptr); }

}  // namespace

std::string to_postgres(const Value& value) { return std::visit(ToText{}, value); }

Value from_postgres(unsigned type_oid, std::string_view text) {
  switch (type_oid) {
    case kBool: return std::int64_t(text == "t" ? 1 : 0);
    case kInt2:
    case kInt4:
    case kInt8:
    case kNumeric:
      if (const auto number = parse_int(text)) return *number;
      return real(text);
    case kFloat4:
    case kFloat8: return real(text);
    default: return std::string(text);
  }
}

}  // namespace gatehouse::store
