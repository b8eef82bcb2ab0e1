// A pool out of its configuration, and out of the pool that it replaces.
#include <fmt/format.h>

#include <algorithm>

#include "core/network.h"
#include "gateway/pending.h"
#include "gateway/upstreams.h"

namespace gatehouse::gateway {

namespace {

bool is_localhost(std::string_view host) { return host == "localhost" || host.ends_with(".localhost"); }

Result<void> check_health(const HealthCheck& check) {
  const auto wrong = [](const char* what) { return failure(Fault::invalid, what); };
  if (check.interval.count() < 1 || check.timeout.count() < 1)
    return wrong("health: interval and timeout are at least 1 ms");
  if (check.healthy_after < 1 || check.unhealthy_after < 1)
    return wrong("health: healthy_after and unhealthy_after are at least 1");
  if (check.jitter_percent < 0 || check.jitter_percent > 100) return wrong("health: jitter is from 0 to 100 percent");
  if (check.service.size() > kGrpcServiceMax) return wrong("health: the name of the gRPC service is too long");
  const auto written_badly = [](char c) { return c <= ' ' || c == 0x7f; };
  if (!check.path.starts_with('/') || std::ranges::any_of(check.path, written_badly) ||
      std::ranges::any_of(check.host, written_badly))
    return wrong("health: path or host is not fit for a request");
  return {};
}

Result<void> check(const PoolConfig& config) {
  const auto wrong = [&](std::string_view what) {
    return failure(Fault::invalid, fmt::format("upstream {}: {}", config.name, what));
  };
  if (config.targets.empty()) return wrong("name at least one target");
  if (config.targets.size() > kTargetsMax) return wrong(fmt::format("at most {} targets", kTargetsMax));
  if (config.hash_bound != 0 && config.hash_bound < 100)
    return wrong("hash_bound is 0, or at least 100 percent of the mean");
  const bool by_name =
      config.hash_by.source == HashBy::Source::header || config.hash_by.source == HashBy::Source::cookie;
  if (config.balance == Balance::hash && config.hash_by.name.empty() && by_name)
    return wrong("names no header or cookie to hash");
  if (config.proxy_protocol != net::ProxyProtocol::none && config.protocol != net::UpstreamProtocol::http1)
    return wrong("a connection over HTTP/2 serves many clients, and a PROXY header names one");
  if (config.resolve_every.count() < 1) return wrong("resolve_every is at least 1 ms");
  for (const auto& target : config.targets) {
    if (target.weight < 1 || target.weight > kWeightMax)
      return wrong(fmt::format("the weight of {} is from 1 to {}", target.url, kWeightMax));
    if (target.priority > kPriorityMax)
      return wrong(fmt::format("the priority of {} is from 0 to {}", target.url, kPriorityMax));
  }
  if (auto fine = check_health(config.health); !fine) return wrong(fine.error().message());
  return {};
}

net::UpstreamOptions options_of(const PoolConfig& config, net::Url url, const std::string& address) {
  net::UpstreamOptions options;
  options.url = std::move(url);
  options.address = address;
  options.protocol = config.protocol;
  options.proxy_protocol = config.proxy_protocol;
  options.connect_timeout = config.connect_timeout;
  options.read_timeout = config.read_timeout;
  options.write_timeout = config.write_timeout;
  options.tls = config.tls;
  if (config.limits.connections != 0) {
    options.connections_max = config.limits.connections;
    options.sessions_max = config.limits.connections;
  }
  return options;
}

// Of its own, and kept for no second use: a check shall find out whether a connection can be made.
net::UpstreamOptions probe_options_of(const PoolConfig& config, const net::UpstreamOptions& options) {
  auto probe = options;
  probe.connect_timeout = probe.read_timeout = probe.write_timeout = config.health.timeout;
  probe.idle_max = 0;
  probe.connections_max = 2;
  probe.sessions_max = 1;
  return probe;
}

// Can connections that were made for one serve the other?
bool connect_alike(const PoolConfig& a, const PoolConfig& b) {
  return a.protocol == b.protocol && a.proxy_protocol == b.proxy_protocol && a.connect_timeout == b.connect_timeout && a.read_timeout == b.read_timeout &&
         a.write_timeout == b.write_timeout && a.tls == b.tls && a.limits.connections == b.limits.connections &&
         a.limits.pending == b.limits.pending && a.health.kind == b.health.kind && a.health.timeout == b.health.timeout;
}

Result<net::Url> url_of(const PoolConfig& config, const TargetConfig& target) {
  auto url = net::Url::parse(target.url);
  if (!url)
    return failure(Fault::invalid, "upstream " + config.name + ": \"" + target.url + "\" is not an http(s) address");
  if (url->path != "/" || url->has_query)
    return failure(Fault::invalid, "upstream " + config.name + ": \"" + target.url +
                                       "\" has a path; a target is scheme, host and port");
  return url;
}

}  // namespace

UpstreamPool::UpstreamPool(PoolConfig config, const Clock& clock, MakeUpstream make_upstream, PoolNeeds needs)
    : config_(std::move(config)),
      clock_(clock),
      make_upstream_(std::move(make_upstream)),
      hash_key_(needs.hash),
      log_(std::move(needs.log)),
      kind_(counts_exactly() ? Load::Kind::exact : Load::Kind::spread),
      draws_(needs.draws),
      lineup_(std::make_unique<const Lineup>()) {}

UpstreamPool::~UpstreamPool() = default;

// Does a choice or a limit look at the number of requests under way?
bool UpstreamPool::counts_exactly() const {
  return config_.balance == Balance::least_requests || config_.limits.requests != 0 ||
         config_.limits.requests_per_target != 0 || (config_.balance == Balance::hash && config_.hash_bound != 0);
}

// The addresses of localhost are one server, as a rule.
bool UpstreamPool::looks_up(const TargetConfig& target) const {
  if (config_.resolve == Resolve::first) return false;
  const auto url = net::Url::parse(target.url);
  return url && !is_localhost(url->host) && !parse_ip(url->host);
}

Result<std::shared_ptr<UpstreamPool>> UpstreamPool::make(const PoolConfig& config, const Clock& clock,
                                                         const MakeUpstream& make_upstream, PoolNeeds needs) {
  GH_DO(check(config));
  const auto before = std::move(needs.before);
  std::shared_ptr<UpstreamPool> pool(new UpstreamPool(config, clock, make_upstream, std::move(needs)));
  const auto now = to_millis(clock.now());
  if (before) {
    pool->tally_ = before->tally_;
    if (pool->kind_ == before->kind_ && connect_alike(config, before->config_)) pool->adopt_addresses(*before);
  }
  GH_DO(pool->add_places(now));
  const std::lock_guard lock(pool->tally_->changing);
  pool->tally_->newest = pool;
  const bool nothing_to_choose = pool->places_.size() == 1 && !config.targets.front().drain &&
                                 config.limits.requests == 0 && config.limits.requests_per_target == 0 &&
                                 !pool->needs_care();
  if (nothing_to_choose) pool->only_ = pool->places_.front().target.get();
  pool->size_ = pool->places_.size();
  pool->line_up_again(now);
  return pool;
}

// What the pool before knows, as if it had been looked up here. Targets that are written no more are dropped by
// add_places().
void UpstreamPool::adopt_addresses(const UpstreamPool& before) {
  const std::lock_guard lock(before.tally_->changing);
  for (const auto& place : before.places_) {
    const auto& url = before.config_.targets[place.written].url;
    const auto same =
        std::ranges::find_if(config_.targets, [&](const TargetConfig& target) { return target.url == url; });
    if (same == config_.targets.end() || before.looks_up(before.config_.targets[place.written]) != looks_up(*same))
      continue;
    places_.push_back({place.target, same->weight, same->priority, same->drain,
                       static_cast<std::size_t>(same - config_.targets.begin())});
  }
  gone_ = before.gone_;
}

Result<void> UpstreamPool::add_places(std::int64_t now) {
  std::vector<std::string> seen;
  for (std::size_t i = 0; i < config_.targets.size(); ++i) {
    const auto& written = config_.targets[i];
    GH_TRY(const auto url, url_of(config_, written));
    if (std::ranges::find(seen, url.origin()) != seen.end())
      return failure(Fault::invalid,
                     "upstream " + config_.name + ": \"" + written.url + "\" stands there twice; give it a weight");
    seen.push_back(url.origin());
    if (looks_up(written)) names_.push_back({.name = {i, url.host}});
    if (std::ranges::any_of(places_, [i](const Place& place) { return place.written == i; })) continue;
    // A name, too, begins as one target: until its addresses are known, it is looked up by whoever connects.
    GH_TRY(auto target, make_target(written, "", now));
    places_.push_back({std::move(target), written.weight, written.priority, written.drain, i});
  }
  return {};
}

Result<std::shared_ptr<Target>> UpstreamPool::make_target(const TargetConfig& written, const std::string& address,
                                                          std::int64_t now) const {
  GH_TRY(auto url, url_of(config_, written));
  auto authority = url.authority();
  auto name = address.empty() ? url.origin() : url.origin() + " at " + address;
  auto options = options_of(config_, std::move(url), address);
  Target::Connections connections;
  if (config_.health.kind != HealthCheck::Kind::none)
    connections.probe = make_upstream_(probe_options_of(config_, options));
  connections.upstream = make_upstream_(std::move(options));
  if (config_.limits.pending != 0)
    connections.upstream = limit_pending(std::move(connections.upstream), config_.limits.pending);
  return std::make_shared<Target>(std::move(connections), std::move(authority), std::move(name), now);
}

}  // namespace gatehouse::gateway
