#include "app/upstream_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "app/wire_config.h"
#include "core/text.h"

namespace gatehouse::app {
namespace {

using gateway::PoolConfig;
using std::chrono::hours;
using std::chrono::milliseconds;

const std::vector<std::string> kBalances{"round_robin", "least_requests", "hash", "random"};  // in the order of Balance
const std::vector<std::string> kHashSources{"client", "header", "cookie", "path", "identity"};  // of HashBy::Source
const std::vector<std::string> kResolves{"first", "each"};                                      // of Resolve
constexpr std::int64_t kManyMost = 1'000'000;
constexpr std::size_t kPemMax = 1024 * 1024;

bool is_pool_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 &&
         std::ranges::all_of(name, [](char c) { return is_alnum(c) || c == '-' || c == '_' || c == '.'; });
}

bool is_token(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    return is_alnum(c) || std::string_view("!#$%&'*+-.^_`|~").contains(c);
  });
}

gateway::TargetConfig read_target(Map in) {
  gateway::TargetConfig target(in.required_text("url", "http://10.0.0.5:8080"));
  const auto url = net::Url::parse(target.url);
  if (!target.url.empty() && (!url || url->path != "/" || url->has_query))
    in.fault("url", fmt::format("'{}' is not scheme://host[:port]", target.url),
             "the path of the request is passed on as it is");
  else if (url) target.url = url->origin();
  target.weight = static_cast<std::uint32_t>(in.number("weight", 1, gateway::kWeightMax).value_or(1));
  target.priority = static_cast<std::uint32_t>(in.number("priority", 0, gateway::kPriorityMax).value_or(0));
  target.drain = in.flag("drain").value_or(false);
  in.done();
  return target;
}

void read_targets(Map& in, PoolConfig& pool) {
  std::set<std::string> seen;
  for (auto& entry : in.maps_or_texts("targets", "url")) {
    pool.targets.push_back(read_target(std::move(entry)));
    if (const auto& url = pool.targets.back().url; !seen.insert(url).second)
      in.fault("targets", fmt::format("'{}' stands there twice", url), "write it once, with `weight:`");
  }
  if (pool.targets.empty())
    in.fault("targets", "is missing or empty", "for example `targets: [http://10.0.0.5:8080, http://10.0.0.6:8080]`");
  if (pool.targets.size() > gateway::kTargetsMax)
    in.fault("targets", fmt::format("has more than {} entries", gateway::kTargetsMax), {});
}

void read_hash(Map& pool, gateway::HashBy& by, std::uint32_t& bound) {
  auto in = pool.map("hash");
  if (const auto source = in.choice("by", kHashSources)) by.source = static_cast<gateway::HashBy::Source>(*source);
  else if (!in.has("by")) in.fault("by", "is missing", "write one of " + join(kHashSources, ", "));
  const bool named = by.source == gateway::HashBy::Source::header || by.source == gateway::HashBy::Source::cookie;
  by.name = in.text("name", "");
  if (named && !is_token(by.name))
    in.fault("name",
             fmt::format("'{}' is not the name of a {}", by.name, kHashSources[static_cast<std::size_t>(by.source)]),
             "for example `name: session`");
  if (!named && in.has("name")) in.fault("name", "belongs to `by: header` and `by: cookie`", "leave it out");
  bound = static_cast<std::uint32_t>(in.number("bound", 100, 1000).value_or(0));
  in.done();
}

void read_balance(Map& in, PoolConfig& pool) {
  if (const auto balance = in.choice("balance", kBalances)) pool.balance = static_cast<gateway::Balance>(*balance);
  const bool hashes = pool.balance == gateway::Balance::hash;
  if (in.has("hash")) read_hash(in, pool.hash_by, pool.hash_bound);
  else in.ask("hash");
  if (in.has("hash") && !hashes)
    in.fault("hash", "says by what to hash, and `balance` is not hash", "write `balance: hash`, or leave it out");
  pool.slow_start = in.duration("slow_start", milliseconds(0), hours(1)).value_or(pool.slow_start);
  if (hashes && pool.slow_start.count() != 0)
    in.fault("slow_start", "does nothing where requests go by hash", "leave it out: keys would move at each step");
}

void read_timeouts(Map in, PoolConfig& pool) {
  pool.connect_timeout = in.duration("connect", milliseconds(1), hours(1)).value_or(pool.connect_timeout);
  pool.read_timeout = in.duration("read", milliseconds(1), hours(24)).value_or(pool.read_timeout);
  pool.write_timeout = in.duration("write", milliseconds(1), hours(24)).value_or(pool.write_timeout);
  in.done();
}

void read_limits(Map in, gateway::PoolLimits& limits) {
  const auto number = [&](std::string_view key) {
    return static_cast<std::uint32_t>(in.number(key, 1, kManyMost).value_or(0));
  };
  limits.requests = number("requests");
  limits.requests_per_target = number("requests_per_target");
  limits.connections = number("connections");
  limits.pending = number("pending");
  in.done();
}

void read_ejection(Map in, gateway::EjectionRules& rules) {
  rules.failures = static_cast<int>(in.number("failures", 0, 1000).value_or(rules.failures));
  rules.gateway_errors = static_cast<int>(in.number("gateway_errors", 0, 1000).value_or(rules.gateway_errors));
  rules.share_percent = static_cast<int>(in.number("share_percent", 0, 100).value_or(rules.share_percent));
  rules.share_least = static_cast<int>(in.number("share_least", 1, kManyMost).value_or(rules.share_least));
  rules.window = in.duration("window", milliseconds(100), hours(1)).value_or(rules.window);
  rules.base = in.duration("base", milliseconds(1), hours(24)).value_or(rules.base);
  rules.most = in.duration("most", milliseconds(1), hours(24)).value_or(rules.most);
  rules.most_percent = static_cast<int>(in.number("most_percent", 1, 100).value_or(rules.most_percent));
  if (rules.most < rules.base) in.fault("most", "is shorter than `base`", "the longest time is at least the first one");
  in.done();
}

void read_budget(Map in, gateway::RetryBudget& budget) {
  budget.percent = static_cast<int>(in.number("percent", 0, 100).value_or(budget.percent));
  budget.floor = static_cast<int>(in.number("floor", 0, 1000).value_or(budget.floor));
  in.done();
}

std::optional<std::pair<int, int>> status_range(std::string_view text) {
  const auto dash = text.find('-');
  const auto first = parse_int(text.substr(0, dash)),
             last = dash == std::string_view::npos ? first : parse_int(text.substr(dash + 1));
  if (!first || !last || *first < 100 || *last > 599 || *first > *last) return std::nullopt;
  return std::pair(static_cast<int>(*first), static_cast<int>(*last));
}

void read_question(Map& in, gateway::HealthCheck& check) {
  using Kind = gateway::HealthCheck::Kind;
  if (int(in.has("path")) + int(in.has("grpc")) + int(in.has("tcp")) != 1)
    in.fault("path", "one of path, grpc and tcp says what is asked", "for example `path: /healthz`");
  check.kind = in.has("grpc") ? Kind::grpc : in.has("tcp") ? Kind::tcp : Kind::http;
  if (in.flag("tcp") == false) in.fault("tcp", "cannot be false", "leave it out");
  check.service = in.text("grpc", "");
  if (check.service.size() > gateway::kGrpcServiceMax)
    in.fault("grpc", fmt::format("is longer than {} bytes", gateway::kGrpcServiceMax), {});
  check.path = in.text("path", "/");
  const auto unfit = [](char c) { return c <= ' ' || c == 0x7f; };
  if (!check.path.starts_with('/') || std::ranges::any_of(check.path, unfit))
    in.fault("path", fmt::format("'{}' is not a path", check.path), "for example `path: /healthz`");
  check.host = in.text("host", "");
  if (!check.host.empty() && !net::parse_authority(check.host))
    in.fault("host", fmt::format("'{}' is not a host", check.host), "for example `host: app.example.com`");
}

void read_health(Map in, PoolConfig& pool) {
  auto& check = pool.health;
  read_question(in, check);
  if (const auto statuses = in.texts("status"); !statuses.empty()) {
    check.statuses.clear();
    for (const auto& text : statuses) {
      if (const auto range = status_range(text)) check.statuses.push_back(*range);
      else
        in.fault("status", fmt::format("'{}' is not a status or a range of them", text),
                 "for example `status: [200-299, 401]`");
    }
  }
  check.interval = in.duration("interval", milliseconds(100), hours(24)).value_or(check.interval);
  check.timeout = in.duration("timeout", milliseconds(10), hours(1)).value_or(check.timeout);
  check.jitter_percent = static_cast<int>(in.number("jitter", 0, 100).value_or(check.jitter_percent));
  check.healthy_after = static_cast<int>(in.number("healthy_after", 1, 100).value_or(check.healthy_after));
  check.unhealthy_after = static_cast<int>(in.number("unhealthy_after", 1, 100).value_or(check.unhealthy_after));
  pool.panic_percent = static_cast<int>(in.number("panic", 0, 100).value_or(0));
  if (check.kind == gateway::HealthCheck::Kind::grpc && pool.protocol == net::UpstreamProtocol::http1)
    in.fault("grpc", "needs HTTP/2", "write `protocol: h2` into the upstream");
  in.done();
}

void read_tls(Map in, UpstreamWords& words, const std::filesystem::path& folder) {
  static const std::vector<std::string> kVersions{"1.2", "1.3"};  // in the order of ClientTls::Least
  static const std::string kNobody = "dangerously_nobody";
  const auto beside = [&](const std::string& file) {
    return file.empty() ? file : (folder / file).lexically_normal().string();
  };
  auto& tls = words.pool.tls;
  if (const auto ca = in.text("ca", "system"); ca != "system") words.ca_file = beside(ca);
  tls.server_name = in.text("server_name", "");
  if (const auto name = net::parse_authority(tls.server_name); !tls.server_name.empty() && (!name || name->port))
    in.fault("server_name", fmt::format("'{}' is not a host name", tls.server_name),
             "write the name that stands in the certificate");
  words.certificate_file = beside(in.text("client_certificate", ""));
  words.key = in.parsed("client_key", secrets::Reference::parse);
  if (words.certificate_file.empty() != !in.has("client_key"))
    in.fault(in.has("client_key") ? "client_key" : "client_certificate", "stands alone",
             "client_certificate and client_key belong together");
  if (const auto least = in.choice("min_version", kVersions)) tls.least = static_cast<net::ClientTls::Least>(*least);
  const auto verify = in.text("verify", "true");
  if (verify == kNobody) tls.verify = net::ClientTls::Verify::nobody;
  else if (verify != "true")
    in.fault("verify", fmt::format("'{}' would let anybody in between read and change everything", verify),
             fmt::format("name the authority with `ca:`; if it must be, `verify: {}`", kNobody));
  in.done();
}

void read_resolve(Map& in, PoolConfig& pool) {
  pool.resolve = gateway::Resolve::each;
  if (const auto how = in.choice("resolve", kResolves)) pool.resolve = static_cast<gateway::Resolve>(*how);
  pool.resolve_every = in.duration("resolve_every", milliseconds(100), hours(24)).value_or(pool.resolve_every);
  if (in.has("resolve_every") && pool.resolve == gateway::Resolve::first)
    in.fault("resolve_every", "belongs to `resolve: each`", "leave it out");
}

UpstreamWords read_entry(Map in, const std::filesystem::path& folder) {
  UpstreamWords words;
  auto& pool = words.pool;
  pool.name = in.required_text("name", "app");
  if (!pool.name.empty() && !is_pool_name(pool.name))
    in.fault("name", fmt::format("'{}' is not a name", pool.name), "letters, digits, '-', '_' and '.', at most 64");
  read_targets(in, pool);
  pool.protocol = read_protocol(in);
  pool.proxy_protocol = read_proxy_version(in, pool.protocol);
  read_balance(in, pool);
  read_timeouts(in.map("timeouts"), pool);
  read_limits(in.map("limits"), pool.limits);
  read_ejection(in.map("ejection"), pool.ejection);
  read_budget(in.map("retry_budget"), pool.retries);
  if (in.has("health")) read_health(in.map("health"), pool);
  else in.ask("health");
  if (in.has("tls")) {
    read_tls(in.map("tls"), words, folder);
    if (std::ranges::none_of(pool.targets, [](const auto& target) { return target.url.starts_with("https://"); }))
      in.fault("tls", "stands beside targets that are all http://", "write https:// before those that speak TLS");
  } else {
    in.ask("tls");
  }
  read_resolve(in, pool);
  in.done();
  return words;
}

}  // namespace

std::vector<UpstreamWords> read_upstreams(Map& gateway, const std::filesystem::path& folder) {
  std::vector<UpstreamWords> all;
  std::set<std::string> names;
  for (auto& entry : gateway.maps("upstreams")) {
    all.push_back(read_entry(std::move(entry), folder));
    if (const auto& name = all.back().pool.name; !name.empty() && !names.insert(name).second)
      gateway.fault("upstreams", fmt::format("'{}' is the name of two entries", name), "each has a name of its own");
  }
  if (all.size() > gateway::kPoolsMax)
    gateway.fault("upstreams", fmt::format("has more than {} entries", gateway::kPoolsMax), {});
  return all;
}

Result<PoolConfig> open_upstream(const UpstreamWords& words, const OpenSecret& open) {
  auto pool = words.pool;
  const auto about = [&](Error error) {
    return failure(error.fault(), fmt::format("upstream {}: {}", pool.name, error.message()));
  };
  if (!words.ca_file.empty()) {
    auto pem = read_small_file(words.ca_file, kPemMax);
    if (!pem) return about(std::move(pem.error()));
    // Nothing would mean the system's authorities: far more than were meant.
    if (pem->empty()) return about(Error(Fault::invalid, words.ca_file + " is empty"));
    pool.tls.ca_pem = *std::move(pem);
  }
  if (words.key) {
    auto pem = read_small_file(words.certificate_file, kPemMax);
    if (!pem) return about(std::move(pem.error()));
    pool.tls.certificate_pem = *std::move(pem);
    auto key = open(*words.key);
    if (!key) return about(std::move(key.error()));
    pool.tls.key_pem = *std::move(key);
  }
  if (pool.tls == net::ClientTls()) return pool;
  if (auto fine = net::check_client_tls(pool.tls); !fine) return about(std::move(fine.error()));
  return pool;
}

Leads read_upstream(Map& route, const std::vector<UpstreamWords>& upstreams, bool needed) {
  const auto target = needed ? route.required_text("upstream", "http://127.0.0.1:9000") : route.text("upstream", "");
  if (target.empty()) return {};
  if (is_pool_name(target)) {
    std::vector<std::string> names;
    for (const auto& one : upstreams) names.push_back(one.pool.name);
    if (std::ranges::find(names, target) != names.end()) {
      for (const char* word : {"protocol", "proxy_protocol"})
        if (route.has(word))
          route.fault(word, fmt::format("stands beside the name '{}'", target), "write it into that entry of gateway.upstreams");
      return {.url = std::nullopt, .pool = target};
    }
    const auto meant = nearest(target, names);
    route.fault("upstream", fmt::format("'{}' is neither scheme://host[:port] nor a name in gateway.upstreams", target),
                meant.empty() ? (names.empty() ? std::string("for example `http://127.0.0.1:9000`")
                                               : "there are " + join(names, ", "))
                              : fmt::format("did you mean '{}'?", meant));
    return {};
  }
  auto url = net::Url::parse(target);
  if (url && url->path == "/" && !url->has_query) return {.url = *std::move(url), .pool = {}};
  route.fault("upstream", fmt::format("'{}' is not scheme://host[:port]", target),
              "the path of the request is passed on as it is");
  return {};
}

}  // namespace gatehouse::app
