// The functions: one table row each. A row is all that the parser needs to check a call, and all the evaluator to run
// it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "expr/value.h"
#include "expr/vocabulary.h"

namespace gatehouse::expr {

class Regex;

// What one call gets. Arguments are its own and may be moved from.
struct Call {
  std::span<Value> arguments;
  const Context& context;
  Timestamp now;  // one instant for a whole evaluation
  Meter& meter;
  const Regex* ready = nullptr;  // of isMemberOfGroupNameRegex with a literal

  std::size_t size() const { return arguments.size(); }
  bool is_null(std::size_t i) const { return i >= arguments.size() || arguments[i].is_null(); }
  Result<std::string> text(std::size_t i);          // null and missing are ""
  Result<std::int64_t> whole(std::size_t i);        // a fault for anything but an integer
  Result<std::vector<Value>> items(std::size_t i);  // lists; "a, b" and scalars become lists; null is empty
  Result<Moment> moment(std::size_t i);             // a time, or a string in ISO 8601
};

using Run = Result<Value> (*)(Call&);

enum class Place { function, method };  // String.len(x), or x.length()

struct Function {
  std::string_view name;  // "String.len", "user.getGroups"; of a method "length"
  Place place;
  Family family;
  std::uint8_t least, most;  // arguments, receiver not counted
  Run run;                   // nullptr: the evaluator's own (getFilteredGroups)
  std::string_view usage;    // for messages
};
inline constexpr std::uint8_t kAnyNumber = 255;

std::span<const Function> string_functions();
std::span<const Function> array_functions();
std::span<const Function> convert_functions();
std::span<const Function> group_functions();
std::span<const Function> people_functions();
std::span<const Function> time_functions();

const Function* find_function(Place place, std::string_view name);
// The nearest name within two typing mistakes, or "".
std::string nearest_function(Place place, std::string_view name);
std::string nearest(std::string_view wanted, std::span<const std::string_view> names);

// Where `part` is in `text`, from `from` on; npos if nowhere. Linear, which std::string::find is not ("aaa…ab" in
// "aaa…").
std::size_t place_of(std::string_view text, std::string_view part, std::size_t from = 0);

}  // namespace gatehouse::expr
