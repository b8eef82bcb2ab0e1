#include "app/upstream_config.h"

#include <gtest/gtest.h>

#include "app/config.h"

namespace gatehouse::app {
namespace {

Result<Config> with(const std::string& upstreams, const std::string& route = "upstream: app") {
  return parse_config("data: d\nlisteners: [{port: 1}]\ngateway:\n  upstreams: [" + upstreams + "]\n  hosts: [{host: a.example, routes: [{open: true, " + route + "}]}]\n", "g.yaml");
}
gateway::PoolConfig pool(const std::string& words) {
  auto config = with("{name: app, targets: ['http://a:1', 'http://b:2'], " + words + "}");
  if (!config) throw std::runtime_error(config.error().message());
  return config->upstreams.at(0).pool;
}
std::string fault(const std::string& words) {
  const auto config = with("{name: app, targets: ['http://a:1', 'http://b:2'], " + words + "}");
  return config ? "none" : config.error().message();
}
std::string fault_of_targets(const std::string& targets) {
  const auto config = with("{name: app, targets: " + targets + "}");
  return config ? "none" : config.error().message();
}

TEST(UpstreamConfig, a_list_of_addresses_is_enough) {
  const auto config = with("{name: app, targets: ['http://a:1', 'http://b:2']}").value();
  EXPECT_EQ(config.gateway[0].routes[0].upstream.pool, "app");
  EXPECT_FALSE(config.gateway[0].routes[0].upstream.url);
  gateway::PoolConfig expected;
  expected.name = "app";
  expected.targets = {"http://a:1", "http://b:2"};
  expected.resolve = gateway::Resolve::each;
  EXPECT_EQ(config.upstreams.at(0).pool, expected);
}

TEST(UpstreamConfig, every_word_is_read) {
  const auto config = with("{name: app, targets: ['http://a:1', {url: 'https://b', weight: 3, priority: 1, drain: true}]}").value();
  const auto& target = config.upstreams.at(0).pool.targets.at(1);
  EXPECT_EQ(target.url, "https://b");
  EXPECT_EQ(target.weight, 3u);
  EXPECT_EQ(target.priority, 1u);
  EXPECT_TRUE(target.drain);
  EXPECT_EQ(pool("protocol: h2").protocol, net::UpstreamProtocol::h2);
  EXPECT_EQ(pool("balance: least_requests").balance, gateway::Balance::least_requests);
  EXPECT_EQ(pool("balance: random").balance, gateway::Balance::random);
  EXPECT_EQ(pool("slow_start: 30s").slow_start, std::chrono::seconds(30));
  const auto hashed = pool("balance: hash, hash: {by: cookie, name: session, bound: 125}");
  EXPECT_EQ(hashed.balance, gateway::Balance::hash);
  EXPECT_EQ(hashed.hash_by, (gateway::HashBy{gateway::HashBy::Source::cookie, "session"}));
  EXPECT_EQ(hashed.hash_bound, 125u);
  EXPECT_EQ(pool("balance: hash, hash: {by: identity}").hash_by.source, gateway::HashBy::Source::identity);
  const auto timed = pool("timeouts: {connect: 1s, read: 2s, write: 3s}");
  EXPECT_EQ(timed.connect_timeout, std::chrono::seconds(1));
  EXPECT_EQ(timed.read_timeout, std::chrono::seconds(2));
  EXPECT_EQ(timed.write_timeout, std::chrono::seconds(3));
  EXPECT_EQ(pool("limits: {requests: 10, requests_per_target: 4, connections: 3, pending: 2}").limits,
            (gateway::PoolLimits{.requests = 10, .requests_per_target = 4, .connections = 3, .pending = 2}));
  const auto ejection = pool("ejection: {failures: 5, gateway_errors: 4, share_percent: 50, share_least: 9, window: 5s, base: 3s, most: 1m, most_percent: 20}").ejection;
  EXPECT_EQ(ejection.failures, 5);
  EXPECT_EQ(ejection.gateway_errors, 4);
  EXPECT_EQ(ejection.share_percent, 50);
  EXPECT_EQ(ejection.share_least, 9);
  EXPECT_EQ(ejection.window, std::chrono::seconds(5));
  EXPECT_EQ(ejection.base, std::chrono::seconds(3));
  EXPECT_EQ(ejection.most, std::chrono::seconds(60));
  EXPECT_EQ(ejection.most_percent, 20);
  EXPECT_EQ(pool("retry_budget: {percent: 5, floor: 0}").retries, (gateway::RetryBudget{.percent = 5, .floor = 0}));
  EXPECT_EQ(pool("resolve: first").resolve, gateway::Resolve::first);
  EXPECT_EQ(pool("resolve_every: 5s").resolve_every, std::chrono::seconds(5));
}

TEST(UpstreamConfig, checks_are_read) {
  using Kind = gateway::HealthCheck::Kind;
  const auto checked = pool("health: {path: /healthz, status: [200-299, 401], interval: 1s, timeout: 500ms, jitter: 5, healthy_after: 4, unhealthy_after: 5, host: a.example, panic: 50}");
  const auto& health = checked.health;
  EXPECT_EQ(health.kind, Kind::http);
  EXPECT_EQ(health.path, "/healthz");
  EXPECT_EQ(health.host, "a.example");
  EXPECT_EQ(health.statuses, (std::vector<std::pair<int, int>>{{200, 299}, {401, 401}}));
  EXPECT_EQ(health.interval, std::chrono::seconds(1));
  EXPECT_EQ(health.timeout, std::chrono::milliseconds(500));
  EXPECT_EQ(health.jitter_percent, 5);
  EXPECT_EQ(health.healthy_after, 4);
  EXPECT_EQ(health.unhealthy_after, 5);
  EXPECT_EQ(checked.panic_percent, 50);
  EXPECT_EQ(pool("health: {tcp: true}").health.kind, Kind::tcp);
  const auto grpc = pool("protocol: h2, health: {grpc: shop.Orders}").health;
  EXPECT_EQ(grpc.kind, Kind::grpc);
  EXPECT_EQ(grpc.service, "shop.Orders");
  EXPECT_EQ(pool("slow_start: 1s").health.kind, Kind::none);
}

Result<Config> with_tls(const std::string& words) { return with("{name: app, targets: ['https://a'], tls: {" + words + "}}"); }

TEST(UpstreamConfig, trust_is_read_without_opening_a_file) {
  const auto config = with_tls("ca: tls/ca.pem, server_name: a.internal, client_certificate: /etc/gw.pem, client_key: 'env:KEY', min_version: '1.3'").value();
  const auto& words = config.upstreams.at(0);
  EXPECT_EQ(words.ca_file, "tls/ca.pem");
  EXPECT_EQ(words.certificate_file, "/etc/gw.pem");
  EXPECT_EQ(words.key->str(), "env:KEY");
  EXPECT_EQ(words.pool.tls.server_name, "a.internal");
  EXPECT_EQ(words.pool.tls.least, net::ClientTls::Least::tls13);
  EXPECT_EQ(words.pool.tls.verify, net::ClientTls::Verify::peer);
  EXPECT_EQ(with_tls("verify: dangerously_nobody").value().upstreams[0].pool.tls.verify, net::ClientTls::Verify::nobody);
  EXPECT_TRUE(with_tls("ca: system").value().upstreams[0].ca_file.empty());
}

TEST(UpstreamConfig, what_files_hold_is_judged_before_it_is_taken) {
  const OpenSecret key = [](const secrets::Reference&) -> Result<Secret> { return Secret("no key"); };
  auto words = with_tls("ca: /nowhere/ca.pem").value().upstreams[0];
  EXPECT_NE(open_upstream(words, key).error().message().find("upstream app: /nowhere/ca.pem"), std::string::npos);
  words = with_tls("ca: /dev/null").value().upstreams[0];
  EXPECT_EQ(open_upstream(words, key).error().message(), "upstream app: /dev/null is empty") << "and not the system's authorities";
  words = with_tls("ca: /proc/version").value().upstreams[0];
  EXPECT_NE(open_upstream(words, key).error().message().find("upstream app: cannot read the CA certificates"), std::string::npos);
  words = with_tls("client_certificate: /proc/version, client_key: 'env:KEY'").value().upstreams[0];
  EXPECT_NE(open_upstream(words, key).error().message().find("upstream app: cannot use the client certificate and its key"), std::string::npos);
}

TEST(UpstreamConfig, a_route_leads_to_an_address_as_before) {
  const auto config = with("", "upstream: 'http://127.0.0.1:9000'").value();
  EXPECT_EQ(config.gateway[0].routes[0].upstream.url->origin(), "http://127.0.0.1:9000");
}

TEST(UpstreamConfig, what_is_wrong_is_named_with_its_place_and_a_proposal) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {fault("balance: least_request"), "balance: 'least_request' is not known; did you mean 'least_requests'?"},
      {fault("balance: hash, hash: {by: cookie}"), "name: '' is not the name of a cookie; for example `name: session`"},
      {fault("balance: hash, hash: {}"), "by: is missing; write one of client, header, cookie, path, identity"},
      {fault("balance: hash, hash: {by: path, name: x}"), "belongs to `by: header` and `by: cookie`"},
      {fault("balance: hash, hash: {by: path, bound: 99}"), "bound: '99' is not a number from 100 to 1000"},
      {fault("hash: {by: path}"), "write `balance: hash`"},
      {fault("balance: hash, hash: {by: path}, slow_start: 1s"), "slow_start: does nothing where requests go by hash"},
      {fault("slow_start: 10"), "slow_start: '10' is not a time"},
      {fault("limits: {requests: 0}"), "limits.requests: '0' is not a number from 1"},
      {fault("ejection: {base: 1m, most: 1s}"), "ejection.most: is shorter than `base`"},
      {fault("retry_budget: {percent: 101}"), "retry_budget.percent: '101' is not a number from 0 to 100"},
      {fault("health: {interval: 1s}"), "one of path, grpc and tcp says what is asked; for example `path: /healthz`"},
      {fault("health: {path: /a, tcp: true}"), "one of path, grpc and tcp says what is asked"},
      {fault("health: {path: healthz}"), "health.path: 'healthz' is not a path"},
      {fault("health: {path: \"/a\\r\\nX: 1\"}"), "is not a path"},
      {fault("health: {path: /a, host: 'a b'}"), "health.host: 'a b' is not a host"},
      {fault("health: {path: /a, status: [2xx]}"), "health.status: '2xx' is not a status or a range of them; for example `status: [200-299, 401]`"},
      {fault("health: {path: /a, status: [300-200]}"), "'300-200' is not a status"},
      {fault("health: {grpc: shop}"), "health.grpc: needs HTTP/2; write `protocol: h2` into the upstream"},
      {fault("health: {path: /a, interval: 1ms}"), "health.interval: '1ms' is not between 100"},
      {fault("health: {path: /a, panic: 101}"), "health.panic: '101' is not a number from 0 to 100"},
      {fault("resolve: all"), "resolve: 'all' is not known; write one of first, each"},
      {fault("resolve: first, resolve_every: 1s"), "resolve_every: belongs to `resolve: each`"},
      {fault("tls: {ca: a.pem}"), "tls: stands beside targets that are all http://"},
      {with_tls("verify: false").error().message(), "tls.verify: 'false' would let anybody in between read and change everything; name the authority with `ca:`"},
      {with_tls("client_certificate: a.pem").error().message(), "client_certificate: stands alone"},
      {with_tls("client_key: 'env:KEY'").error().message(), "client_key: stands alone"},
      {with_tls("min_version: '1.1'").error().message(), "min_version: '1.1' is not known"},
      {with_tls("server_name: 'https://a'").error().message(), "server_name: 'https://a' is not a host name"},
      {fault("limits: {request: 1}"), "did you mean 'requests'?"},
      {fault("ejection: {most_percent: 101}"), "ejection.most_percent: '101' is not a number from 1 to 100"},
      {fault("timeouts: {conect: 1s}"), "did you mean 'connect'?"},
      {fault("protocol: h3"), "protocol: 'h3' is not known"},
      {fault_of_targets("[]"), "targets: is missing or empty; for example `targets: ["},
      {fault_of_targets("['http://a/path']"), "targets[0].url: 'http://a/path' is not scheme://host[:port]"},
      {fault_of_targets("['http://a', {url: 'http://a:80'}]"), "targets: 'http://a' stands there twice; write it once, with `weight:`"},
      {fault_of_targets("[{url: 'http://a', weight: 0}]"), "targets[0].weight: '0' is not a number from 1 to 1000"},
      {fault_of_targets("[{url: 'http://a', wieght: 2}]"), "did you mean 'weight'?"},
      {fault_of_targets("[{weight: 2}]"), "targets[0].url: is missing"},
      {with("{name: 'a b', targets: ['http://a']}").error().message(), "name: 'a b' is not a name"},
      {with("{name: app, targets: ['http://a']}, {name: app, targets: ['http://b']}").error().message(), "'app' is the name of two entries"},
      {with("{name: orders, targets: ['http://a']}", "upstream: oders").error().message(), "did you mean 'orders'?"},
      {with("", "upstream: app").error().message(), "'app' is neither scheme://host[:port] nor a name in gateway.upstreams; for example"},
      {with("{name: app, targets: ['http://a']}", "upstream: app, protocol: h2").error().message(), "protocol: stands beside the name 'app'; write it into that entry"},
      {with("{name: app, targets: ['http://a']}", "upstream: app, proxy_protocol: v2").error().message(), "proxy_protocol: stands beside the name 'app'; write it into that entry"},
      {fault("protocol: h2, proxy_protocol: v1"), "proxy_protocol: does not go with HTTP/2"},
      {with("{name: app, targets: ['http://a']}", "upstream: 'ftp://a'").error().message(), "upstream: 'ftp://a' is not scheme://host[:port]"}};
  for (const auto& [told, wanted] : cases) {
    EXPECT_NE(told.find(wanted), std::string::npos) << told << "\nlacks: " << wanted;
    EXPECT_TRUE(told.starts_with("g.yaml:") && told.find(":0:") == std::string::npos) << told << " has no place";
  }
}

}  // namespace
}  // namespace gatehouse::app
