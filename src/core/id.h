// Typed identifiers: a GroupId does not fit where a UserId goes.
// Form as at Okta: 20 characters, a prefix of 3 that tells the type, then 17 of [A-Za-z0-9].
#pragma once

#include <compare>
#include <functional>
#include <string>
#include <string_view>

#include "core/error.h"

namespace gatehouse {

class Random;

inline constexpr std::size_t kIdLengthMax = 64;

// True for 1..64 characters of [A-Za-z0-9._-]: what may stand in a path, a log and a column as it is.
bool is_id(std::string_view text);
// prefix + random [A-Za-z0-9], 20 characters in all (about 100 bits).
std::string new_id(Random& random, std::string_view prefix);

template <class Tag>
class Id {
 public:
  static Result<Id> parse(std::string_view text) {
    if (!is_id(text)) return failure(Fault::invalid, "not an id");
    return Id(std::string(text));
  }
  static Id make(Random& random, std::string_view prefix) { return Id(new_id(random, prefix)); }

  const std::string& str() const { return text_; }
  friend bool operator==(const Id&, const Id&) = default;
  friend auto operator<=>(const Id&, const Id&) = default;

 private:
  explicit Id(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

using OrgId = Id<struct OrgTag>;

}  // namespace gatehouse

template <class Tag>
struct std::hash<gatehouse::Id<Tag>> {
  std::size_t operator()(const gatehouse::Id<Tag>& id) const { return std::hash<std::string>()(id.str()); }
};
