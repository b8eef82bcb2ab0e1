// A pool of servers that do the same job: whom to ask next, and whom not to ask for a while. Usable from any thread.
//   auto turn = pool.turn({.hash = pool.wants_hash() ? pool.hash_of(request, journey) : 0});
// Whom to choose is Balancer's business, who may be chosen Lineup's; this is where requests and what is learnt of them
// meet.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

#include "core/clock.h"
#include "gateway/config.h"
#include "gateway/lineup.h"
#include "gateway/published.h"
#include "gateway/target.h"
#include "net/client.h"

namespace gatehouse::gateway {

struct Journey;
class UpstreamPool;

using MakeUpstream = std::function<std::unique_ptr<net::Upstream>(net::UpstreamOptions)>;

// Whom a request would rather be sent to.
struct Preference {
  std::uint64_t hash = 0;  // UpstreamPool::hash_of(); equal ones go to the same target where the pool balances by hash
  std::span<const Target* const> tried = {};  // by this request already: asked again only when nobody else is left
};

// What a target did instead of answering.
enum class Mishap : std::uint8_t { connect, timeout, cut };

// One try of one request at one target. Counts as under way while it lives; whoever holds it says once how it went, or
// nothing, when it was not the target that ended it. The pool must outlive it: whoever holds the snapshot sees to that.
class Turn {
 public:
  Turn() = default;
  Turn(Turn&& other) noexcept
      : pool_(std::exchange(other.pool_, nullptr)),
        target_(std::exchange(other.target_, nullptr)),
        cell_(other.cell_),
        all_cell_(other.all_cell_) {}
  Turn& operator=(Turn&& other) noexcept {
    std::swap(pool_, other.pool_);
    std::swap(target_, other.target_);
    std::swap(cell_, other.cell_);
    std::swap(all_cell_, other.all_cell_);
    Turn(std::move(other)).end();
    return *this;
  }
  ~Turn() { end(); }
  explicit operator bool() const { return target_ != nullptr; }
  Target& operator*() const { return *target_; }
  Target* operator->() const { return target_; }
  void answered(int status);  // its head has come
  void failed(Mishap how);

 private:
  friend class UpstreamPool;
  static constexpr std::uint8_t kNone = 255;
  Turn(UpstreamPool& pool, Target& target, std::uint8_t cell, std::uint8_t all_cell)
      : pool_(&pool), target_(&target), cell_(cell), all_cell_(all_cell) {}
  void end();
  UpstreamPool* pool_ = nullptr;
  Target* target_ = nullptr;
  std::uint8_t cell_ = 0, all_cell_ = kNone;  // of the loads that it is counted in
};

// What a pool is made with besides its configuration.
struct PoolSeed {
  crypto::SipKey hash;      // the same in all gateways that should send a key to the same target
  std::uint64_t draws = 0;  // where the sequences of its choices begin
};

class UpstreamPool {
 public:
  static Result<std::unique_ptr<UpstreamPool>> make(const PoolConfig& config, const Clock& clock,
                                                    const MakeUpstream& make_upstream, PoolSeed seed = {});
  ~UpstreamPool();

  // Fault::limited when nobody may be asked now: all are out of service, or have as much to do as they may have.
  Result<Turn> turn(const Preference& preference = {});
  // Does it balance by hash? Then Preference::hash is hash_of(), which costs a hash of some bytes; else nobody looks at
  // it.
  bool wants_hash() const { return config_.balance == Balance::hash && only_ == nullptr; }
  std::uint64_t hash_of(const net::Request& request, const Journey& journey) const;
  // Whom turn() would choose, without taking a turn; nullptr: nobody. For `gatehouse explain`.
  const Target* preview(const Preference& preference = {}) const;
  std::size_t size() const { return places_.size(); }  // targets, whatever their state
  net::OutboundCounts counts() const;                  // over all targets
  std::int64_t under_way() const;                      // requests, over all targets
  const std::string& name() const { return config_.name; }

 private:
  friend class Turn;
  UpstreamPool(PoolConfig config, const Clock& clock, PoolSeed seed);
  bool counts_exactly() const;
  Target* choose(const Preference& preference, std::uint64_t number) const;
  Result<Turn> take(const Preference& preference, std::uint8_t all_cell);
  void look_at_clock();
  void line_up_again(std::int64_t now);
  void eject(Target& target);
  void answered(Target& target, int status);
  void failed(Target& target, Mishap how);

  PoolConfig config_;
  const Clock& clock_;
  crypto::SipKey hash_key_;
  Load::Kind kind_;
  Target* only_ = nullptr;  // the one target of a pool that has nothing to choose and nothing to limit
  Load all_;                // under way with the whole pool; counted only where somebody asks at every request
  Draws draws_;
  Published<Lineup> lineup_;
  std::atomic<std::int64_t> until_{kForever};  // of the lineup: no clock is read while there is nothing to wait for
  std::mutex changing_;                        // guards what follows, and replacing the lineup
  std::vector<Place> places_;
};

}  // namespace gatehouse::gateway
