#include "signin/return_to.h"

#include <algorithm>

#include "net/message.h"

namespace gatehouse::signin {

Result<ReturnTo> ReturnTo::parse(std::string_view text) {
  const auto no = [] { return failure(Fault::invalid, "return address: must be a path of this site"); };
  if (text.empty() || text.size() > kReturnToMax || text.front() != '/' || text.starts_with("//")) return no();
  const bool plain = std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f && !std::string_view("\\\"<>^`{|}#").contains(c); });
  if (!plain) return no();
  auto target = net::parse_target(text);   // one parser decides, the one that will see the request
  if (!target || !target->authority.empty() || target->path.starts_with("//")) return no();
  return ReturnTo(std::string(text));
}

}  // namespace gatehouse::signin
