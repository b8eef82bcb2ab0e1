// Arbitrary expressions over the sample of the documentation. What must hold: nothing crashes, no budget is exceeded,
// the result is JSON that can be read back, and what is printed reads as the same expression with the same result.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "expr/sample_context.h"

namespace {

using namespace gatehouse;
using namespace gatehouse::expr;

void require(bool holds) {
  if (!holds) std::abort();
}

std::size_t weight(const json::value& value) {
  std::size_t sum = 1;
  if (const auto* string = value.if_string()) sum += string->size();
  if (const auto* array = value.if_array())
    for (const auto& item : *array) sum += weight(item);
  if (const auto* object = value.if_object())
    for (const auto& [key, item] : *object) sum += key.size() + weight(item);
  return sum;
}

void check(const Context& context, const Vocabulary& vocabulary, std::string_view text) {
  constexpr Budget kSmall{20'000, std::size_t{1} << 18};
  Position where;
  const auto expression = Expression::parse(text, vocabulary, &where);
  require(where.offset <= text.size());
  if (!expression) {
    require(expression.error().fault() == Fault::invalid && !expression.error().message().empty());
    return;
  }
  const auto result = expression->evaluate(context, kSmall, &where);
  require(where.offset <= text.size());
  if (result) {
    require(weight(*result) <= kSmall.bytes);
    require(parse_json(to_text(*result)).has_value());
  } else {
    require(result.error().fault() == Fault::invalid || result.error().fault() == Fault::limited);
  }
  const auto printed = expression->canonical();
  const auto again = Expression::parse(printed, vocabulary);
  if (!again)
    return require(printed.size() > kTextMax || printed.size() > text.size() + kNestingMax);  // brackets were added
  require(again->canonical() == printed);
  const auto same = again->evaluate(context, kSmall);
  require(same.has_value() == result.has_value());
  if (same) require(to_text(*same) == to_text(*result));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const SampleContext context;
  static const Vocabulary everything = sample_vocabulary();
  static const Vocabulary rules = Vocabulary::group_rules();
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check(context, everything, text);
  check(context, rules, text);
  return 0;
}
