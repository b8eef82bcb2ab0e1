#include "core/id.h"

#include <algorithm>

#include "core/random.h"
#include "core/text.h"

namespace gatehouse {

bool is_id(std::string_view text) {
  return !text.empty() && text.size() <= kIdLengthMax && std::ranges::all_of(text, [](char c) {
    return is_alnum(c) || c == '.' || c == '_' || c == '-';
  });
}

std::string new_id(Random& random, std::string_view prefix) {
  constexpr std::size_t kLength = 20;
  std::string id(prefix);
  id += random_text(random, kLength - prefix.size());
  return id;
}

}  // namespace gatehouse
