// Which of several targets gets a request. Pure: what a balancer knows is fixed when it is made, and what it looks at
// comes with each draw; so a choice can be tried without being made. Whether a target may be asked at all is Lineup's
// business.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "crypto/sip_hash.h"
#include "gateway/pool_config.h"
#include "gateway/target.h"

namespace gatehouse::gateway {

inline constexpr std::size_t kNobody = static_cast<std::size_t>(-1);
inline constexpr std::size_t kSequenceMax =
    8192;  // turns of round robin until it begins anew; larger weights are scaled down
inline constexpr std::size_t kRingMax = 16384;   // points of one ring
inline constexpr std::size_t kRingPoints = 160;  // of a target of weight 1, when there is room

struct Candidate {
  std::shared_ptr<Target> target;
  std::uint32_t weight = 1;
};
using Candidates = std::vector<Candidate>;

// One request's part in the choice.
struct Draw {
  std::uint64_t number = 0;               // in turn
  std::uint64_t chance = 0;               // uniform
  std::uint64_t hash = 0;                 // of the request; for Balance::hash
  std::span<const Target* const> tried;   // not to be asked again
  std::uint32_t requests_per_target = 0;  // no target beyond that; 0: any
  std::int64_t under_way = 0;             // with all candidates together; for a bounded ring
  bool allows(const Target& target) const {
    if (requests_per_target != 0 && target.load.exact() >= requests_per_target) return false;
    for (const auto* one : tried)
      if (one == &target) return false;
    return true;
  }
};

// Numbers in turn, and chance made out of them. Each thread has a sequence of its own, so the targets of a pool are
// shared out evenly by each loop, not only by all together.
class Draws {
 public:
  explicit Draws(std::uint64_t seed);
  std::uint64_t next() { return cells_[metric_stripe()].next.fetch_add(1, std::memory_order_relaxed); }
  std::uint64_t peek() const { return cells_[metric_stripe()].next.load(std::memory_order_relaxed); }
  // SplitMix64 (Steele, Lea, Flood): for sharing out work, not for secrets.
  static std::uint64_t chance_of(std::uint64_t number);

 private:
  struct alignas(64) Cell {
    std::atomic<std::uint64_t> next{0};
  };
  std::array<Cell, kMetricStripes> cells_;
};

class Balancer {
 public:
  virtual ~Balancer() = default;
  // A candidate that the draw allows; kNobody when there is none. O(1), for a ring O(log n), as long as it allows its
  // first choice.
  virtual std::size_t pick(const Candidates& among, const Draw& draw) const = 0;
};

// For exactly these candidates, of which there is at least one. `key`: of the ring's points.
std::unique_ptr<const Balancer> make_balancer(const PoolConfig& config, const Candidates& candidates,
                                              const crypto::SipKey& key);

}  // namespace gatehouse::gateway
