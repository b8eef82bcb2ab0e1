#include "gateway/upstreams.h"

#include <algorithm>

namespace gatehouse::gateway {

Result<std::unique_ptr<UpstreamPool>> UpstreamPool::make(const PoolConfig& config, const Clock& clock, const MakeUpstream& make_upstream) {
  if (config.targets.empty()) return failure(Fault::invalid, "upstream " + config.name + ": name at least one target");
  if (config.targets.size() > kTargetsMax) return failure(Fault::invalid, "upstream " + config.name + ": at most 64 targets");
  if (config.failures_to_eject < 1) return failure(Fault::invalid, "upstream " + config.name + ": failures_to_eject is at least 1");

  std::unique_ptr<UpstreamPool> pool(new UpstreamPool(config, clock));
  for (const auto& text : config.targets) {
    auto url = net::Url::parse(text);
    if (!url) return failure(Fault::invalid, "upstream " + config.name + ": \"" + text + "\" is not an http(s) address");
    if (url->path != "/" || url->has_query)
      return failure(Fault::invalid, "upstream " + config.name + ": \"" + text + "\" has a path; a target is scheme, host and port");
    net::UpstreamOptions options;
    options.url = *url;
    options.protocol = config.protocol;
    options.connect_timeout = config.connect_timeout;
    options.read_timeout = config.read_timeout;
    options.write_timeout = config.write_timeout;
    pool->targets_.push_back(std::make_unique<Target>(make_upstream(std::move(options)), url->authority()));
  }
  return pool;
}

void Turn::answered(int status) { pool_->answered(*target_, status); }
void Turn::failed(Mishap how) { pool_->failed(*target_, how); }

Target* UpstreamPool::choose(const Preference& preference, std::size_t first) const {
  const auto count = targets_.size();
  // The only one is never put out of service: its own errors tell more than ours.
  if (count == 1) return targets_.front().get();
  const auto now = to_millis(clock_.now());
  Target* again = nullptr;
  for (std::size_t i = 0; i < count; ++i) {
    auto* target = targets_[(first + i) % count].get();
    if (target->ejected_until_.load(std::memory_order_relaxed) > now) continue;
    if (std::ranges::find(preference.tried, target) == preference.tried.end()) return target;
    if (again == nullptr) again = target;
  }
  return again;
}

Result<Turn> UpstreamPool::turn(const Preference& preference) {
  auto* target = choose(preference, turn_.fetch_add(1, std::memory_order_relaxed));
  if (target == nullptr) return failure(Fault::limited, "every target of " + config_.name + " is out of service");
  return Turn(*this, *target);
}

const Target* UpstreamPool::preview(const Preference& preference) const { return choose(preference, turn_.load(std::memory_order_relaxed)); }

net::OutboundCounts UpstreamPool::counts() const {
  net::OutboundCounts sum;
  for (const auto& target : targets_) sum += target->upstream_->counts();
  return sum;
}

void UpstreamPool::answered(Target& target, int) {
  if (target.failures_.load(std::memory_order_relaxed) != 0) target.failures_.store(0, std::memory_order_relaxed);
}

void UpstreamPool::failed(Target& target, Mishap) {
  if (target.failures_.fetch_add(1, std::memory_order_relaxed) + 1 < config_.failures_to_eject) return;
  target.failures_.store(0, std::memory_order_relaxed);
  target.ejected_until_.store(to_millis(clock_.now() + config_.eject_for), std::memory_order_relaxed);
}

}  // namespace gatehouse::gateway
