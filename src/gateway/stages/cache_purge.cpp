#include "gateway/stages/cache_purge.h"

#include <algorithm>

#include "net/message.h"
#include "net/url.h"

namespace gatehouse::gateway {
namespace {

// In the one form in which the edge makes it (docs/decisions/005), or nothing would match.
Result<std::string> canonical(const std::string& text) {
  GH_TRY(const auto url, net::Url::parse(text));
  GH_TRY(const auto target, net::parse_target(url.target()));
  return url.origin() + target.path + (target.has_query ? "?" + target.query : std::string());
}

bool is_below(std::string_view url, std::string_view prefix) {
  if (!url.starts_with(prefix)) return false;
  return url.size() == prefix.size() || prefix.ends_with('/') || url[prefix.size()] == '/' || url[prefix.size()] == '?';
}

}  // namespace

Result<std::size_t> purge(const CacheStores& stores, const Purge& wanted) {
  const auto said = int(!wanted.url.empty()) + int(!wanted.prefix.empty()) + int(!wanted.tag.empty());
  if (said > 1 || (said == 0 && wanted.route.empty()) || (said == 1 && wanted.tag.empty() && !wanted.route.empty()))
    return failure(Fault::invalid,
                   "say exactly one of url, prefix, tag and route; only a tag may stand beside a route");
  std::string address;
  if (wanted.tag.empty() && wanted.route.empty()) {
    GH_TRY(address, canonical(wanted.url.empty() ? wanted.prefix : wanted.url));
  }
  if (!wanted.prefix.empty() && address.contains('?')) return failure(Fault::invalid, "prefix: has no query");
  const auto matches = [&](const CacheEntry& entry) {
    if (!wanted.url.empty()) return entry.url == address;
    if (!wanted.prefix.empty()) return is_below(entry.url, address);
    if (!wanted.route.empty() && entry.route != wanted.route) return false;
    return wanted.tag.empty() || std::ranges::find(entry.tags, wanted.tag) != entry.tags.end();
  };
  std::size_t count = 0;
  for (const auto& store : stores.all()) count += store->purge(matches);
  return count;
}

}  // namespace gatehouse::gateway
