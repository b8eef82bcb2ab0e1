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
#include "core/log.h"
#include "core/metrics.h"
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
        counted_(other.counted_) {}
  Turn& operator=(Turn&& other) noexcept {
    std::swap(pool_, other.pool_);
    std::swap(target_, other.target_);
    std::swap(counted_, other.counted_);
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
  struct Counted {
    std::uint8_t cell = 0, all_cell = kNone;  // of the loads that it is counted in
    bool retry = false;
  };
  Turn(UpstreamPool& pool, Target& target, Counted counted) : pool_(&pool), target_(&target), counted_(counted) {}
  void end();
  UpstreamPool* pool_ = nullptr;
  Target* target_ = nullptr;
  Counted counted_;
};

// What a pool is made with besides its configuration.
struct PoolNeeds {
  crypto::SipKey hash = {};  // the same in all gateways that should send a key to the same target
  std::uint64_t draws = 0;   // where the sequences of its choices begin
  Log log = silent_log();
  std::shared_ptr<const UpstreamPool> before = {};  // the pool of this name so far, whose targets go on as they are
};

// How a target is doing, for those who watch.
struct TargetStatus {
  std::string name;
  std::string_view state;  // "serving", "ejected", "sick", "drained"
  std::int64_t under_way = 0;
  std::uint64_t ejections = 0, checks_passed = 0, checks_failed = 0;
  net::OutboundCounts counts;
};

class UpstreamPool {
 public:
  static Result<std::shared_ptr<UpstreamPool>> make(const PoolConfig& config, const Clock& clock,
                                                    const MakeUpstream& make_upstream, PoolNeeds needs = {});
  ~UpstreamPool();

  // Fault::limited when nobody may be asked now: all are out of service, or have as much to do as they may have.
  // A turn after others (`tried` is not empty) counts as a repetition.
  Result<Turn> turn(const Preference& preference = {});
  // May a request be repeated now? Asked before the turn for it. The budget is a share of the requests under way, so
  // that repetitions cannot multiply the load on servers that fail because of it.
  bool may_retry();
  // Does it balance by hash? Then Preference::hash is hash_of(), which costs a hash of some bytes; else nobody looks at
  // it.
  bool wants_hash() const { return config_.balance == Balance::hash && only_ == nullptr; }
  std::uint64_t hash_of(const net::Request& request, const Journey& journey) const;
  // Whom turn() would choose, without taking a turn; nullptr: nobody. For `gatehouse explain`.
  const Target* preview(const Preference& preference = {}) const;
  std::size_t size() const { return size_.load(std::memory_order_relaxed); }  // targets, whatever their state
  const PoolConfig& config() const { return config_; }
  const std::string& name() const { return config_.name; }

  // For those who watch.
  net::OutboundCounts counts() const;  // over all targets
  std::int64_t under_way() const;      // requests, over all targets
  std::vector<TargetStatus> status() const;
  std::uint64_t refused() const { return tally_->refused.value(); }  // turns that nobody could be given
  std::uint64_t retries_refused() const { return tally_->retries_refused.value(); }

  // For UpstreamCare, which looks after pools in the background.
  bool needs_care() const { return config_.health.kind != HealthCheck::Kind::none || !names_.empty(); }
  // Those whose check is due; each is followed by checked().
  std::vector<std::shared_ptr<Target>> due_checks(std::size_t most);
  void checked(Target& target, const Result<void>& passed);
  // Names that are due to be looked up; each is followed by looked_up().
  struct Name {
    std::size_t written;  // target of the configuration
    std::string host;
  };
  std::vector<Name> due_names();
  void looked_up(std::size_t written, const Result<std::vector<std::string>>& addresses);
  void tidy();  // frees what only ended requests have used

 private:
  friend class Turn;
  // What goes on when the pool is replaced by one of the same name. Until its last request has ended the old one learns of
  // targets that both have, so they share a lock, and who learns something tells the newest.
  struct Tally {
    std::mutex changing;
    std::weak_ptr<UpstreamPool> newest;
    Load all;  // under way, unless there is only one target
    std::atomic<std::int64_t> retries{0};
    Counter refused, retries_refused;
  };
  struct Watched {
    Name name;
    std::int64_t due = 0;
    bool asking = false;
  };
  UpstreamPool(PoolConfig config, const Clock& clock, MakeUpstream make_upstream, PoolNeeds needs);
  bool counts_exactly() const;
  bool looks_up(const TargetConfig& target) const;
  Result<void> add_places(std::int64_t now);
  Result<std::shared_ptr<Target>> make_target(const TargetConfig& written, const std::string& address,
                                              std::int64_t now) const;
  void adopt_addresses(const UpstreamPool& before);
  Target* choose(const Preference& preference, std::uint64_t number, const Lineup& lineup) const;
  Result<Turn> take(const Preference& preference, Turn::Counted counted);
  void look_at_clock();
  void line_up_again(std::int64_t now);
  void tell_change(std::int64_t now);
  void eject(Target& target);
  std::int64_t jittered(std::chrono::milliseconds time, int percent);
  void answered(Target& target, int status);
  void failed(Target& target, Mishap how);
  void put_addresses(std::size_t written, const std::vector<std::string>& addresses);

  PoolConfig config_;
  const Clock& clock_;
  MakeUpstream make_upstream_;
  crypto::SipKey hash_key_;
  Log log_;
  Load::Kind kind_;
  std::shared_ptr<Tally> tally_ = std::make_shared<Tally>();
  Target* only_ = nullptr;  // the one target of a pool that has nothing to choose and nothing to limit
  Draws draws_;
  Published<Lineup> lineup_;
  std::atomic<std::int64_t> until_{kForever};  // of the lineup: no clock is read while there is nothing to wait for
  std::atomic<std::size_t> size_{0};
  // Guarded by Tally::changing, as is replacing the lineup.
  std::vector<Place> places_;
  std::vector<Watched> names_;                    // which there are never changes
  std::vector<std::shared_ptr<Target>> leaving_;  // addresses that are gone, while requests are under way there
  net::OutboundCounts gone_;                      // of those that have left
};

}  // namespace gatehouse::gateway
