// Values within an evaluation, and the meter that pays for them. Not for other rooms: they see JSON.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "core/clock.h"
#include "core/error.h"
#include "core/json.h"
#include "expr/context.h"

namespace gatehouse::expr {

struct Value;
struct Country;

struct Null {};
struct User {  // a document whose attributes are those of its profile, too
  const json::object* document;
};
struct Object {  // borrowed from the Context
  const json::object* document;
};
struct Member {  // of a group
  const Group* group;
};
struct Land {  // a CountryCode
  const Country* country;
};
struct Moment {  // a ZonedDateTime; zone "" is UTC
  Timestamp at;
  std::string zone;
};
using List = std::shared_ptr<const std::vector<Value>>;
using Map = std::shared_ptr<const std::vector<std::pair<std::string, Value>>>;

struct Value {
  using Held =
      std::variant<Null, bool, std::int64_t, double, std::string, List, Map, Object, User, Member, Moment, Land>;
  Held held;

  template <class T>
  const T* as() const {
    return std::get_if<T>(&held);
  }
  bool is_null() const { return std::holds_alternative<Null>(held); }
  bool is_number() const { return as<std::int64_t>() != nullptr || as<double>() != nullptr; }
  double number() const { return as<double>() != nullptr ? *as<double>() : static_cast<double>(*as<std::int64_t>()); }
};

class Meter {
 public:
  Meter(std::size_t steps, std::size_t bytes) : steps_(steps), bytes_(bytes) {}
  Result<void> step(std::size_t steps = 1) { return take(steps_, steps, "steps"); }
  Result<void> look_at(std::size_t bytes) { return take(steps_, 1 + bytes / 64, "steps"); }
  Result<void> make(std::size_t bytes) { return take(bytes_, bytes, "bytes"); }

 private:
  static Result<void> take(std::size_t& left, std::size_t wanted, std::string_view what);
  std::size_t steps_, bytes_;
};

inline Value null() { return Value{Null{}}; }
inline Value boolean(bool is) { return Value{is}; }
inline Value integer(std::int64_t number) { return Value{number}; }
Value list(std::vector<Value> items);
Result<Value> text(Meter& meter, std::string text);  // pays for it
Result<Value> texts(Meter& meter, std::vector<std::string> items);

std::string_view type_of(const Value& value);  // "a string", for messages
// Numbers by value, moments by instant, lists by element; different types are different.
Result<bool> same(Meter& meter, const Value& a, const Value& b);
// A string, number, Boolean, time or country as text; a fault for lists and objects. null is "".
Result<std::string> as_text(Meter& meter, const Value& value);
std::string number_text(double number);  // as Java writes it: 3.0, 0.1

Result<Value> from_json(Meter& meter, const json::value& value);
Result<json::value> to_json(Meter& meter, const Value& value, std::size_t depth = 1);
// Attribute of a document, group or map; null when it is missing or `of` is null; a fault for strings, lists …
Result<Value> member_of(Meter& meter, const Value& of, std::string_view name);

}  // namespace gatehouse::expr
