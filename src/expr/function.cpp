#include "expr/function.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <map>

#include "core/text.h"
#include "expr/moment.h"

namespace gatehouse::expr {
namespace {

using Index = std::map<std::pair<Place, std::string_view>, const Function*>;

const Index& index() {
  static const Index made = [] {
    Index rows;
    for (const auto table : {string_functions(), array_functions(), convert_functions(), group_functions(),
                             people_functions(), time_functions()})
      for (const auto& row : table) rows.emplace(std::pair(row.place, row.name), &row);
    return rows;
  }();
  return made;
}

// Edits between two short names.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    auto diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const auto cost = to_lower(a[i - 1]) == to_lower(b[j - 1]) ? 0u : 1u;
      diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, diagonal + cost}));
    }
  }
  return row.back();
}

}  // namespace

std::string nearest(std::string_view wanted, std::span<const std::string_view> names) {
  constexpr std::size_t kNameMax = 60, kMistakes = 2;
  std::size_t least = kMistakes + 1;
  std::string_view best;
  if (wanted.size() > kNameMax) return {};
  for (const auto name : names) {
    const auto mistakes = distance(wanted, name);
    if (mistakes < least && mistakes < wanted.size()) {
      least = mistakes;
      best = name;
    }
  }
  return std::string(best);
}

std::size_t place_of(std::string_view text, std::string_view part, std::size_t from) {
  if (part.empty()) return from;
  const auto* found =
      static_cast<const char*>(::memmem(text.data() + from, text.size() - from, part.data(), part.size()));
  return found == nullptr ? std::string_view::npos : static_cast<std::size_t>(found - text.data());
}

const Function* find_function(Place place, std::string_view name) {
  const auto found = index().find({place, name});
  return found == index().end() ? nullptr : found->second;
}

std::string nearest_function(Place place, std::string_view name) {
  std::vector<std::string_view> names;
  for (const auto& [key, row] : index())
    if (key.first == place) names.push_back(key.second);
  return nearest(name, names);
}

Result<std::string> Call::text(std::size_t i) {
  if (is_null(i)) return std::string();
  if (auto* string = std::get_if<std::string>(&arguments[i].held)) return std::move(*string);
  return as_text(meter, arguments[i]);
}

Result<std::int64_t> Call::whole(std::size_t i) {
  if (i < size())
    if (const auto* number = arguments[i].as<std::int64_t>()) return *number;
  return failure(Fault::invalid,
                 fmt::format("needs an integer, and got {}", i < size() ? type_of(arguments[i]) : "nothing"));
}

Result<std::vector<Value>> Call::items(std::size_t i) {
  if (is_null(i)) return std::vector<Value>();
  if (const auto* list = arguments[i].as<List>()) {
    GH_DO(meter.step((*list)->size()));
    std::vector<Value> copy;
    for (const auto& item : **list) {
      const auto* string = item.as<std::string>();
      GH_DO(meter.make(sizeof(Value) + (string == nullptr ? 0 : string->size())));
      copy.push_back(item);
    }
    return copy;
  }
  if (arguments[i].as<std::string>() == nullptr) {
    std::vector<Value> one;
    one.push_back(std::move(arguments[i]));
    return one;
  }
  // "You can use comma-separated values (CSV) as an input parameter for all Arrays functions."
  GH_TRY(const auto csv, text(i));
  std::vector<Value> made;
  if (trim(csv).empty()) return made;
  for (const auto part : split(csv, ',')) {
    GH_DO(meter.step());
    GH_DO(meter.make(sizeof(Value) + part.size()));
    made.push_back(Value{std::string(trim(part))});
  }
  return made;
}

Result<Moment> Call::moment(std::size_t i) {
  if (i < size()) {
    if (const auto* moment = arguments[i].as<Moment>()) return *moment;
    if (const auto* string = arguments[i].as<std::string>()) return parse_iso8601(*string);
  }
  return failure(Fault::invalid,
                 fmt::format("needs a time, and got {}", i < size() ? type_of(arguments[i]) : "nothing"));
}

}  // namespace gatehouse::expr
