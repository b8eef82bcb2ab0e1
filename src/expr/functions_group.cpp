// Groups of the user. The Context knows them; who is in which group is none of our business.
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "expr/function.h"
#include "expr/regex.h"

namespace gatehouse::expr {
namespace {

// True if the test holds for one group of the user; each look is paid.
template <class Test>
Result<Value> any_group(Call& call, Test test) {
  for (const auto& group : call.context.groups()) {
    GH_DO(call.meter.look_at(group.name.size()));
    if (test(group)) return boolean(true);
  }
  return boolean(false);
}

bool holds(std::string_view text, std::string_view part) { return place_of(text, part) != std::string_view::npos; }

Result<Value> member_of_group(Call& call) {
  GH_TRY(const auto id, call.text(0));
  return any_group(call, [&](const Group& group) { return !id.empty() && group.id == id; });
}

Result<Value> member_of_any(Call& call) {
  for (std::size_t i = 0; i < call.size(); ++i) {
    GH_TRY(const auto ids, call.items(i));
    for (const auto& id : ids) {
      const auto* wanted = id.as<std::string>();
      if (wanted == nullptr) return failure(Fault::invalid, "isMemberOfAnyGroup takes group ids, each a string");
      GH_TRY(const auto found, any_group(call, [&](const Group& group) { return !wanted->empty() && group.id == *wanted; }));
      if (*found.as<bool>()) return found;
    }
  }
  return boolean(false);
}

// An empty or missing name is in no group: "starts with nothing" must not let everybody in.
Result<Value> member_of_name(Call& call) {
  GH_TRY(const auto name, call.text(0));
  return any_group(call, [&](const Group& group) { return !name.empty() && group.name == name; });
}

Result<Value> member_of_prefix(Call& call) {
  GH_TRY(const auto name, call.text(0));
  return any_group(call, [&](const Group& group) { return !name.empty() && group.name.starts_with(name); });
}

Result<Value> member_of_part(Call& call) {
  GH_TRY(const auto name, call.text(0));
  return any_group(call, [&](const Group& group) { return !name.empty() && holds(group.name, name); });
}

Result<Value> member_of_regex(Call& call) {
  std::shared_ptr<const Regex> made;
  if (call.ready == nullptr) {
    GH_TRY(const auto pattern, call.text(0));
    if (pattern.empty()) return boolean(false);
    GH_DO(call.meter.step(100 + pattern.size() * 10));
    GH_TRY(made, Regex::compile(std::string_view(pattern).substr(pattern.starts_with('/') ? 1 : 0)));
  }
  const auto& regex = call.ready == nullptr ? *made : *call.ready;
  for (const auto& group : call.context.groups()) {
    GH_TRY(const auto fits, regex.matches(call.meter, group.name));
    if (fits) return boolean(true);
  }
  return boolean(false);
}

enum class NameFit { starts_with, exact };

// One {'key': value or {values}, 'operator': …}.
struct Criterion {
  std::vector<std::pair<std::string_view, std::vector<std::string_view>>> keys;
  NameFit fit = NameFit::starts_with;
};

Result<std::vector<std::string_view>> wanted(const Value& value) {
  std::vector<std::string_view> made;
  const auto one = [&](const Value& item) {
    const auto* string = item.as<std::string>();
    if (string != nullptr) made.push_back(*string);
    return string != nullptr || item.is_null();
  };
  bool good = true;
  if (const auto* list = value.as<List>()) {
    for (const auto& item : **list) good = good && one(item);
  } else {
    good = one(value);
  }
  if (!good) return failure(Fault::invalid, "a search criterion of groups takes a string or a list of strings");
  return made;
}

Result<Criterion> read(const Value& value) {
  const auto* map = value.as<Map>();
  if (map == nullptr) return failure(Fault::invalid, "search criteria of groups look like {'group.profile.name': 'Sales', 'operator': 'EXACT'}");
  Criterion made;
  bool by_name = false, has_operator = false;
  for (const auto& [key, of] : **map) {
    if (key == "operator") {
      const auto* name = of.as<std::string>();
      if (name == nullptr || (*name != "EXACT" && *name != "STARTS_WITH")) return failure(Fault::invalid, "the operator of a group search is 'EXACT' or 'STARTS_WITH'");
      made.fit = *name == "EXACT" ? NameFit::exact : NameFit::starts_with;
      has_operator = true;
    } else if (key == "group.id" || key == "group.type" || key == "group.source.id" || key == "group.profile.name") {
      by_name = by_name || key == "group.profile.name";
      GH_TRY(auto values, wanted(of));
      made.keys.emplace_back(key, std::move(values));
    } else {
      return failure(Fault::invalid, fmt::format("groups cannot be searched by '{}'; use group.id, group.type, group.source.id or group.profile.name", key.substr(0, 60)));
    }
  }
  if (has_operator && !by_name) return failure(Fault::invalid, "an operator goes with group.profile.name only; other keys are always exact");
  if (made.keys.empty()) return failure(Fault::invalid, "a search criterion of groups needs a key, such as 'group.profile.name'");
  return made;
}

bool fits(const Group& group, std::string_view key, std::string_view value, NameFit fit) {
  if (value.empty()) return false;
  if (key == "group.id") return group.id == value;
  if (key == "group.type") return group.type == value;
  if (key == "group.source.id") return group.source_id == value;
  if (fit == NameFit::exact) return group.name == value;
  if (value.ends_with(".*")) value.remove_suffix(2);  // Okta's samples: 'Engineering.*' starts with "Engineering"
  return group.name.starts_with(value);
}

Result<bool> fits(Meter& meter, const Group& group, const std::vector<Criterion>& criteria) {
  for (const auto& criterion : criteria) {
    for (const auto& [key, values] : criterion.keys) {
      GH_DO(meter.step(1 + values.size()));
      if (std::none_of(values.begin(), values.end(), [&, name = key](auto value) { return fits(group, name, value, criterion.fit); })) return false;
    }
  }
  return true;
}

Result<std::vector<const Group*>> groups_fitting(Call& call) {
  std::vector<Criterion> criteria;
  for (std::size_t i = 0; i < call.size(); ++i) {
    GH_TRY(auto criterion, read(call.arguments[i]));
    criteria.push_back(std::move(criterion));
  }
  std::vector<const Group*> found;
  for (const auto& group : call.context.groups()) {
    GH_TRY(const auto good, fits(call.meter, group, criteria));
    if (good) found.push_back(&group);
  }
  return found;
}

Result<Value> get_groups(Call& call) {
  GH_TRY(const auto found, groups_fitting(call));
  std::vector<Value> made;
  GH_DO(call.meter.make(found.size() * sizeof(Value)));
  for (const auto* group : found) made.push_back(Value{Member{group}});
  return list(std::move(made));
}

Result<Value> is_member_of(Call& call) {
  GH_TRY(const auto found, groups_fitting(call));
  return boolean(!found.empty());
}

// Groups.*: names of the groups of one app that fit, null if there are none (Okta's sample: `… ?: {}`).
template <class Test>
Result<Value> claimed(Call& call, Test test) {
  GH_TRY(const auto app, call.text(0));
  GH_TRY(const auto pattern, call.text(1));
  GH_TRY(const auto limit, call.whole(2));
  if (limit < 1) return failure(Fault::invalid, "the limit of groups is 1 or more");
  if (pattern.empty()) return null();
  std::vector<std::string> names;
  for (const auto& group : call.context.groups()) {
    if (names.size() >= static_cast<std::size_t>(limit)) break;
    GH_DO(call.meter.look_at(group.name.size()));
    const bool of_app = app == "OKTA" ? group.type == "OKTA_GROUP" || group.type == "BUILT_IN" : !app.empty() && (group.source_id == app || group.app == app);
    if (of_app && test(group.name, std::string_view(pattern))) names.emplace_back(group.name);
  }
  if (names.empty()) return null();
  return texts(call.meter, std::move(names));
}

Result<Value> claim_contains(Call& call) { return claimed(call, [](auto name, auto part) { return holds(name, part); }); }
Result<Value> claim_starts(Call& call) { return claimed(call, [](auto name, auto part) { return name.starts_with(part); }); }
Result<Value> claim_ends(Call& call) { return claimed(call, [](auto name, auto part) { return name.ends_with(part); }); }

constexpr Function kRows[] = {
    {"isMemberOfGroup", Place::function, Family::group, 1, 1, member_of_group, "isMemberOfGroup(id)"},
    {"isMemberOfAnyGroup", Place::function, Family::group, 1, kAnyNumber, member_of_any, "isMemberOfAnyGroup(id, …)"},
    {"isMemberOfGroupName", Place::function, Family::group, 1, 1, member_of_name, "isMemberOfGroupName(name)"},
    {"isMemberOfGroupNameStartsWith", Place::function, Family::group, 1, 1, member_of_prefix, "isMemberOfGroupNameStartsWith(start)"},
    {"isMemberOfGroupNameContains", Place::function, Family::group, 1, 1, member_of_part, "isMemberOfGroupNameContains(part)"},
    {"isMemberOfGroupNameRegex", Place::function, Family::group, 1, 1, member_of_regex, "isMemberOfGroupNameRegex(pattern)"},
    {"getFilteredGroups", Place::function, Family::group, 3, 3, nullptr, "getFilteredGroups({id, …}, \"group.name\", limit)"},
    {"user.getGroups", Place::function, Family::group, 1, kAnyNumber, get_groups, "user.getGroups({'group.profile.name': 'Sales'})"},
    {"user.isMemberOf", Place::function, Family::group, 1, kAnyNumber, is_member_of, "user.isMemberOf({'group.id': '00g…'})"},

    {"Groups.contains", Place::function, Family::group_claim, 3, 3, claim_contains, "Groups.contains(app, part, limit)"},
    {"Groups.startsWith", Place::function, Family::group_claim, 3, 3, claim_starts, "Groups.startsWith(app, start, limit)"},
    {"Groups.endsWith", Place::function, Family::group_claim, 3, 3, claim_ends, "Groups.endsWith(app, end, limit)"},
};

}  // namespace

std::span<const Function> group_functions() { return kRows; }

}  // namespace gatehouse::expr
