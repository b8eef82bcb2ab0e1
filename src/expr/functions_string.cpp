// String.* and the methods of strings. Case matters; a null text stays null; places outside the text are cut to it.
#include <fmt/format.h>

#include "core/text.h"
#include "expr/function.h"
#include "expr/unicode.h"

namespace gatehouse::expr {
namespace {

Result<Value> append(Call& call) {
  if (call.is_null(0) && call.is_null(1)) return null();
  GH_TRY(auto text, call.text(0));
  GH_TRY(const auto suffix, call.text(1));
  GH_DO(call.meter.make(text.size() + suffix.size()));
  return Value{text + suffix};
}

Result<void> join_one(Call& call, std::string& out, bool& first, std::string_view separator, const Value& item) {
  if (const auto* list = item.as<List>()) {
    for (const auto& inner : **list) GH_DO(join_one(call, out, first, separator, inner));
    return {};
  }
  GH_DO(call.meter.step());
  GH_TRY(const auto text, as_text(call.meter, item));
  GH_DO(call.meter.make(text.size() + separator.size()));
  if (!first) out += separator;
  first = false;
  out += text;
  return {};
}

Result<Value> join(Call& call) {
  GH_TRY(const auto separator, call.text(0));
  std::string out;
  bool first = true;
  for (std::size_t i = 1; i < call.size(); ++i) GH_DO(join_one(call, out, first, separator, call.arguments[i]));
  return Value{std::move(out)};
}

Result<Value> len(Call& call) {
  GH_TRY(const auto text, call.text(0));
  GH_DO(call.meter.look_at(text.size()));
  return integer(static_cast<std::int64_t>(length(text)));
}

Result<Value> remove_spaces(Call& call) {
  if (call.is_null(0)) return null();
  GH_TRY(auto text, call.text(0));
  GH_DO(call.meter.look_at(text.size()));
  std::erase(text, ' ');
  return Value{std::move(text)};
}

Result<Value> replaced(Call& call, std::size_t most) {
  if (call.is_null(0)) return null();
  GH_TRY(auto text, call.text(0));
  GH_TRY(const auto match, call.text(1));
  GH_TRY(const auto replacement, call.text(2));
  if (match.empty()) return Value{std::move(text)};
  GH_DO(call.meter.look_at(text.size()));
  std::string out;
  std::size_t from = 0;
  for (std::size_t times = 0; times < most; ++times) {
    const auto at = place_of(text, match, from);
    if (at == std::string::npos) break;
    GH_DO(call.meter.step());
    GH_DO(call.meter.make(at - from + replacement.size()));  // before it is made: many short matches can grow a text a lot
    out.append(text, from, at - from).append(replacement);
    from = at + match.size();
  }
  GH_DO(call.meter.make(text.size() - from));
  out.append(text, from);
  return Value{std::move(out)};
}

Result<Value> replace(Call& call) { return replaced(call, std::string::npos); }
Result<Value> replace_first(Call& call) { return replaced(call, 1); }

Result<Value> starts_with(Call& call) {
  if (call.is_null(0)) return boolean(false);
  GH_TRY(const auto text, call.text(0));
  GH_TRY(const auto part, call.text(1));
  return boolean(text.starts_with(part));
}

Result<Value> ends_with(Call& call) {
  if (call.is_null(0)) return boolean(false);
  GH_TRY(const auto text, call.text(0));
  GH_TRY(const auto part, call.text(1));
  return boolean(text.ends_with(part));
}

Result<Value> string_contains(Call& call) {
  if (call.is_null(0) || call.is_null(1)) return boolean(false);
  GH_TRY(const auto text, call.text(0));
  GH_TRY(const auto part, call.text(1));
  GH_DO(call.meter.look_at(text.size() + part.size()));
  return boolean(place_of(text, part) != std::string::npos);
}

// "Substrings count": the first key that is anywhere in the input decides.
Result<Value> string_switch(Call& call) {
  if (call.size() % 2 != 0) return failure(Fault::invalid, "String.stringSwitch takes an input, a default, and pairs of key and value; one value is missing");
  if (call.is_null(0)) return std::move(call.arguments[1]);
  GH_TRY(const auto text, call.text(0));
  for (std::size_t i = 2; i < call.size(); i += 2) {
    if (call.is_null(i)) continue;
    GH_TRY(const auto key, call.text(i));
    GH_DO(call.meter.look_at(text.size() + key.size()));
    if (place_of(text, key) != std::string::npos) return std::move(call.arguments[i + 1]);
  }
  return std::move(call.arguments[1]);
}

Result<Value> substring(Call& call) {
  if (call.is_null(0)) return null();
  GH_TRY(const auto text, call.text(0));
  GH_TRY(const auto from, call.whole(1));
  auto to = static_cast<std::int64_t>(text.size());
  if (call.size() > 2) {
    GH_TRY(to, call.whole(2));
  }
  GH_DO(call.meter.look_at(text.size()));
  const auto cut = [](std::int64_t place) { return static_cast<std::size_t>(std::max<std::int64_t>(place, 0)); };
  return expr::text(call.meter, std::string(slice(text, cut(from), cut(to))));
}

// Without the separator: all of the text.
Result<Value> substring_before(Call& call) {
  if (call.is_null(0)) return null();
  GH_TRY(auto text, call.text(0));
  if (call.is_null(1)) return Value{std::move(text)};
  GH_TRY(const auto separator, call.text(1));
  GH_DO(call.meter.look_at(text.size() + separator.size()));
  const auto at = place_of(text, separator);
  if (at != std::string::npos) text.resize(at);
  return Value{std::move(text)};
}

// Without the separator: nothing.
Result<Value> substring_after(Call& call) {
  if (call.is_null(0)) return null();
  GH_TRY(auto text, call.text(0));
  GH_TRY(const auto separator, call.text(1));
  GH_DO(call.meter.look_at(text.size() + separator.size()));
  const auto at = place_of(text, separator);
  if (call.is_null(1) || at == std::string::npos) return Value{std::string()};
  return expr::text(call.meter, text.substr(at + separator.size()));
}

Result<Value> upper(Call& call) {
  if (call.is_null(0)) return null();
  GH_TRY(const auto text, call.text(0));
  GH_DO(call.meter.look_at(text.size()));
  return expr::text(call.meter, to_upper(text));
}

Result<Value> lower(Call& call) {
  if (call.is_null(0)) return null();
  GH_TRY(const auto text, call.text(0));
  GH_DO(call.meter.look_at(text.size()));
  return expr::text(call.meter, to_lower_unicode(text));
}

// -1, 0, 1; parts that are no numbers count as 0.
int compare_versions(std::string_view a, std::string_view b) {
  const auto x = split(a, '.'), y = split(b, '.');
  for (std::size_t i = 0; i < std::max(x.size(), y.size()); ++i) {
    const auto p = i < x.size() ? parse_int(x[i]).value_or(0) : 0, q = i < y.size() ? parse_int(y[i]).value_or(0) : 0;
    if (p != q) return p < q ? -1 : 1;
  }
  return 0;
}

Result<Value> version_is(Call& call, int wanted) {
  GH_TRY(const auto a, call.text(0));
  GH_TRY(const auto b, call.text(1));
  GH_DO(call.meter.step(a.size() + b.size()));
  return boolean(compare_versions(a, b) == wanted);
}

Result<Value> version_greater(Call& call) { return version_is(call, 1); }
Result<Value> version_less(Call& call) { return version_is(call, -1); }

constexpr Function kRows[] = {
    {"String.append", Place::function, Family::string, 2, 2, append, "String.append(text, suffix)"},
    {"String.join", Place::function, Family::string, 1, kAnyNumber, join, "String.join(separator, text, …)"},
    {"String.len", Place::function, Family::string, 1, 1, len, "String.len(text)"},
    {"String.removeSpaces", Place::function, Family::string, 1, 1, remove_spaces, "String.removeSpaces(text)"},
    {"String.replace", Place::function, Family::string, 3, 3, replace, "String.replace(text, match, replacement)"},
    {"String.replaceFirst", Place::function, Family::string, 3, 3, replace_first, "String.replaceFirst(text, match, replacement)"},
    {"String.startsWith", Place::function, Family::string, 2, 2, starts_with, "String.startsWith(text, start)"},
    {"String.endsWith", Place::function, Family::string, 2, 2, ends_with, "String.endsWith(text, end)"},
    {"String.stringContains", Place::function, Family::string, 2, 2, string_contains, "String.stringContains(text, search)"},
    {"String.stringSwitch", Place::function, Family::string, 2, kAnyNumber, string_switch, "String.stringSwitch(text, default, key, value, …)"},
    {"String.substring", Place::function, Family::string, 2, 3, substring, "String.substring(text, from, to)"},
    {"String.substringAfter", Place::function, Family::string, 2, 2, substring_after, "String.substringAfter(text, search)"},
    {"String.substringBefore", Place::function, Family::string, 2, 2, substring_before, "String.substringBefore(text, search)"},
    {"String.toUpperCase", Place::function, Family::string, 1, 1, upper, "String.toUpperCase(text)"},
    {"String.toLowerCase", Place::function, Family::string, 1, 1, lower, "String.toLowerCase(text)"},
    // The deprecated forms.
    {"toUpperCase", Place::function, Family::string, 1, 1, upper, "toUpperCase(text)"},
    {"toLowerCase", Place::function, Family::string, 1, 1, lower, "toLowerCase(text)"},
    {"substringBefore", Place::function, Family::string, 2, 2, substring_before, "substringBefore(text, search)"},
    {"substringAfter", Place::function, Family::string, 2, 2, substring_after, "substringAfter(text, search)"},
    {"substring", Place::function, Family::string, 3, 3, substring, "substring(text, from, to)"},

    {"toUpperCase", Place::method, Family::string, 0, 0, upper, "text.toUpperCase()"},
    {"toLowerCase", Place::method, Family::string, 0, 0, lower, "text.toLowerCase()"},
    {"substring", Place::method, Family::string, 1, 2, substring, "text.substring(from, to)"},
    {"replace", Place::method, Family::string, 2, 2, replace, "text.replace(match, replacement)"},
    {"replaceFirst", Place::method, Family::string, 2, 2, replace_first, "text.replaceFirst(match, replacement)"},
    {"length", Place::method, Family::string, 0, 0, len, "text.length()"},
    {"removeSpaces", Place::method, Family::string, 0, 0, remove_spaces, "text.removeSpaces()"},
    {"startsWith", Place::method, Family::string, 1, 1, starts_with, "text.startsWith(start)"},
    {"endsWith", Place::method, Family::string, 1, 1, ends_with, "text.endsWith(end)"},
    {"substringBefore", Place::method, Family::string, 1, 1, substring_before, "text.substringBefore(search)"},
    {"substringAfter", Place::method, Family::string, 1, 1, substring_after, "text.substringAfter(search)"},
    {"versionGreaterThan", Place::method, Family::version, 1, 1, version_greater, "version.versionGreaterThan('1.2')"},
    {"versionLessThan", Place::method, Family::version, 1, 1, version_less, "version.versionLessThan('1.2')"},
};

}  // namespace

std::span<const Function> string_functions() { return kRows; }

}  // namespace gatehouse::expr
