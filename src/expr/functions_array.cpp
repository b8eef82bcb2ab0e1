// Arrays.* and the methods of lists. Nothing changes a list: each gives a new one.
#include <fmt/format.h>

#include "core/text.h"
#include "expr/function.h"

namespace gatehouse::expr {
namespace {

Result<Value> add(Call& call) {
  GH_TRY(auto items, call.items(0));
  items.push_back(std::move(call.arguments[1]));
  return list(std::move(items));
}

// Every element that is equal.
Result<Value> remove(Call& call) {
  GH_TRY(auto items, call.items(0));
  std::vector<Value> kept;
  for (auto& item : items) {
    GH_TRY(const auto equal, same(call.meter, item, call.arguments[1]));
    if (!equal) kept.push_back(std::move(item));
  }
  return list(std::move(kept));
}

Result<Value> clear(Call&) { return list({}); }

Result<Value> get(Call& call) {
  GH_TRY(auto items, call.items(0));
  GH_TRY(const auto at, call.whole(1));
  if (at < 0 || static_cast<std::size_t>(at) >= items.size()) return null();
  return std::move(items[static_cast<std::size_t>(at)]);
}

Result<void> flatten_into(Call& call, std::vector<Value>& out, const Value& item) {
  GH_DO(call.meter.step());
  if (const auto* inner = item.as<List>()) {
    for (const auto& each : **inner) GH_DO(flatten_into(call, out, each));
    return {};
  }
  const auto* string = item.as<std::string>();
  GH_DO(call.meter.make(sizeof(Value) + (string == nullptr ? 0 : string->size())));
  out.push_back(item);
  return {};
}

Result<Value> flatten(Call& call) {
  std::vector<Value> out;
  for (std::size_t i = 0; i < call.size(); ++i) {
    if (call.is_null(i)) continue;
    GH_TRY(const auto items, call.items(i));
    for (const auto& item : items) GH_DO(flatten_into(call, out, item));
  }
  return list(std::move(out));
}

Result<Value> contains(Call& call) {
  GH_TRY(const auto items, call.items(0));
  for (const auto& item : items) {
    GH_TRY(const auto equal, same(call.meter, item, call.arguments[1]));
    if (equal) return boolean(true);
  }
  return boolean(false);
}

// 'This is a test'.contains('test') and {1, 2}.contains(1) are one word for two things.
Result<Value> contains_method(Call& call) {
  if (call.arguments[0].as<List>() != nullptr) return contains(call);
  if (call.is_null(1)) return boolean(false);
  GH_TRY(const auto text, call.text(0));
  GH_TRY(const auto part, call.text(1));
  GH_DO(call.meter.look_at(text.size() + part.size()));
  return boolean(place_of(text, part) != std::string::npos);
}

Result<Value> size(Call& call) {
  GH_TRY(const auto items, call.items(0));
  return integer(static_cast<std::int64_t>(items.size()));
}

Result<Value> is_empty(Call& call) {
  GH_TRY(const auto items, call.items(0));
  return boolean(items.empty());
}

Result<Value> to_csv(Call& call) {
  if (call.is_null(0)) return null();
  GH_TRY(const auto items, call.items(0));
  std::string out;
  for (const auto& item : items) {
    GH_TRY(const auto text, as_text(call.meter, item));
    GH_DO(call.meter.make(text.size() + 1));
    if (&item != &items.front()) out += ',';
    out += text;
  }
  return Value{std::move(out)};
}

constexpr Function kRows[] = {
    {"Arrays.add", Place::function, Family::array, 2, 2, add, "Arrays.add(list, value)"},
    {"Arrays.remove", Place::function, Family::array, 2, 2, remove, "Arrays.remove(list, value)"},
    {"Arrays.clear", Place::function, Family::array, 1, 1, clear, "Arrays.clear(list)"},
    {"Arrays.get", Place::function, Family::array, 2, 2, get, "Arrays.get(list, position)"},
    {"Arrays.flatten", Place::function, Family::array, 1, kAnyNumber, flatten, "Arrays.flatten(value, …)"},
    {"Arrays.contains", Place::function, Family::array, 2, 2, contains, "Arrays.contains(list, value)"},
    {"Arrays.size", Place::function, Family::array, 1, 1, size, "Arrays.size(list)"},
    {"Arrays.isEmpty", Place::function, Family::array, 1, 1, is_empty, "Arrays.isEmpty(list)"},
    {"Arrays.toCsvString", Place::function, Family::array, 1, 1, to_csv, "Arrays.toCsvString(list)"},

    {"add", Place::method, Family::array, 1, 1, add, "list.add(value)"},
    {"remove", Place::method, Family::array, 1, 1, remove, "list.remove(value)"},
    {"flatten", Place::method, Family::array, 0, 0, flatten, "list.flatten()"},
    {"contains", Place::method, Family::array, 1, 1, contains_method, "list.contains(value)"},
    {"size", Place::method, Family::array, 0, 0, size, "list.size()"},
    {"isEmpty", Place::method, Family::array, 0, 0, is_empty, "list.isEmpty()"},
};

}  // namespace

std::span<const Function> array_functions() { return kRows; }

}  // namespace gatehouse::expr
