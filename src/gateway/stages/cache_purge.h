// Taking answers out of the caches of a program, at an operator's word.
#pragma once

#include <string>

#include "gateway/stages/cache_store.h"

namespace gatehouse::gateway {

// Exactly one of url, prefix and tag, or route alone; beside a tag, route narrows it.
struct Purge {
  std::string url;     // one address, with its query
  std::string prefix;  // an address without a query, and all below it
  std::string tag;     // a word of Surrogate-Key or Cache-Tag
  std::string route;   // as logs and metrics name it: host and path
};
// How many were taken out. Fault::invalid: what to take out is not said clearly. Walks over everything: not for a loop.
Result<std::size_t> purge(const CacheStores& stores, const Purge& wanted);

}  // namespace gatehouse::gateway
