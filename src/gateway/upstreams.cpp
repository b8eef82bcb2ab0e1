#include "gateway/upstreams.h"

#include <fmt/format.h>

#include <algorithm>

#include "gateway/stage.h"
#include "gateway/upstream_hash.h"

namespace gatehouse::gateway {

namespace {

constexpr int kTakesMax = 4;  // somebody else took the last place of a target between our choice and our step

Result<void> check(const PoolConfig& config) {
  const auto wrong = [&](std::string_view what) {
    return failure(Fault::invalid, fmt::format("upstream {}: {}", config.name, what));
  };
  if (config.targets.empty()) return wrong("name at least one target");
  if (config.targets.size() > kTargetsMax) return wrong(fmt::format("at most {} targets", kTargetsMax));
  if (config.hash_bound != 0 && config.hash_bound < 100)
    return wrong("hash_bound is 0, or at least 100 percent of the mean");
  if (config.balance == Balance::hash && config.hash_by.name.empty() &&
      (config.hash_by.source == HashBy::Source::header || config.hash_by.source == HashBy::Source::cookie))
    return wrong("names no header or cookie to hash");
  for (const auto& target : config.targets) {
    if (target.weight < 1 || target.weight > kWeightMax)
      return wrong(fmt::format("the weight of {} is from 1 to {}", target.url, kWeightMax));
    if (target.priority > kPriorityMax)
      return wrong(fmt::format("the priority of {} is from 0 to {}", target.url, kPriorityMax));
  }
  return {};
}

Result<net::UpstreamOptions> options_of(const PoolConfig& config, const TargetConfig& target) {
  auto url = net::Url::parse(target.url);
  if (!url)
    return failure(Fault::invalid, "upstream " + config.name + ": \"" + target.url + "\" is not an http(s) address");
  if (url->path != "/" || url->has_query)
    return failure(Fault::invalid, "upstream " + config.name + ": \"" + target.url +
                                       "\" has a path; a target is scheme, host and port");
  net::UpstreamOptions options;
  options.url = *std::move(url);
  options.protocol = config.protocol;
  options.connect_timeout = config.connect_timeout;
  options.read_timeout = config.read_timeout;
  options.write_timeout = config.write_timeout;
  return options;
}

}  // namespace

void Turn::answered(int status) { pool_->answered(*target_, status); }
void Turn::failed(Mishap how) { pool_->failed(*target_, how); }

void Turn::end() {
  if (target_ == nullptr) return;
  target_->load.leave(cell_);
  if (all_cell_ != kNone) pool_->all_.leave(all_cell_);
  target_ = nullptr;
}

UpstreamPool::UpstreamPool(PoolConfig config, const Clock& clock, PoolSeed seed)
    : config_(std::move(config)),
      clock_(clock),
      hash_key_(seed.hash),
      kind_(counts_exactly() ? Load::Kind::exact : Load::Kind::spread),
      draws_(seed.draws),
      lineup_(std::make_unique<const Lineup>()) {}

UpstreamPool::~UpstreamPool() = default;

// Does a choice or a limit look at the number of requests under way?
bool UpstreamPool::counts_exactly() const {
  return config_.balance == Balance::least_requests || config_.limits != PoolLimits() ||
         (config_.balance == Balance::hash && config_.hash_bound != 0);
}

Result<std::unique_ptr<UpstreamPool>> UpstreamPool::make(const PoolConfig& config, const Clock& clock,
                                                         const MakeUpstream& make_upstream, PoolSeed seed) {
  GH_DO(check(config));
  std::unique_ptr<UpstreamPool> pool(new UpstreamPool(config, clock, seed));
  const auto now = to_millis(clock.now());
  for (const auto& one : config.targets) {
    GH_TRY(auto options, options_of(config, one));
    auto authority = options.url.authority();
    auto name = options.url.origin();
    if (std::ranges::any_of(pool->places_, [&](const Place& place) { return place.target->name() == name; }))
      return failure(Fault::invalid,
                     "upstream " + config.name + ": \"" + one.url + "\" stands there twice; give it a weight");
    auto target =
        std::make_shared<Target>(make_upstream(std::move(options)), std::move(authority), std::move(name), now);
    pool->places_.push_back({std::move(target), one.weight, one.priority, one.drain});
  }
  const bool nothing_to_choose =
      pool->places_.size() == 1 && !config.targets.front().drain && config.limits == PoolLimits();
  if (nothing_to_choose) pool->only_ = pool->places_.front().target.get();
  pool->line_up_again(now);
  return pool;
}

std::uint64_t UpstreamPool::hash_of(const net::Request& request, const Journey& journey) const {
  return hash_request(config_.hash_by, hash_key_, request, journey.pass.who);
}

Target* UpstreamPool::choose(const Preference& preference, std::uint64_t number) const {
  Draw draw{.number = number,
            .chance = Draws::chance_of(number),
            .hash = preference.hash,
            .tried = preference.tried,
            .requests_per_target = config_.limits.requests_per_target,
            .under_way = all_.exact()};
  const auto lineup = lineup_.read();
  if (auto* target = lineup->pick(draw); target != nullptr || draw.tried.empty()) return target;
  draw.tried = {};
  return lineup->pick(draw);
}

Result<Turn> UpstreamPool::turn(const Preference& preference) {
  // The only one is never put out of service: its own errors tell more than ours.
  if (only_ != nullptr) return Turn(*this, *only_, only_->load.enter(kind_).cell, Turn::kNone);
  if (until_.load(std::memory_order_relaxed) != kForever) look_at_clock();
  if (kind_ == Load::Kind::spread) return take(preference, Turn::kNone);

  const auto place = all_.enter(Load::Kind::exact);
  if (config_.limits.requests == 0 || place.before < config_.limits.requests) {
    auto taken = take(preference, place.cell);
    if (!taken) all_.leave(place.cell);
    return taken;
  }
  all_.leave(place.cell);
  return failure(Fault::limited, "upstream " + config_.name + " has as many requests under way as it may have");
}

Result<Turn> UpstreamPool::take(const Preference& preference, std::uint8_t all_cell) {
  const auto most = config_.limits.requests_per_target;
  for (int takes = 0; takes < kTakesMax; ++takes) {
    auto* target = choose(preference, draws_.next());
    if (target == nullptr) break;
    const auto place = target->load.enter(kind_);
    if (most == 0 || place.before < most) return Turn(*this, *target, place.cell, all_cell);
    target->load.leave(place.cell);
  }
  return failure(Fault::limited, "no target of upstream " + config_.name + " may be asked now");
}

const Target* UpstreamPool::preview(const Preference& preference) const {
  return only_ != nullptr ? only_ : choose(preference, draws_.peek());
}

net::OutboundCounts UpstreamPool::counts() const {
  net::OutboundCounts sum;
  for (const auto& place : places_) sum += place.target->upstream().counts();
  return sum;
}

std::int64_t UpstreamPool::under_way() const {
  std::int64_t sum = 0;
  for (const auto& place : places_) sum += place.target->load.value();
  return sum;
}

void UpstreamPool::look_at_clock() {
  const auto now = to_millis(clock_.now());
  if (now < until_.load(std::memory_order_relaxed)) return;
  const std::unique_lock lock(changing_, std::try_to_lock);
  if (lock && now >= until_.load(std::memory_order_relaxed))
    line_up_again(now);  // else somebody is at it: the old one serves
}

void UpstreamPool::line_up_again(std::int64_t now) {
  auto next = std::make_unique<const Lineup>(line_up(places_, config_, hash_key_, now));
  until_.store(next->until, std::memory_order_relaxed);
  lineup_.replace(std::move(next));
}

void UpstreamPool::answered(Target& target, int) {
  if (target.failures_in_row.load(std::memory_order_relaxed) != 0)
    target.failures_in_row.store(0, std::memory_order_relaxed);
}

void UpstreamPool::failed(Target& target, Mishap) {
  if (config_.ejection.failures == 0 || only_ != nullptr) return;
  if (target.failures_in_row.fetch_add(1, std::memory_order_relaxed) + 1 < config_.ejection.failures) return;
  target.failures_in_row.store(0, std::memory_order_relaxed);
  eject(target);
}

void UpstreamPool::eject(Target& target) {
  const auto now = to_millis(clock_.now());
  const std::lock_guard lock(changing_);
  const auto is_out = [now](const Place& place) {
    return place.target->ejected_until.load(std::memory_order_relaxed) > now;
  };
  const auto all = std::ranges::count_if(places_, [](const Place& place) { return !place.drain; });
  const auto most =
      std::min<std::ptrdiff_t>(all - 1, std::max<std::ptrdiff_t>(1, all * config_.ejection.most_percent / 100));
  if (target.ejected_until.load(std::memory_order_relaxed) > now || std::ranges::count_if(places_, is_out) >= most)
    return;
  target.ejected_until.store(now + config_.ejection.base.count(), std::memory_order_relaxed);
  target.ejections.fetch_add(1, std::memory_order_relaxed);
  line_up_again(now);
}

}  // namespace gatehouse::gateway
