// Lists of Okta's API: a bare JSON array, an opaque `after`, and a Link header line of its own for each relation
// (clients read the lines one by one), self first, with absolute URLs on the host that was called.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/json.h"
#include "net/endpoint.h"

namespace gatehouse::okta {

struct Paging {
  std::string after;  // empty: the first page
  int limit;
};
// `limit` above the maximum is cut down to it; 0 or less, or not a number, is E0000001.
Result<Paging> read_paging(const net::Call& call, int limit_default, int limit_max);

// 200 with the array; `next` is the `after` of the page behind this one, if there is any.
net::Reply list_reply(const net::Request& request, json::array items, const std::optional<std::string>& next);

// Give it one item more than the page may hold: takes it off again and tells where the next page begins.
template <class Items, class Cursor>
std::optional<std::string> cut_page(Items& items, int limit, Cursor cursor_of) {
  const auto most = static_cast<std::size_t>(limit);
  if (items.size() <= most) return std::nullopt;
  items.erase(items.begin() + limit, items.end());
  return std::string(cursor_of(items.back()));
}

}  // namespace gatehouse::okta
