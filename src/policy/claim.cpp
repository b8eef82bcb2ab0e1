#include "policy/claim.h"

#include <algorithm>
#include <charconv>

#include "core/text.h"

namespace gatehouse::policy {

namespace {

Truth see_leaf(const json::value& value, const ClaimPath::See& see) {
  if (value.is_null()) return Truth::unknown;
  const auto* list = value.if_array();
  if (list == nullptr) return see(value);
  auto best = Truth::no;
  for (const auto& entry : *list) best = std::max(best, entry.is_array() || entry.is_null() ? Truth::unknown : see(entry));
  return best;
}

// nullopt: the path leads nowhere.
std::optional<Truth> walk(const json::value& at, const std::vector<std::string>& steps, std::size_t step, const ClaimPath::See& see) {
  if (step == steps.size()) return see_leaf(at, see);
  if (const auto* object = at.if_object()) {
    const auto* next = object->if_contains(steps[step]);
    return next == nullptr ? std::nullopt : walk(*next, steps, step + 1, see);
  }
  const auto* list = at.if_array();
  if (list == nullptr) return std::nullopt;
  auto best = Truth::no;
  for (const auto& entry : *list)
    best = std::max(best, entry.is_object() ? walk(entry, steps, step, see).value_or(Truth::unknown) : Truth::unknown);
  return best;
}

const json::value* plain(const json::object& claims, std::string_view name) {
  const auto* value = claims.if_contains(name);
  return value == nullptr || value->is_null() ? nullptr : value;
}

}  // namespace

Result<ClaimPath> ClaimPath::parse(std::string_view text) {
  if (text.empty() || text.size() > kClaimNameMax || !is_utf8(text)) return failure(Fault::invalid, "a claim has a name of at most 256 bytes");
  ClaimPath path;
  path.text_ = text;
  const auto parts = split(text, '.');
  if (parts.size() == 1 || std::ranges::any_of(parts, &std::string_view::empty)) return path;   // "https://a.b..c": a name
  if (parts.size() > kClaimPathMax) return failure(Fault::invalid, "the claim " + path.text_ + " has more than 8 steps");
  for (const auto part : parts) path.steps_.emplace_back(part);
  return path;
}

Truth ClaimPath::any(const json::object& claims, const See& see) const {
  const auto* named = plain(claims, text_);
  if (steps_.empty()) return named == nullptr ? Truth::unknown : see_leaf(*named, see);
  const auto* first = plain(claims, steps_.front());
  const auto nested = first == nullptr ? std::nullopt : walk(*first, steps_, 1, see);
  if (named != nullptr) return nested ? Truth::unknown : see_leaf(*named, see);
  return nested.value_or(Truth::unknown);
}

bool ClaimPath::exists(const json::object& claims) const {
  if (plain(claims, text_) != nullptr) return true;
  const auto* first = steps_.empty() ? nullptr : plain(claims, steps_.front());
  const See is_there = [](const json::value&) { return Truth::yes; };
  return first != nullptr && walk(*first, steps_, 1, is_there) == Truth::yes;
}

Truth equals(const json::value& value, std::string_view text) {
  if (const auto* own = value.if_string()) return truth(std::string_view(own->data(), own->size()) == text);
  if (value.is_bool()) return truth(text == (value.get_bool() ? "true" : "false"));
  char digits[32];
  if (const auto* whole = value.if_int64()) return truth(text == std::string_view(digits, std::to_chars(digits, digits + sizeof digits, *whole).ptr));
  if (const auto* whole = value.if_uint64()) return truth(text == std::string_view(digits, std::to_chars(digits, digits + sizeof digits, *whole).ptr));
  if (value.is_double()) return truth(to_text(value) == text);
  return Truth::unknown;
}

std::optional<long double> number_of(const json::value& value) {
  if (const auto* whole = value.if_int64()) return static_cast<long double>(*whole);
  if (const auto* whole = value.if_uint64()) return static_cast<long double>(*whole);
  if (const auto* real = value.if_double()) return static_cast<long double>(*real);
  return std::nullopt;
}

}  // namespace gatehouse::policy
