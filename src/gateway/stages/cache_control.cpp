#include "gateway/stages/cache_control.h"

#include <algorithm>

#include "core/text.h"
#include "gateway/names.h"

namespace gatehouse::gateway {
namespace {

// Members of a list whose parts may be quoted strings (RFC 9110 §5.6.1, §5.6.4), read from front to back.
class ListReader {
 public:
  explicit ListReader(std::string_view text) : rest_(text) {}

  // Past blanks and empty members; false at the end.
  bool next() {
    while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\t' || rest_.front() == ','))
      rest_.remove_prefix(1);
    return !rest_.empty();
  }
  std::string_view token() {
    const auto end = std::ranges::find_if_not(rest_, [](char c) { return is_field_name(std::string_view(&c, 1)); });
    return take(static_cast<std::size_t>(end - rest_.begin()));
  }
  bool skip(char c) {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  // A token, or what stands between quotes; nullopt when they are not closed, or when something in them is no text.
  std::optional<std::string> value() {
    if (!skip('"')) return std::string(token());
    std::string text;
    while (!rest_.empty()) {
      const char c = take(1).front();
      if (c == '"') return text;
      if (c == '\\' && rest_.empty()) return std::nullopt;
      const char plain = c == '\\' ? take(1).front() : c;
      const auto byte = static_cast<unsigned char>(plain);
      if ((byte < 0x20 && plain != '\t') || byte == 0x7F) return std::nullopt;
      text += plain;
    }
    return std::nullopt;
  }
  // Is the member over here?
  bool at_end() {
    while (rest_.starts_with(' ') || rest_.starts_with('\t')) rest_.remove_prefix(1);
    return rest_.empty() || rest_.front() == ',';
  }

 private:
  std::string_view take(std::size_t count) {
    const auto taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }
  std::string_view rest_;
};

struct Directive {
  std::string name;
  std::optional<std::string> value;
};

struct Number {
  std::string_view name;
  std::optional<Seconds> CacheControl::* member;
  bool larger_is_narrower = false;
};
constexpr Number kNumbers[] = {
    {"max-age", &CacheControl::max_age},
    {"s-maxage", &CacheControl::s_maxage},
    {"min-fresh", &CacheControl::min_fresh, true},
    {"max-stale", &CacheControl::max_stale},
    {"stale-while-revalidate", &CacheControl::stale_while_revalidate},
    {"stale-if-error", &CacheControl::stale_if_error},
};

struct Flag {
  std::string_view name;
  bool CacheControl::* member;
};
constexpr Flag kFlags[] = {
    {"no-store", &CacheControl::no_store},
    {"no-transform", &CacheControl::no_transform},
    {"public", &CacheControl::is_public},
    {"must-revalidate", &CacheControl::must_revalidate},
    {"proxy-revalidate", &CacheControl::proxy_revalidate},
    {"must-understand", &CacheControl::must_understand},
    {"only-if-cached", &CacheControl::only_if_cached},
};

void narrow(std::optional<Seconds>& kept, Seconds value) { kept = kept ? std::min(*kept, value) : value; }
void widen(std::optional<Seconds>& kept, Seconds value) { kept = kept ? std::max(*kept, value) : value; }

// False when a name among them is none.
bool add_names(std::string_view list, std::vector<std::string>& names) {
  bool some = false;
  for (const auto part : split(list, ',')) {
    const auto name = trim(part);
    if (name.empty()) continue;
    if (!is_field_name(name)) return false;
    names.push_back(to_lower(name));
    some = true;
  }
  return some;
}

void take_number(CacheControl& into, const Directive& directive) {
  const auto number = std::ranges::find(kNumbers, directive.name, &Number::name);
  if (number == std::end(kNumbers)) return;  // RFC 9111 §5.2.3: an extension; nothing is assumed of it
  const auto value = !directive.value && directive.name == "max-stale" ? Seconds(kDeltaMax)
                                                                       : delta_seconds(directive.value.value_or(""));
  if (!value) into.malformed = true;
  else if (number->larger_is_narrower) widen(into.*number->member, *value);
  else narrow(into.*number->member, *value);
}

void take_directive(CacheControl& into, const Directive& directive) {
  into.present = true;
  if (const auto flag = std::ranges::find(kFlags, directive.name, &Flag::name); flag != std::end(kFlags)) {
    // A value where none belongs: a word that narrows holds nevertheless, and `public="…"` opens nothing.
    into.*flag->member = true;
    if (directive.value && flag->member == &CacheControl::is_public) into.malformed = true;
    return;
  }
  const bool cache = directive.name == "no-cache";
  if (!cache && directive.name != "private") return take_number(into, directive);
  auto& whole = cache ? into.no_cache : into.is_private;
  if (!directive.value || !add_names(*directive.value, into.withheld)) whole = true;
}

}  // namespace

std::optional<Seconds> delta_seconds(std::string_view text) {
  if (text.empty() || text.size() > 100 || !std::ranges::all_of(text, is_digit)) return std::nullopt;
  std::int64_t value = 0;
  for (const char c : text) value = std::min(value * 10 + (c - '0'), kDeltaMax);
  return Seconds(value);
}

void CacheControl::add(std::string_view line) {
  ListReader list(line);
  for (std::size_t count = 0; list.next(); ++count) {
    Directive directive{.name = to_lower(list.token()), .value = std::nullopt};
    if (directive.name.empty() || count >= kCacheDirectivesMax) {
      present = malformed = true;
      return;
    }
    if (list.skip('=')) {
      directive.value = list.value();
      if (!directive.value) malformed = true;
    }
    take_directive(*this, directive);
    if (malformed || !list.at_end()) {
      malformed = true;
      return;
    }
  }
}

CacheControl cache_control_of(const HeaderList& headers) {
  CacheControl control;
  for (const auto& [name, value] : headers)
    if (equal_ignoring_case(name, "cache-control")) control.add(value);
  return control;
}

std::optional<std::vector<std::string>> vary_names(const HeaderList& headers) {
  std::vector<std::string> names;
  for (const auto& [name, value] : headers) {
    if (!equal_ignoring_case(name, "vary")) continue;
    for (const auto part : split(value, ',')) {
      const auto word = trim(part);
      if (word.empty()) continue;
      if (word == "*" || !is_field_name(word) || names.size() >= kVaryNamesMax) return std::nullopt;
      names.push_back(to_lower(word));
    }
  }
  std::ranges::sort(names);
  names.erase(std::ranges::unique(names).begin(), names.end());
  return names;
}

std::optional<Seconds> age_of(const HeaderList& headers) {
  Seconds age(0);
  for (const auto& [name, value] : headers) {
    if (!equal_ignoring_case(name, "age")) continue;
    const auto one = delta_seconds(value);
    if (!one) return std::nullopt;
    age = std::max(age, *one);
  }
  return age;
}

DateField date_field(const HeaderList& headers, std::string_view name) {
  DateField field;
  for (const auto& [other, value] : headers) {
    if (!equal_ignoring_case(other, name)) continue;
    const auto date = from_http_date(value);
    field.value = field.present && field.value != date ? std::nullopt : date;
    field.present = true;
    if (!field.value) return field;
  }
  return field;
}

bool is_entity_tag(std::string_view text) {
  if (text.starts_with("W/")) text.remove_prefix(2);
  if (text.size() < 2 || !text.starts_with('"') || !text.ends_with('"')) return false;
  return std::ranges::all_of(text.substr(1, text.size() - 2),
                             [](char c) { return static_cast<unsigned char>(c) > 0x20 && c != '"' && c != 0x7F; });
}

bool same_entity_tag(std::string_view a, std::string_view b) {
  if (a.starts_with("W/")) a.remove_prefix(2);
  if (b.starts_with("W/")) b.remove_prefix(2);
  return a == b;
}

bool lists_entity_tag(std::string_view list, std::string_view tag) {
  if (trim(list) == "*") return true;
  bool found = false;
  for (auto rest = trim(list); !rest.empty();) {
    const auto open = rest.find('"');
    const auto close = open == std::string_view::npos ? open : rest.find('"', open + 1);
    if (close == std::string_view::npos) return false;
    const auto one = rest.substr(0, close + 1);
    if (!is_entity_tag(one)) return false;
    found = found || same_entity_tag(one, tag);
    rest = trim(rest.substr(close + 1));
    if (rest.empty()) break;
    if (!rest.starts_with(',')) return false;
    while (rest.starts_with(',')) rest = trim(rest.substr(1));
  }
  return found;
}

}  // namespace gatehouse::gateway
