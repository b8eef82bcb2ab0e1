// What is learnt of a pool's targets in the background, and what is told of them.
#include <algorithm>
#include <set>

#include "gateway/upstreams.h"

namespace gatehouse::gateway {

namespace {

constexpr int kLookUpJitter = 10;  // percent

std::string_view state_of(const Place& place, std::int64_t now) {
  if (place.drain) return "drained";
  if (place.target->health.is_sick()) return "sick";
  return place.target->is_ejected(now) ? "ejected" : "serving";
}

}  // namespace

net::OutboundCounts UpstreamPool::counts() const {
  const std::lock_guard lock(tally_->changing);
  auto sum = gone_;
  for (const auto& place : places_) sum += place.target->upstream().counts();
  for (const auto& target : leaving_) sum += target->upstream().counts();
  return sum;
}

std::int64_t UpstreamPool::under_way() const { return only_ != nullptr ? only_->load.value() : tally_->all.value(); }

std::vector<TargetStatus> UpstreamPool::status() const {
  const auto now = to_millis(clock_.now());
  const std::lock_guard lock(tally_->changing);
  std::vector<TargetStatus> all;
  for (const auto& place : places_) {
    const auto& target = *place.target;
    all.push_back({target.name(), state_of(place, now), target.load.value(),
                   target.ejections.load(std::memory_order_relaxed), target.health.passed(), target.health.failed(),
                   target.upstream().counts()});
  }
  return all;
}

// Some sooner, some later: checks and look-ups of many gateways shall not come at once.
std::int64_t UpstreamPool::jittered(std::chrono::milliseconds time, int percent) {
  const auto most = static_cast<std::uint64_t>(time.count()) * static_cast<std::uint64_t>(percent) * 2 / 100 + 1;
  return time.count() - time.count() * percent / 100 +
         static_cast<std::int64_t>(Draws::chance_of(draws_.next()) % most);
}

std::vector<std::shared_ptr<Target>> UpstreamPool::due_checks(std::size_t most) {
  std::vector<std::shared_ptr<Target>> due;
  if (config_.health.kind == HealthCheck::Kind::none) return due;
  const auto now = to_millis(clock_.now());
  const std::lock_guard lock(tally_->changing);
  for (const auto& place : places_) {
    auto& target = *place.target;
    if (target.checking || target.check_at > now || due.size() >= most) continue;
    target.checking = true;
    target.check_at = now + jittered(config_.health.interval, config_.health.jitter_percent);
    due.push_back(place.target);
  }
  return due;
}

void UpstreamPool::checked(Target& target, const Result<void>& passed) {
  const auto now = to_millis(clock_.now());
  const std::lock_guard lock(tally_->changing);
  target.checking = false;
  if (!passed && passed.error().fault() == Fault::limited) return;  // it could not be made: that says nothing
  const auto change = target.health.learn(config_.health, passed.has_value());
  if (change == Health::Change::none) return;
  if (change == Health::Change::is_well) {
    target.began.store(now, std::memory_order_relaxed);
    log_.info("upstream.well", {{"upstream", config_.name}, {"target", target.name()}});
  } else {
    log_.warn("upstream.sick",
              {{"upstream", config_.name}, {"target", target.name()}, {"why", passed.error().message()}});
  }
  tell_change(now);
}

std::vector<UpstreamPool::Name> UpstreamPool::due_names() {
  std::vector<Name> due;
  const auto now = to_millis(clock_.now());
  const std::lock_guard lock(tally_->changing);
  for (auto& watched : names_) {
    if (watched.asking || watched.due > now) continue;
    watched.asking = true;
    watched.due = now + jittered(config_.resolve_every, kLookUpJitter);
    due.push_back(watched.name);
  }
  return due;
}

void UpstreamPool::looked_up(std::size_t written, const Result<std::vector<std::string>>& addresses) {
  if (addresses && !addresses->empty()) put_addresses(written, *addresses);
  // What is known stays: an outage of the name service must not become one of the application.
  else
    log_.warn("upstream.look_up_failed", {{"upstream", config_.name},
                                          {"target", config_.targets[written].url},
                                          {"why", addresses ? "no address" : addresses.error().message()}});
  const std::lock_guard lock(tally_->changing);
  for (auto& watched : names_)
    if (watched.name.written == written) watched.asking = false;
}

void UpstreamPool::put_addresses(std::size_t written, const std::vector<std::string>& addresses) {
  const auto now = to_millis(clock_.now());
  const auto& config = config_.targets[written];
  const auto is_at = [](const Target& target, const std::string& address) {
    return target.name().ends_with(" at " + address);
  };
  std::vector<std::shared_ptr<Target>> next;
  bool changed = false;
  const std::set<std::string> wanted(addresses.begin(), addresses.end());
  for (const auto& address : wanted) {
    std::shared_ptr<Target> known;
    {
      const std::lock_guard lock(tally_->changing);
      for (const auto& place : places_)
        if (place.written == written && is_at(*place.target, address)) known = place.target;
    }
    if (!known) {  // made without the lock: it reads certificates
      auto made = make_target(config, address, now);
      if (!made) continue;
      known = *std::move(made);
      changed = true;
    }
    next.push_back(std::move(known));
  }
  const std::lock_guard lock(tally_->changing);
  const auto others =
      std::ranges::count_if(places_, [written](const Place& place) { return place.written != written; });
  if (next.size() + static_cast<std::size_t>(others) > kEndpointsMax)
    next.resize(kEndpointsMax - static_cast<std::size_t>(others));
  std::erase_if(places_, [&](const Place& place) {
    if (place.written != written || std::ranges::find(next, place.target) != next.end()) return false;
    leaving_.push_back(place.target);
    return changed = true;
  });
  if (!changed) return;
  for (const auto& target : next)
    if (std::ranges::none_of(places_, [&](const Place& place) { return place.target == target; }))
      places_.push_back({target, config.weight, config.priority, config.drain, written});
  size_.store(places_.size(), std::memory_order_relaxed);
  line_up_again(now);
  log_.info("upstream.addresses", {{"upstream", config_.name}, {"target", config.url}, {"addresses", next.size()}});
}

void UpstreamPool::tidy() {
  const std::lock_guard lock(tally_->changing);
  lineup_.collect();
  if (lineup_.kept() != 0) return;  // somebody may be about to enter a target that has left
  std::erase_if(leaving_, [this](const std::shared_ptr<Target>& target) {
    if (!target->load.is_idle()) return false;
    gone_ += target->upstream().counts();
    return true;
  });
}

}  // namespace gatehouse::gateway
