// Who of a pool may be asked, as of one instant: made anew whenever that changes, so that a request need not look at
// the health of any target. Pure.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <vector>

#include "gateway/balancer.h"

namespace gatehouse::gateway {

// A target's place in its pool.
struct Place {
  std::shared_ptr<Target> target;
  std::uint32_t weight = 1, priority = 0;
  bool drain = false;
  std::size_t written = 0;  // which target of the configuration it is, or an address of
};

inline constexpr std::int64_t kForever = std::numeric_limits<std::int64_t>::max();
inline constexpr std::uint32_t kSlowStartSteps = 10;

struct Lineup {
  struct Tier {
    Candidates candidates;
    std::unique_ptr<const Balancer> balancer;
  };
  std::vector<Tier> tiers;  // of growing priority number; the next one is asked when nobody of those before may be
  std::int64_t until = kForever;  // milliseconds since 1970, when it has to be made anew

  // nullptr: nobody may be asked.
  Target* pick(const Draw& draw) const {
    for (const auto& tier : tiers)
      if (const auto at = tier.balancer->pick(tier.candidates, draw); at != kNobody)
        return tier.candidates[at].target.get();
    return nullptr;
  }
};

// In service are those that are neither drained nor sick nor ejected. When there is nobody, the ejected ones are asked
// again: somebody who answers badly now and then is better than nobody. The sick ones are not, unless panic_percent
// says so: whoever set up health checks has said that a server that fails them must not get requests.
Lineup line_up(std::span<const Place> places, const PoolConfig& config, const crypto::SipKey& key, std::int64_t now);

}  // namespace gatehouse::gateway
