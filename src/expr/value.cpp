#include "expr/value.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "expr/country.h"
#include "expr/moment.h"
#include "expr/vocabulary.h"

namespace gatehouse::expr {
namespace {

constexpr std::size_t kItemBytes = sizeof(Value);

Result<json::value> group_json(Meter& meter, const Group& group) {
  if (const auto* object = group.document == nullptr ? nullptr : group.document->if_object())
    return to_json(meter, Value{Object{object}});
  GH_DO(meter.make(group.id.size() + group.name.size() + group.type.size() + kItemBytes));
  return json::object{{"id", group.id}, {"type", group.type}, {"profile", json::object{{"name", group.name}}}};
}

Result<void> weigh(Meter& meter, const json::object& object);

// What a document weighs when it becomes part of the result.
Result<void> weigh(Meter& meter, const json::value& value) {
  GH_DO(meter.step());
  GH_DO(meter.make(kItemBytes));
  if (const auto* string = value.if_string()) return meter.make(string->size());
  if (const auto* array = value.if_array())
    for (const auto& item : *array) GH_DO(weigh(meter, item));
  if (const auto* object = value.if_object()) return weigh(meter, *object);
  return {};
}

Result<void> weigh(Meter& meter, const json::object& object) {
  for (const auto& [key, item] : object) {
    GH_DO(meter.make(key.size()));
    GH_DO(weigh(meter, item));
  }
  return {};
}

Result<Value> group_member(Meter& meter, const Group& group, std::string_view name) {
  if (name == "id") return text(meter, std::string(group.id));
  if (name == "name") return text(meter, std::string(group.name));
  if (name == "type") return text(meter, std::string(group.type));
  if (name == "source" && group.document == nullptr) {
    std::vector<std::pair<std::string, Value>> source{{"id", Value{std::string(group.source_id)}}};
    return Value{std::make_shared<const std::vector<std::pair<std::string, Value>>>(std::move(source))};
  }
  if (group.document != nullptr) {
    if (const auto* found = find(*group.document, name)) return from_json(meter, *found);
    if (const auto* profile = find(*group.document, "profile"))
      if (const auto* found = find(*profile, name)) return from_json(meter, *found);
    return null();
  }
  if (name != "profile") return null();
  std::vector<std::pair<std::string, Value>> profile{{"name", Value{std::string(group.name)}}};
  return Value{std::make_shared<const std::vector<std::pair<std::string, Value>>>(std::move(profile))};
}

Result<Value> object_member(Meter& meter, const json::object& object, std::string_view name) {
  const auto* found = object.if_contains(name);
  return found == nullptr ? null() : from_json(meter, *found);
}

// The six properties beside the profile go first: a profile attribute called "status" must not pass for the status.
Result<Value> user_member(Meter& meter, const json::object& user, std::string_view name) {
  if (name == "profile") return object_member(meter, user, name);
  if (is_user_property(name)) {
    GH_TRY(auto value, object_member(meter, user, name));
    const auto* written = value.as<std::string>();
    if (written == nullptr || !is_user_time(name)) return value;
    const auto at = parse_iso8601(*written);
    return at ? Value{Moment{at->at, {}}} : std::move(value);
  }
  const auto* profile = user.if_contains("profile");
  const auto* attributes = profile == nullptr ? nullptr : profile->if_object();
  return attributes == nullptr ? null() : object_member(meter, *attributes, name);
}

}  // namespace

Result<void> Meter::take(std::size_t& left, std::size_t wanted, std::string_view what) {
  if (wanted > left) {
    left = 0;
    return failure(Fault::limited,
                   fmt::format("the expression used up its budget of {}; make it simpler or its input smaller", what));
  }
  left -= wanted;
  return {};
}

Value list(std::vector<Value> items) { return Value{std::make_shared<const std::vector<Value>>(std::move(items))}; }

Result<Value> text(Meter& meter, std::string text) {
  GH_DO(meter.make(text.size()));
  return Value{std::move(text)};
}

Result<Value> texts(Meter& meter, std::vector<std::string> items) {
  std::vector<Value> values;
  GH_DO(meter.step(items.size()));
  GH_DO(meter.make(items.size() * kItemBytes));
  for (auto& item : items) {
    GH_TRY(auto value, text(meter, std::move(item)));
    values.push_back(std::move(value));
  }
  return list(std::move(values));
}

std::string_view type_of(const Value& value) {
  static constexpr std::string_view names[] = {"null",  "a Boolean", "an integer", "a number", "a string", "a list",
                                               "a map", "an object", "a user",     "a group",  "a time",   "a country"};
  static_assert(std::size(names) == std::variant_size_v<Value::Held>);
  return names[value.held.index()];
}

Result<bool> same(Meter& meter, const Value& a, const Value& b) {
  GH_DO(meter.step());
  if (a.is_number() && b.is_number()) {
    if (const auto *x = a.as<std::int64_t>(), *y = b.as<std::int64_t>(); x != nullptr && y != nullptr) return *x == *y;
    return a.number() == b.number();
  }
  if (a.held.index() != b.held.index()) return false;
  if (const auto* x = a.as<bool>()) return *x == *b.as<bool>();
  if (const auto* x = a.as<std::string>()) {
    GH_DO(meter.look_at(x->size()));
    return *x == *b.as<std::string>();
  }
  if (const auto* x = a.as<Moment>()) return x->at == b.as<Moment>()->at;
  if (const auto* x = a.as<Land>()) return x->country == b.as<Land>()->country;
  if (const auto* x = a.as<Member>()) return x->group->id == b.as<Member>()->group->id;
  if (const auto* x = a.as<Object>()) return x->document == b.as<Object>()->document;
  if (const auto* x = a.as<User>()) return x->document == b.as<User>()->document;
  if (const auto* x = a.as<List>()) {
    const auto& y = *b.as<List>();
    if ((*x)->size() != y->size()) return false;
    for (std::size_t i = 0; i < y->size(); ++i) {
      GH_TRY(const auto equal, same(meter, (**x)[i], (*y)[i]));
      if (!equal) return false;
    }
    return true;
  }
  return a.is_null();  // two nulls; maps are never compared
}

std::string number_text(double number) {
  auto text = fmt::format("{}", number);
  if (text.find_first_not_of("-0123456789") == std::string::npos) text += ".0";
  return text;
}

Result<std::string> as_text(Meter& meter, const Value& value) {
  if (value.is_null()) return std::string();
  std::string made;
  if (const auto* string = value.as<std::string>()) made = *string;
  else if (const auto* is = value.as<bool>()) made = *is ? "true" : "false";
  else if (const auto* whole = value.as<std::int64_t>()) made = std::to_string(*whole);
  else if (const auto* number = value.as<double>()) made = number_text(*number);
  else if (const auto* land = value.as<Land>()) made = land->country->alpha2;
  else if (const auto* moment = value.as<Moment>()) {
    GH_TRY(made, to_text(*moment));
  } else {
    return failure(Fault::invalid, fmt::format("{} cannot be used as text", type_of(value)));
  }
  GH_DO(meter.make(made.size()));
  return made;
}

Result<Value> from_json(Meter& meter, const json::value& value) {
  if (const auto* string = value.if_string()) return text(meter, std::string(*string));
  if (const auto* is = value.if_bool()) return boolean(*is);
  if (const auto* whole = value.if_int64()) return integer(*whole);
  if (const auto* large = value.if_uint64()) {
    if (*large <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
      return integer(static_cast<std::int64_t>(*large));
    return Value{static_cast<double>(*large)};
  }
  if (const auto* number = value.if_double()) return Value{*number};
  if (const auto* object = value.if_object()) return Value{Object{object}};
  const auto* array = value.if_array();
  if (array == nullptr) return null();
  GH_DO(meter.step(array->size()));
  GH_DO(meter.make(array->size() * kItemBytes));
  std::vector<Value> items;
  items.reserve(array->size());
  for (const auto& item : *array) {
    GH_TRY(auto made, from_json(meter, item));
    items.push_back(std::move(made));
  }
  return list(std::move(items));
}

Result<json::value> to_json(Meter& meter, const Value& value, std::size_t depth) {
  if (depth > kJsonDepthMax)
    return failure(Fault::invalid, fmt::format("the result has more than {} lists within each other", kJsonDepthMax));
  GH_DO(meter.step());
  GH_DO(meter.make(kItemBytes));
  if (value.is_null()) return json::value(nullptr);
  if (const auto* is = value.as<bool>()) return json::value(*is);
  if (const auto* whole = value.as<std::int64_t>()) return json::value(*whole);
  if (const auto* number = value.as<double>()) return json::value(*number);
  if (const auto* member = value.as<Member>()) return group_json(meter, *member->group);
  if (const auto* object = value.as<Object>()) {
    GH_DO(weigh(meter, *object->document));
    return json::value(*object->document);
  }
  // A whole user would tell more than anybody meant to tell.
  if (value.as<User>() != nullptr)
    return failure(Fault::invalid, "the result is a user; name an attribute, such as .email");
  if (const auto* items = value.as<List>()) {
    json::array array;
    for (const auto& item : **items) {
      GH_TRY(auto made, to_json(meter, item, depth + 1));
      array.push_back(std::move(made));
    }
    return json::value(std::move(array));
  }
  if (const auto* map = value.as<Map>()) {
    json::object made;
    for (const auto& [key, item] : **map) {
      GH_DO(meter.make(key.size()));
      GH_TRY(made[key], to_json(meter, item, depth + 1));
    }
    return json::value(std::move(made));
  }
  GH_TRY(const auto written, as_text(meter, value));
  return json::value(written);
}

Result<Value> member_of(Meter& meter, const Value& of, std::string_view name) {
  if (of.is_null()) return null();
  if (const auto* user = of.as<User>()) return user_member(meter, *user->document, name);
  if (const auto* object = of.as<Object>()) return object_member(meter, *object->document, name);
  if (const auto* member = of.as<Member>()) return group_member(meter, *member->group, name);
  if (const auto* map = of.as<Map>()) {
    for (const auto& [key, value] : **map) {
      GH_DO(meter.step());
      if (key == name) return value;
    }
    return null();
  }
  const auto* hint = of.as<List>() != nullptr ? "; take one element with [0], or of every element with .![…]" : "";
  return failure(Fault::invalid, fmt::format("{} has no attribute '{}'{}", type_of(of), name, hint));
}

}  // namespace gatehouse::expr
