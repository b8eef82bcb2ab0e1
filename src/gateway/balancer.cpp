#include "gateway/balancer.h"

#include <algorithm>
#include <numeric>

namespace gatehouse::gateway {

namespace {

// A number below `bound` out of a uniform one, without division.
std::uint64_t below(std::uint64_t chance, std::uint64_t bound) {
  return static_cast<std::uint64_t>((static_cast<unsigned __int128>(chance) * bound) >> 64);
}

std::uint64_t sum_of_weights(const Candidates& candidates) {
  return std::accumulate(candidates.begin(), candidates.end(), std::uint64_t(0),
                         [](std::uint64_t sum, const Candidate& one) { return sum + one.weight; });
}

// For the rare request whose first choice may not be asked.
std::size_t next_allowed(const Candidates& among, const Draw& draw, std::size_t from) {
  for (std::size_t i = 0; i < among.size(); ++i)
    if (const auto at = (from + i) % among.size(); draw.allows(*among[at].target)) return at;
  return kNobody;
}

// Smooth weighted round robin as one fixed sequence: a target of weight w has w turns in it, evenly spread.
class RoundRobin final : public Balancer {
 public:
  explicit RoundRobin(const Candidates& candidates) {
    const auto sum = sum_of_weights(candidates);
    struct Slot {
      double when;
      std::uint16_t who;
      auto operator<=>(const Slot&) const = default;
    };
    std::vector<Slot> slots;
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      auto turns = static_cast<std::uint64_t>(candidates[i].weight);
      if (sum > kSequenceMax) turns = std::max<std::uint64_t>(1, turns * kSequenceMax / sum);
      for (std::uint64_t turn = 0; turn < turns; ++turn)
        slots.push_back(
            {(static_cast<double>(turn) + 0.5) / static_cast<double>(turns), static_cast<std::uint16_t>(i)});
    }
    std::ranges::sort(slots);
    for (const auto& slot : slots) sequence_.push_back(slot.who);
  }
  std::size_t pick(const Candidates& among, const Draw& draw) const override {
    const std::size_t first = sequence_[draw.number % sequence_.size()];
    return draw.allows(*among[first].target) ? first : next_allowed(among, draw, first + 1);
  }

 private:
  std::vector<std::uint16_t> sequence_;
};

// By weight, in O(log n), or O(1) when all weigh the same.
class Wheel {
 public:
  explicit Wheel(const Candidates& candidates) {
    for (const auto& one : candidates) sums_.push_back((sums_.empty() ? 0 : sums_.back()) + one.weight);
    even_ =
        std::ranges::all_of(candidates, [&](const Candidate& one) { return one.weight == candidates.front().weight; });
  }
  std::size_t at(std::uint64_t chance) const {
    if (even_) return below(chance, sums_.size());
    return static_cast<std::size_t>(std::ranges::upper_bound(sums_, below(chance, sums_.back())) - sums_.begin());
  }

 private:
  std::vector<std::uint64_t> sums_;
  bool even_ = true;
};

class ByChance final : public Balancer {
 public:
  explicit ByChance(const Candidates& candidates) : wheel_(candidates) {}
  std::size_t pick(const Candidates& among, const Draw& draw) const override {
    const auto first = wheel_.at(draw.chance);
    return draw.allows(*among[first].target)
               ? first
               : next_allowed(among, draw, below(Draws::chance_of(draw.chance), among.size()));
  }

 private:
  Wheel wheel_;
};

// Power of two choices (Mitzenmacher): two by chance, the one with less to do for its weight. Close to asking all who
// has the least, and does not send everybody to the same one at the same instant.
class LeastRequests final : public Balancer {
 public:
  explicit LeastRequests(const Candidates& candidates) : wheel_(candidates) {}
  std::size_t pick(const Candidates& among, const Draw& draw) const override {
    const auto first = wheel_.at(draw.chance);
    const auto chance = Draws::chance_of(draw.chance);
    auto second = wheel_.at(chance);
    if (second == first && among.size() > 1)
      second = (first + 1 + below(Draws::chance_of(chance), among.size() - 1)) % among.size();
    const bool first_may = draw.allows(*among[first].target), second_may = draw.allows(*among[second].target);
    if (!first_may && !second_may) return next_allowed(among, draw, second + 1);
    if (!first_may || !second_may) return first_may ? first : second;
    const auto busy = [&](std::size_t one, std::size_t other) {
      return among[one].target->load.exact() * among[other].weight;
    };
    return busy(second, first) < busy(first, second) ? second : first;
  }

 private:
  Wheel wheel_;
};

// Consistent hashing (Karger et al.): each target owns the arcs before its points, so that the keys of one that goes
// are shared among the others and all other keys stay. With bounded loads (Mirrokni et al.) a target that has much more
// to do than the mean is passed over.
class Ring final : public Balancer {
 public:
  Ring(const Candidates& candidates, const crypto::SipKey& key, std::uint32_t bound)
      : bound_(bound), weights_(sum_of_weights(candidates)) {
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      const auto wanted = kRingPoints * candidates[i].weight;
      const auto points = std::max<std::size_t>(2, std::min(wanted, kRingMax * candidates[i].weight / weights_));
      for (std::size_t n = 0; n < points; n += 2) {
        const auto hash = crypto::siphash128(key, candidates[i].target->name() + "#" + std::to_string(n));
        points_.push_back({hash.low, static_cast<std::uint16_t>(i)});
        points_.push_back({hash.high, static_cast<std::uint16_t>(i)});
      }
    }
    std::ranges::sort(points_);
  }
  std::size_t pick(const Candidates& among, const Draw& draw) const override {
    auto at =
        static_cast<std::size_t>(std::ranges::lower_bound(points_, draw.hash, {}, &Point::where) - points_.begin());
    for (std::size_t steps = 0; steps < std::min(points_.size(), kStepsMax); ++steps, ++at) {
      const std::size_t who = points_[at % points_.size()].who;
      if (draw.allows(*among[who].target) && within_bound(among[who], draw)) return who;
    }
    return next_allowed(among, draw, points_[at % points_.size()].who);
  }

 private:
  static constexpr std::size_t kStepsMax = 512;
  struct Point {
    std::uint64_t where;
    std::uint16_t who;
    friend auto operator<=>(const Point&, const Point&) = default;
  };
  bool within_bound(const Candidate& one, const Draw& draw) const {
    if (bound_ == 0) return true;
    // ceil(bound * (all + 1) * share)
    const auto most = (static_cast<std::uint64_t>(bound_) *
                           static_cast<std::uint64_t>(std::max<std::int64_t>(0, draw.under_way) + 1) * one.weight +
                       100 * weights_ - 1) /
                      (100 * weights_);
    return static_cast<std::uint64_t>(std::max<std::int64_t>(0, one.target->load.exact())) < most;
  }
  std::uint32_t bound_;
  std::uint64_t weights_;
  std::vector<Point> points_;
};

}  // namespace

Draws::Draws(std::uint64_t seed) {
  if (seed == 0) return;
  for (std::size_t i = 0; i < cells_.size(); ++i) cells_[i].next = chance_of(seed + i);
}

std::uint64_t Draws::chance_of(std::uint64_t number) {
  auto mixed = number + 0x9e3779b97f4a7c15;
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
  return mixed ^ (mixed >> 31);
}

std::unique_ptr<const Balancer> make_balancer(const PoolConfig& config, const Candidates& candidates,
                                              const crypto::SipKey& key) {
  switch (config.balance) {
    case Balance::round_robin: return std::make_unique<RoundRobin>(candidates);
    case Balance::least_requests: return std::make_unique<LeastRequests>(candidates);
    case Balance::hash: return std::make_unique<Ring>(candidates, key, config.hash_bound);
    case Balance::random: return std::make_unique<ByChance>(candidates);
  }
  std::unreachable();
}

}  // namespace gatehouse::gateway
