// Where a condition finds its values among the claims: a name, or a path `address.country` through objects and lists.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "policy/facts.h"

namespace gatehouse::policy {

inline constexpr std::size_t kClaimPathMax = 8;      // steps
inline constexpr std::size_t kClaimNameMax = 256;    // bytes

class ClaimPath {
 public:
  // A claim that is called "a.b" is found as well as b within a; when both are there, nobody can tell which was meant.
  static Result<ClaimPath> parse(std::string_view text);
  const std::string& str() const { return text_; }

  using See = std::function<Truth(const json::value&)>;   // borrow by std::cref: small enough not to allocate
  // yes if `see` says so of one value (each entry of a list is one); unknown if there is no value, or one that `see`
  // cannot judge; no otherwise. An empty list has no value that could be the wrong one: no.
  Truth any(const json::object& claims, const See& see) const;
  // Is there a value other than null?
  bool exists(const json::object& claims) const;

 private:
  std::string text_;
  std::vector<std::string> steps_;   // empty: no path, a plain name
};

// The value as rules write it down: a text as it is, true, false, 42. Anything else: unknown.
Truth equals(const json::value& value, std::string_view text);
// Unless the value is a number: nullopt.
std::optional<long double> number_of(const json::value& value);

}  // namespace gatehouse::policy
