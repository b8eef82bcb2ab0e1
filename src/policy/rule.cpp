#include "policy/rule.h"

#include <algorithm>

#include "core/text.h"

namespace gatehouse::policy {

namespace {

bool is_one_of(const json::value& value, const std::vector<std::string>& any_of) {
  if (const auto* text = value.if_string())
    return std::ranges::find(any_of, std::string_view(text->data(), text->size())) != any_of.end();
  if (const auto* list = value.if_array())
    return std::ranges::any_of(*list, [&](const json::value& entry) { return !entry.is_array() && is_one_of(entry, any_of); });
  if (value.is_bool() || value.is_number()) return std::ranges::find(any_of, to_text(value)) != any_of.end();
  return false;
}

bool holds(const Condition& condition, const json::object& attributes) {
  const auto* value = attributes.if_contains(condition.attribute);
  return value != nullptr && is_one_of(*value, condition.any_of);
}

}  // namespace

Result<void> validate(const Rule& rule) {
  if (rule.all_of.size() > kConditionsMax) return failure(Fault::invalid, "a rule has at most 32 conditions");
  for (const auto& condition : rule.all_of) {
    if (condition.attribute.empty()) return failure(Fault::invalid, "a condition names an attribute, such as `groups`");
    if (condition.any_of.empty())
      return failure(Fault::invalid, "the condition on " + condition.attribute + " lists no value: nobody would ever pass");
    if (condition.any_of.size() > kValuesMax)
      return failure(Fault::invalid, "the condition on " + condition.attribute + " lists more than 256 values");
  }
  return {};
}

Decision decide(const Rule& rule, const json::object& attributes) {
  for (const auto& condition : rule.all_of)
    if (!holds(condition, attributes))
      return Decision{false, condition.attribute + " is none of: " + join(condition.any_of, ", ")};
  return Decision{true, rule.all_of.empty() ? "no condition" : "every condition holds"};
}

}  // namespace gatehouse::policy
