#include "gateway/lineup.h"

#include <algorithm>
#include <map>
#include <numeric>

namespace gatehouse::gateway {

namespace {

class Builder {
 public:
  Builder(const PoolConfig& config, std::int64_t now) : config_(config), now_(now) {}

  void add(const Place& place) {
    tiers_[place.priority].push_back({place.target, place.weight * share(*place.target)});
  }
  void wait_until(std::int64_t time) { until_ = std::min(until_, time); }

  Lineup finish(const crypto::SipKey& key) && {
    Lineup lineup;
    lineup.until = until_;
    for (auto& [priority, candidates] : tiers_) {
      std::uint32_t common = 0;
      for (const auto& one : candidates) common = std::gcd(common, one.weight);
      for (auto& one : candidates) one.weight /= common;
      auto balancer = make_balancer(config_, candidates, key);
      lineup.tiers.push_back({std::move(candidates), std::move(balancer)});
    }
    return lineup;
  }

 private:
  // In tenths. A ring has no slow start: its arcs would move ten times.
  std::uint32_t share(const Target& target) {
    const auto whole = config_.slow_start.count();
    if (whole == 0 || config_.balance == Balance::hash) return kSlowStartSteps;
    const auto since = now_ - std::max(target.began.load(std::memory_order_relaxed),
                                       target.ejected_until.load(std::memory_order_relaxed));
    if (since >= whole) return kSlowStartSteps;
    const auto step = std::max<std::int64_t>(0, since) * kSlowStartSteps / whole;
    wait_until(now_ - since + ((step + 1) * whole + kSlowStartSteps - 1) / kSlowStartSteps);
    return static_cast<std::uint32_t>(step) + 1;
  }

  const PoolConfig& config_;
  std::int64_t now_, until_ = kForever;
  std::map<std::uint32_t, Candidates> tiers_;
};

}  // namespace

Lineup line_up(std::span<const Place> places, const PoolConfig& config, const crypto::SipKey& key, std::int64_t now) {
  Builder builder(config, now);
  std::vector<const Place*> good, ejected, all;
  for (const auto& place : places) {
    if (place.drain) continue;
    all.push_back(&place);
    const bool out = place.target->is_ejected(now);
    if (out) builder.wait_until(place.target->ejected_until.load(std::memory_order_relaxed));
    if (!place.target->health.is_sick()) (out ? ejected : good).push_back(&place);
  }
  const bool panic = good.size() * 100 < all.size() * static_cast<std::size_t>(config.panic_percent);
  for (const auto* place : panic ? all : good.empty() ? ejected : good) builder.add(*place);
  return std::move(builder).finish(key);
}

}  // namespace gatehouse::gateway
