#include "app/guard.h"

#include <fmt/format.h>

#include <set>

namespace gatehouse::app {
namespace {

std::vector<gateway::IdentityHeader> identity_headers(const std::vector<std::pair<std::string, std::string>>& pairs) {
  std::vector<gateway::IdentityHeader> headers;
  for (const auto& [name, claim] : pairs) headers.push_back({name, claim, ","});
  return headers;
}

class Planner {
 public:
  explicit Planner(const StageNeeds& needs) : needs_(needs) {}

  Result<void> add(const GatewayHostConfig& at, const RouteConfig& route) {
    const auto& host = at.host;
    gateway::RouteConfig shape;
    shape.name = host + route.path;
    shape.host = host;
    shape.path = route.path;
    shape.methods = route.methods;
    if (at.forward_auth_only) shape.serves = gateway::RouteConfig::Upstream::elsewhere;
    if (route.upstream.url) shape.upstream = pool_of(*route.upstream.url, route.wire);
    else shape.upstream = route.upstream.pool;
    shape.websocket = route.wire.websocket;
    shape.retry = route.wire.retry;
    shape.timeouts = route.wire.timeouts;
    auto needs = needs_;
    needs.route = shape.name;
    for (const auto& make : route.stages) {
      GH_TRY(auto stage, make(needs));
      shape.stages.push_back(std::move(stage));
    }
    shape.rules = route.policy.rules;
    shape.shadow_rules = route.policy.shadow;
    GH_DO(add_access(shape, route.access));
    plan_.gateway.routes.push_back(std::move(shape));
    return {};
  }
  Result<void> add(const UpstreamWords& upstream) {
    GH_TRY(auto pool, open_upstream(upstream, needs_.open));
    if (pool.tls.verify == net::ClientTls::Verify::nobody) needs_.log.warn("upstream.not_verified", {{"upstream", pool.name}});
    plan_.gateway.pools.push_back(std::move(pool));
    return {};
  }
  GuardPlan take() && { return std::move(plan_); }

 private:
  std::string pool_of(const net::Url& upstream, const Wire& wire) {
    const auto protocol = wire.protocol;
    auto name = upstream.origin();
    if (protocol == net::UpstreamProtocol::h2) name += " over h2";
    if (protocol == net::UpstreamProtocol::automatic) name += " over h2 or http1";
    if (wire.proxy_protocol == net::ProxyProtocol::v1) name += " with PROXY v1";
    if (wire.proxy_protocol == net::ProxyProtocol::v2) name += " with PROXY v2";
    if (!pools_.insert(name).second) return name;
    auto& pool = plan_.gateway.pools.emplace_back();
    pool.name = name;
    pool.targets = {upstream.origin()};
    pool.protocol = protocol;
    pool.proxy_protocol = wire.proxy_protocol;
    return name;
  }

  Result<void> add_access(gateway::RouteConfig& shape, const Access& access) {
    if (const auto* sign_in = std::get_if<SignInAccess>(&access)) return add_sign_in(shape, *sign_in);
    if (const auto* token = std::get_if<TokenAccess>(&access)) return add_token(shape, *token);
    shape.policy = "public";
    return {};
  }

  // Routes of one host that sign in the same way share one policy: one session, one set of pages.
  Result<void> add_sign_in(gateway::RouteConfig& shape, const SignInAccess& access) {
    for (const auto& known : plan_.sign_ons)
      if (known.name.starts_with("sign-in " + shape.host + " ") && known.issuer.issuer == access.issuer &&
          known.issuer.client.client_id == access.client_id) {
        shape.policy = known.name;
        return {};
      }
    access::SsoConfig sso;
    sso.name = fmt::format("sign-in {} {}", shape.host, access.client_id);
    sso.issuer.issuer = access.issuer;
    sso.issuer.client.client_id = access.client_id;
    sso.issuer.client.scopes = access.scopes;
    sso.issuer.client.auth = access.client_secret ? oauth::client::ClientAuth::basic : oauth::client::ClientAuth::none;
    if (access.client_secret) {
      GH_TRY(sso.issuer.client.client_secret, needs_.open(*access.client_secret));
    }
    sso.headers = identity_headers(access.headers);
    shape.policy = sso.name;
    plan_.issuers.push_back(access.issuer);
    plan_.sign_ons.push_back(std::move(sso));
    return {};
  }

  Result<void> add_token(gateway::RouteConfig& shape, const TokenAccess& access) {
    GH_TRY(auto policy, token_policy_of(access, needs_.open, plan_.issuers));
    policy.name = "token " + shape.name;
    policy.realm = shape.host;
    policy.headers = identity_headers(access.headers);
    for (const auto& rule : access.rules) shape.scopes.push_back({rule.methods, rule.scopes});
    shape.step_up = access.step_up;
    shape.policy = policy.name;
    plan_.gateway.tokens.push_back(std::move(policy));
    return {};
  }

  const StageNeeds& needs_;
  GuardPlan plan_;
  std::set<std::string> pools_;
};

}  // namespace

Result<GuardPlan> plan_guard(const Config& config, const StageNeeds& needs) {
  Planner planner(needs);
  for (const auto& upstream : config.upstreams) GH_DO(planner.add(upstream));
  for (const auto& host : config.gateway)
    for (const auto& route : host.routes) GH_DO(planner.add(host, route));
  return std::move(planner).take();
}

}  // namespace gatehouse::app
