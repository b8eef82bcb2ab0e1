#include "okta/paging.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/text.h"
#include "okta/error.h"

namespace gatehouse::okta {
namespace {

constexpr std::size_t kAfterMax = 256;  // bytes

// Ours to send back in a header: whatever is not plainly part of a URL is escaped.
std::string quotable(std::string_view query) {
  std::string text;
  for (const char c : query) {
    const bool safe = c > 0x20 && c < 0x7F && c != '<' && c != '>' && c != '"';
    text += safe ? std::string(1, c) : percent_encode({&c, 1});
  }
  return text;
}

std::string line(std::string_view url, std::string_view relation) { return fmt::format("<{}>; rel=\"{}\"", url, relation); }

}  // namespace

Result<Paging> read_paging(const net::Call& call, int limit_default, int limit_max) {
  Paging paging{call.query("after").value_or(""), limit_default};
  if (paging.after.size() > kAfterMax || !is_utf8(paging.after))
    return std::unexpected(error("E0000031", "after: Invalid cursor."));
  if (const auto asked = call.query("limit"); asked && !asked->empty()) {
    const auto limit = parse_int(*asked);
    if (!limit || *limit < 1) return std::unexpected(error("E0000001", "limit: The limit must be a positive number."));
    paging.limit = static_cast<int>(std::min<std::int64_t>(*limit, limit_max));
  }
  return paging;
}

net::Reply list_reply(const net::Request& request, json::array items, const std::optional<std::string>& next) {
  auto reply = net::Reply::json_text(200, to_text(items));
  const auto base = request.origin() + request.path;
  reply.with("Link", line(base + (request.has_query ? "?" + quotable(request.query) : ""), "self"));
  if (next) {
    std::string query = "after=" + percent_encode(*next);
    for (const auto part : split(request.query, '&')) {
      if (part.empty() || part == "after" || part.starts_with("after=")) continue;
      query += '&';
      query += quotable(part);
    }
    reply.with("Link", line(base + "?" + query, "next"));
  }
  return reply;
}

}  // namespace gatehouse::okta
