// A pool of servers that do the same job: whom to ask next, and whom not to ask for a while. Passive only: it learns from
// what the requests themselves meet. Usable from any thread.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "core/clock.h"
#include "gateway/config.h"
#include "net/client.h"

namespace gatehouse::gateway {

using MakeUpstream = std::function<std::unique_ptr<net::Upstream>(net::UpstreamOptions)>;

class Target {
 public:
  Target(std::unique_ptr<net::Upstream> upstream, std::string authority)
      : upstream_(std::move(upstream)), authority_(std::move(authority)) {}
  net::Upstream& upstream() { return *upstream_; }
  const std::string& authority() const { return authority_; }

 private:
  friend class UpstreamPool;
  std::unique_ptr<net::Upstream> upstream_;
  std::string authority_;
  std::atomic<int> failures_{0};
  std::atomic<std::int64_t> ejected_until_{0};   // milliseconds since 1970
};

class UpstreamPool;

// Whom a request would rather be sent to.
struct Preference {
  std::uint64_t hash = 0;                    // equal ones go to the same target where the pool balances by hash
  std::span<const Target* const> tried;      // by this request already: asked again only when nobody else is left
};

// What a target did instead of answering.
enum class Mishap : std::uint8_t { connect, timeout, cut };

// One try of one request at one target. Counts as under way while it lives; whoever holds it says once how it went, or
// nothing, when it was not the target that ended it.
class Turn {
 public:
  Turn() = default;
  Turn(UpstreamPool& pool, Target& target) : pool_(&pool), target_(&target) {}
  Turn(Turn&& other) noexcept : pool_(std::exchange(other.pool_, nullptr)), target_(std::exchange(other.target_, nullptr)) {}
  Turn& operator=(Turn&& other) noexcept {
    std::swap(pool_, other.pool_);
    std::swap(target_, other.target_);
    return *this;
  }
  explicit operator bool() const { return target_ != nullptr; }
  Target& operator*() const { return *target_; }
  Target* operator->() const { return target_; }
  void answered(int status);     // its head has come
  void failed(Mishap how);

 private:
  UpstreamPool* pool_ = nullptr;
  Target* target_ = nullptr;
};

class UpstreamPool {
 public:
  static Result<std::unique_ptr<UpstreamPool>> make(const PoolConfig& config, const Clock& clock, const MakeUpstream& make_upstream);

  // Fault::limited when nobody may be asked now: all are out of service, or have as much to do as they may have.
  Result<Turn> turn(const Preference& preference = {});
  // Whom turn() would choose, without taking a turn; nullptr: nobody. For `gatehouse explain`.
  const Target* preview(const Preference& preference = {}) const;
  std::size_t size() const { return targets_.size(); }
  net::OutboundCounts counts() const;   // over all targets
  const std::string& name() const { return config_.name; }

 private:
  friend class Turn;
  UpstreamPool(PoolConfig config, const Clock& clock) : config_(std::move(config)), clock_(clock) {}
  Target* choose(const Preference& preference, std::size_t first) const;
  void answered(Target& target, int status);
  void failed(Target& target, Mishap how);
  PoolConfig config_;
  const Clock& clock_;
  std::vector<std::unique_ptr<Target>> targets_;
  std::atomic<std::size_t> turn_{0};
};

}  // namespace gatehouse::gateway
