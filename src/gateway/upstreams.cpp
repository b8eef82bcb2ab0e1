// Requests and their turns. How a pool is made: upstreams_build.cpp; what happens to it in the background:
// upstreams_care.cpp.
#include "gateway/upstreams.h"

#include <algorithm>

#include "gateway/stage.h"
#include "gateway/upstream_hash.h"

namespace gatehouse::gateway {

namespace {
constexpr int kTakesMax = 4;  // somebody else took the last place of a target between our choice and our step
}

void Turn::answered(int status) { pool_->answered(*target_, status); }
void Turn::failed(Mishap how) { pool_->failed(*target_, how); }

void Turn::end() {
  if (target_ == nullptr) return;
  target_->load.leave(counted_.cell);
  if (counted_.all_cell != kNone) pool_->tally_->all.leave(counted_.all_cell);
  if (counted_.retry) pool_->tally_->retries.fetch_sub(1, std::memory_order_relaxed);
  target_ = nullptr;
}

std::uint64_t UpstreamPool::hash_of(const net::Request& request, const Journey& journey) const {
  return hash_request(config_.hash_by, hash_key_, request, journey.pass.who);
}

Target* UpstreamPool::choose(const Preference& preference, std::uint64_t number, const Lineup& lineup) const {
  Draw draw{.number = number,
            .chance = Draws::chance_of(number),
            .hash = preference.hash,
            .tried = preference.tried,
            .requests_per_target = config_.limits.requests_per_target,
            .under_way = tally_->all.exact()};
  if (auto* target = lineup.pick(draw); target != nullptr || draw.tried.empty()) return target;
  draw.tried = {};
  return lineup.pick(draw);
}

Result<Turn> UpstreamPool::turn(const Preference& preference) {
  Turn::Counted counted{.retry = !preference.tried.empty()};
  if (counted.retry) tally_->retries.fetch_add(1, std::memory_order_relaxed);
  // The only one is never put out of service: its own errors tell more than ours.
  if (only_ != nullptr) {
    counted.cell = only_->load.enter(kind_).cell;
    return Turn(*this, *only_, counted);
  }
  if (until_.load(std::memory_order_relaxed) != kForever) look_at_clock();
  auto taken = take(preference, counted);
  if (taken) return taken;
  if (counted.retry) tally_->retries.fetch_sub(1, std::memory_order_relaxed);
  tally_->refused.add();
  return taken;
}

Result<Turn> UpstreamPool::take(const Preference& preference, Turn::Counted counted) {
  auto& all = tally_->all;
  const auto place = all.enter(kind_);
  counted.all_cell = place.cell;
  const auto refused = [&](std::string_view what) {
    all.leave(place.cell);
    return failure(Fault::limited, "upstream " + config_.name + ": " + std::string(what));
  };
  if (config_.limits.requests != 0 && place.before >= config_.limits.requests)
    return refused("as many requests are under way as may be");
  const auto most = config_.limits.requests_per_target;
  // Until the target counts us it may be freed with its lineup.
  const auto lineup = lineup_.read();
  for (int takes = 0; takes < kTakesMax; ++takes) {
    auto* target = choose(preference, draws_.next(), *lineup);
    if (target == nullptr) break;
    const auto at = target->load.enter(kind_);
    counted.cell = at.cell;
    if (most == 0 || at.before < most) return Turn(*this, *target, counted);
    target->load.leave(at.cell);
  }
  return refused("no target may be asked now");
}

bool UpstreamPool::may_retry() {
  const auto most = std::max<std::int64_t>(config_.retries.floor, under_way() * config_.retries.percent / 100);
  if (tally_->retries.load(std::memory_order_relaxed) < most) return true;
  tally_->retries_refused.add();
  return false;
}

const Target* UpstreamPool::preview(const Preference& preference) const {
  if (only_ != nullptr) return only_;
  const auto lineup = lineup_.read();
  return choose(preference, draws_.peek(), *lineup);
}

void UpstreamPool::look_at_clock() {
  const auto now = to_millis(clock_.now());
  if (now < until_.load(std::memory_order_relaxed)) return;
  const std::unique_lock lock(tally_->changing, std::try_to_lock);
  // Else somebody is at it, and the old one serves.
  if (lock && now >= until_.load(std::memory_order_relaxed)) line_up_again(now);
}

void UpstreamPool::line_up_again(std::int64_t now) {
  auto next = std::make_unique<const Lineup>(line_up(places_, config_, hash_key_, now));
  until_.store(next->until, std::memory_order_relaxed);
  lineup_.replace(std::move(next));
}

// With the lock held.
void UpstreamPool::tell_change(std::int64_t now) {
  line_up_again(now);
  if (const auto newest = tally_->newest.lock(); newest && newest.get() != this) newest->line_up_again(now);
}

void UpstreamPool::answered(Target& target, int status) {
  if (only_ == nullptr && target.record.answered(config_.ejection, status, clock_)) eject(target);
}

void UpstreamPool::failed(Target& target, Mishap) {
  if (only_ == nullptr && target.record.failed(config_.ejection, clock_)) eject(target);
}

void UpstreamPool::eject(Target& target) {
  const auto now = to_millis(clock_.now());
  const std::lock_guard lock(tally_->changing);
  const auto all = std::ranges::count_if(places_, [](const Place& place) { return !place.drain; });
  const auto out = std::ranges::count_if(places_, [now](const Place& place) { return place.target->is_ejected(now); });
  const auto most =
      std::min<std::ptrdiff_t>(all - 1, std::max<std::ptrdiff_t>(1, all * config_.ejection.most_percent / 100));
  if (target.is_ejected(now) || out >= most) return;
  const auto length = target.record.sentence(config_.ejection, now);
  target.ejected_until.store(now + length, std::memory_order_relaxed);
  target.ejections.fetch_add(1, std::memory_order_relaxed);
  tell_change(now);
  log_.warn("upstream.ejected", {{"upstream", config_.name}, {"target", target.name()}, {"ms", length}});
}

}  // namespace gatehouse::gateway
