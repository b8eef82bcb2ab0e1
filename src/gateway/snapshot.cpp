#include "gateway/snapshot.h"

#include <algorithm>

#include "core/text.h"
#include "gateway/forward_auth.h"

namespace gatehouse::gateway {

namespace {

Result<std::string> fixed_lines(const RouteConfig& config) {
  if (config.set_headers.size() > kInjectionsMax) return failure(Fault::invalid, "at most 64 headers");
  std::string lines;
  for (const auto& [name, value] : config.set_headers) {
    if (!is_field_name(name) || !is_safe_value(value)) return failure(Fault::invalid, "set_headers: \"" + name + "\" or its value is not fit for a header");
    lines.append(name).append(": ").append(value).append("\r\n");
  }
  return lines;
}

Result<void> check_methods(const std::vector<std::string>& methods) {
  for (const auto& method : methods) {
    if (!is_field_name(method)) return failure(Fault::invalid, "methods: \"" + method + "\" is not a method");
    if (method == "CONNECT" || method == "TRACE") return failure(Fault::invalid, "methods: " + method + " is never forwarded");
  }
  return {};
}

Result<void> check_origins(const std::vector<std::string>& origins) {
  if (origins.size() > kOriginsMax) return failure(Fault::invalid, "websocket: at most 100 origins");
  for (const auto& origin : origins) {
    const auto url = net::Url::parse(origin);
    if (origin != "*" && (!url || url->origin() != origin))
      return failure(Fault::invalid, "websocket: \"" + origin + "\" is not an origin; write scheme://host[:port]");
  }
  return {};
}

Result<void> check_retry(const RetryRules& retry, const Timeouts& timeouts) {
  const std::chrono::milliseconds none(0);
  if (retry.attempts < 1 || retry.attempts > kAttemptsMax) return failure(Fault::invalid, "retry: from 1 to 10 attempts");
  if (retry.body_max > kHeldBodyMax) return failure(Fault::invalid, "retry: at most 1 MiB of a body is held");
  if (retry.backoff < none || retry.backoff_max < retry.backoff) return failure(Fault::invalid, "retry: the backoff begins at least at 0 and ends not below its begin");
  for (const auto time : {timeouts.total, timeouts.per_try, timeouts.first_byte, timeouts.idle})
    if (time < none) return failure(Fault::invalid, "timeouts: a time is not negative");
  return {};
}

}  // namespace

Result<std::shared_ptr<const Snapshot>> Snapshot::build(const SnapshotNeeds& needs, const Config& config, const Policies& policies) {
  if (config.routes.size() > kRoutesMax) return failure(Fault::invalid, "gateway: at most 10000 routes");
  if (config.pools.size() > kPoolsMax) return failure(Fault::invalid, "gateway: at most 1000 upstreams");
  auto snapshot = std::make_shared<Snapshot>();
  snapshot->clock_ = &needs.clock;
  for (const auto& pool : config.pools) GH_DO(snapshot->add_pool(needs, pool));
  GH_DO(snapshot->add_policies(needs, config, policies));
  for (const auto& name : config.managed_headers) GH_DO(snapshot->managed_.add(name));
  if (config.forward_auth) {
    GH_TRY(snapshot->forward_auth_, ForwardAuth::make(*config.forward_auth, needs.clock));
  }
  for (const auto& route : config.routes) {
    auto added = snapshot->add_route(route);
    if (!added) {
      const auto& error = added.error();
      return failure(error.fault(), "route " + route.host + route.path + ": " + error.message());
    }
  }
  GH_DO(snapshot->check_edits(config));
  return snapshot;
}

// A pool whose words did not change is the same pool: who is ejected stays so, and connections stay open.
Result<void> Snapshot::add_pool(const SnapshotNeeds& needs, const PoolConfig& config) {
  auto more = needs.pools;
  if (needs.before)
    if (const auto known = needs.before->pools_.find(config.name); known != needs.before->pools_.end()) more.before = known->second;
  std::shared_ptr<UpstreamPool> pool;
  if (more.before && more.before->config() == config) {
    pool = needs.before->pools_.at(config.name);
  } else {
    GH_TRY(pool, UpstreamPool::make(config, needs.clock, needs.make_upstream, std::move(more)));
  }
  if (!pools_.emplace(config.name, std::move(pool)).second) return failure(Fault::invalid, "upstream " + config.name + " stands there twice");
  return {};
}

// Last, when every managed name is known: those of other routes are the gateway's alone as well.
Result<void> Snapshot::check_edits(const Config& config) const {
  for (const auto& route : config.routes)
    for (const auto& stage : route.stages)
      for (const auto& name : stage->edited_headers())
        if (managed_.match(name) != ManagedNames::Match::none)
          return failure(Fault::invalid, "route " + route.host + route.path + ": the header " + name + " is set by the gateway itself and cannot be rewritten");
  return {};
}

Result<void> Snapshot::add_policies(const SnapshotNeeds& needs, const Config& config, const Policies& policies) {
  policies_ = policies;
  policies_["public"] = public_policy();
  for (const auto& token : config.tokens) {
    const oauth::client::TokenNeeds wanted{needs.http, needs.clock, needs.witness, needs.issuers};
    GH_TRY(auto made, make_token_policy(wanted, token, needs.proofs));
    if (token.name.empty() || !policies_.emplace(token.name, std::move(made)).second)
      return failure(Fault::invalid, "policy \"" + token.name + "\": the name is empty or stands there twice");
  }
  for (const auto& [name, policy] : policies_) {
    for (const auto& header : policy->managed_headers()) GH_DO(add_injected(header));
    for (auto& cookie : policy->own_cookies()) own_cookies_.push_back(std::move(cookie));
  }
  return {};
}

Result<void> Snapshot::add_injected(const std::string& name) {
  GH_DO(managed_.add(name));
  if (std::ranges::none_of(injected_, [&](const std::string& known) { return equal_ignoring_case(known, name); })) injected_.push_back(name);
  return {};
}

Result<void> Snapshot::add_stages(Route& route, const RouteConfig& config) {
  if (config.stages.size() > kStagesMax) return failure(Fault::invalid, "at most 32 stages");
  for (const auto place : {Stage::Place::arrived, Stage::Place::admitted}) {
    for (const auto& stage : config.stages)
      if (stage->place() == place) route.stages.push_back(stage);
    if (place == Stage::Place::arrived) route.arrived = route.stages.size();
  }
  for (const auto& stage : route.stages)
    for (const auto& name : stage->managed_headers()) GH_DO(managed_.add(name));
  return {};
}

Result<void> Snapshot::add_route(const RouteConfig& config) {
  Route route;
  route.host = config.host;
  route.path = config.path;
  GH_DO(check_methods(config.methods));
  route.methods = config.methods;
  route.host_header = config.host_header;
  GH_DO(check_origins(config.websocket.origins));
  if (config.websocket.recheck <= std::chrono::milliseconds(0)) return failure(Fault::invalid, "websocket: the session is asked about at least every millisecond");
  route.websocket = config.websocket;
  GH_DO(check_retry(config.retry, config.timeouts));
  route.retry = config.retry;
  route.timeouts = config.timeouts;

  // No default: a route without a policy would be a public one by accident.
  const auto policy = policies_.find(config.policy);
  if (policy == policies_.end())
    return failure(Fault::invalid, config.policy.empty() ? "names no policy; say `public` if everybody may pass" : "there is no policy \"" + config.policy + "\"");
  route.policy = policy->second;
  if (!config.scopes.empty() && !route.policy->understands_scopes())
    return failure(Fault::invalid, "policy " + config.policy + " does not check scopes");
  for (const auto& rule : config.scopes) GH_DO(check_methods(rule.methods));
  route.demand.route = config.name.empty() ? config.host + config.path : config.name;
  route.demand.scopes = config.scopes;
  route.demand.path = config.path;
  route.demand.step_up = config.step_up;
  const bool steps_up = !config.step_up.acr_values.empty() || config.step_up.max_age;
  if (steps_up && !route.policy->understands_step_up())
    return failure(Fault::invalid, "policy " + config.policy + " does not check how somebody signed in");
  route.rules = config.rules;
  const bool trial = config.rules && config.rules->has_shadow();
  if (trial && config.shadow_rules) return failure(Fault::invalid, "has rules with `shadow: true` and a shadow policy; keep one of the two");
  if (trial || config.shadow_rules) route.shadow = std::make_shared<Shadow>(config.shadow_rules);

  GH_DO(add_stages(route, config));
  const auto pool = pools_.find(config.upstream);
  const bool needless = config.upstream.empty() && (config.serves == RouteConfig::Upstream::elsewhere || std::ranges::any_of(route.stages, &Stage::answers_all));
  if (pool == pools_.end() && !needless) return failure(Fault::invalid, "there is no upstream \"" + config.upstream + "\"");
  if (pool != pools_.end()) route.pool = pool->second;
  GH_TRY(route.fixed_lines, fixed_lines(config));
  for (const auto& [name, value] : config.set_headers) GH_DO(add_injected(name));
  return routes_.add(std::move(route));
}

}  // namespace gatehouse::gateway
