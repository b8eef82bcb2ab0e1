// How each kind of condition is answered.
#include "policy/condition_node.h"

#include <algorithm>

#include "core/text.h"
#include "policy/email.h"

namespace gatehouse::policy {

namespace {

const json::value* claim_of(const Facts& facts, std::string_view name) {
  const auto* value = facts.claims == nullptr ? nullptr : facts.claims->if_contains(name);
  return value == nullptr || value->is_null() ? nullptr : value;
}

template <class See>
Truth any_value(const Facts& facts, const ClaimPath& claim, const See& see) {
  if (facts.claims == nullptr) return Truth::unknown;
  return claim.any(*facts.claims, std::cref(see));
}

std::optional<std::string_view> text_of(const json::value& value) {
  const auto* text = value.if_string();
  return text == nullptr ? std::nullopt : std::optional(std::string_view(text->data(), text->size()));
}

bool lists(const Texts& texts, std::string_view text) { return std::ranges::find(texts, text) != texts.end(); }

bool has_word(std::string_view words, std::string_view word) {
  for (std::size_t at = 0; at <= words.size();) {
    const auto end = std::min(words.find(' ', at), words.size());
    if (words.substr(at, end - at) == word) return true;
    at = end + 1;
  }
  return false;
}

}  // namespace

Truth AllOf::holds(const Facts& facts, Assumption& assumption) const {
  auto least = Truth::yes;
  for (const auto& part : of) {
    least = std::min(least, part.holds(facts, assumption));
    if (least == Truth::no) break;
  }
  return least;
}

Truth AnyOf::holds(const Facts& facts, Assumption& assumption) const {
  if (assumption.met) {   // nothing need be taken for granted when another part holds as it is
    Assumption nothing;
    if (holds(facts, nothing) == Truth::yes) return Truth::yes;
  }
  auto most = Truth::no;
  for (const auto& part : of) {
    most = std::max(most, part.holds(facts, assumption));
    if (most == Truth::yes) break;
  }
  return most;
}

Truth ClaimIs::holds(const Facts& facts, Assumption&) const {
  return any_value(facts, claim, [this](const json::value& value) {
    auto best = Truth::no;
    for (const auto& text : any_of) best = std::max(best, equals(value, text));
    return best;
  });
}

Truth ClaimHas::holds(const Facts& facts, Assumption&) const {
  auto least = Truth::yes;
  for (const auto& text : all_of)
    least = std::min(least, any_value(facts, claim, [&text](const json::value& value) { return equals(value, text); }));
  return least;
}

Truth ClaimEdge::holds(const Facts& facts, Assumption&) const {
  return any_value(facts, claim, [this](const json::value& value) {
    const auto text = text_of(value);
    if (!text) return Truth::unknown;
    return truth(std::ranges::any_of(any_of, [&](const std::string& edge) { return where == Where::begin ? text->starts_with(edge) : text->ends_with(edge); }));
  });
}

Truth ClaimExists::holds(const Facts& facts, Assumption&) const {
  return facts.claims == nullptr ? Truth::unknown : truth(claim.exists(*facts.claims));
}

Truth ClaimNumber::holds(const Facts& facts, Assumption&) const {
  return any_value(facts, claim, [this](const json::value& value) {
    const auto number = number_of(value);
    if (!number) return Truth::unknown;
    const auto limit = static_cast<long double>(bound);
    switch (how) {
      case Compare::below: return truth(*number < limit);
      case Compare::at_most: return truth(*number <= limit);
      case Compare::at_least: return truth(*number >= limit);
      case Compare::above: return truth(*number > limit);
    }
    return Truth::unknown;
  });
}

// RFC 9068 §2.2.3 has one text of words, Okta a list. A token that says both says two things.
Truth Scopes::holds(const Facts& facts, Assumption&) const {
  const auto* list = claim_of(facts, "scp");
  const auto* words = claim_of(facts, "scope");
  if (list != nullptr && words != nullptr) return Truth::unknown;
  if (list == nullptr) list = words;
  if (list == nullptr) return Truth::unknown;
  if (const auto text = text_of(*list)) return truth(std::ranges::all_of(all_of, [&](const std::string& scope) { return has_word(*text, scope); }));
  const auto* entries = list->if_array();
  if (entries == nullptr) return Truth::unknown;
  return truth(std::ranges::all_of(all_of, [&](const std::string& scope) {
    return std::ranges::any_of(*entries, [&](const json::value& entry) { return text_of(entry) == scope; });
  }));
}

Truth EmailIn::holds(const Facts& facts, Assumption&) const {
  const auto* value = claim_of(facts, claim);
  const auto text = value == nullptr ? std::nullopt : text_of(*value);
  const auto domain = text ? email_domain(*text) : std::nullopt;
  if (!domain) return Truth::unknown;
  const auto* verified = claim_of(facts, "email_verified");
  if (verified != nullptr && equals(*verified, "true") != Truth::yes) return Truth::unknown;   // an address that anybody may have typed
  return truth(std::ranges::any_of(domains, [&](const std::string& wanted) { return equal_ignoring_case(*domain, wanted); }));
}

Truth Acr::holds(const Facts& facts, Assumption& assumption) const {
  const auto* value = claim_of(facts, "acr");
  const auto text = value == nullptr ? std::nullopt : text_of(*value);
  const auto now = text ? truth(lists(any_of, *text)) : Truth::unknown;
  if (now == Truth::yes || !assumption.met || facts.claims == nullptr) return now;
  if (!assumption.acr_asked) assumption.acr_values = any_of;
  else std::erase_if(assumption.acr_values, [this](const std::string& acr) { return !lists(any_of, acr); });
  assumption.acr_asked = true;
  return Truth::yes;
}

Truth MaxAge::holds(const Facts& facts, Assumption& assumption) const {
  const auto* value = claim_of(facts, "auth_time");
  const auto seconds = value == nullptr ? std::nullopt : number_of(*value);
  const auto now = static_cast<long double>(to_seconds(facts.now));
  auto fresh = Truth::unknown;
  if (seconds && *seconds <= now + static_cast<long double>(kAuthTimeSkew.count())) fresh = truth(now - *seconds <= static_cast<long double>(age.count()));
  if (fresh == Truth::yes || !assumption.met || facts.claims == nullptr) return fresh;
  assumption.max_age = std::min(assumption.max_age.value_or(age), age);
  return Truth::yes;
}

Truth InZones::holds(const Facts& facts, Assumption&) const {
  const auto ip = parse_ip(facts.client);
  if (!ip) return Truth::unknown;
  return truth(std::ranges::any_of(any_of, [&](const auto& networks) { return networks->contains(*ip); }));
}

Truth Methods::holds(const Facts& facts, Assumption&) const { return facts.method.empty() ? Truth::unknown : truth(lists(any_of, facts.method)); }

Truth Hosts::holds(const Facts& facts, Assumption&) const {
  if (facts.host.empty()) return Truth::unknown;
  return truth(std::ranges::any_of(any_of, [&](std::string_view host) {
    return host.starts_with("*.") ? facts.host.size() > host.size() - 1 && facts.host.ends_with(host.substr(1)) : facts.host == host;
  }));
}

Truth Paths::holds(const Facts& facts, Assumption&) const {
  auto best = Truth::no;
  for (const auto& pattern : any_of) best = std::max(best, pattern.matches(facts.path));
  return best;
}

}  // namespace gatehouse::policy
