#include "app/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "app/yaml.h"
#include "core/text.h"
#include "net/message.h"
#include "store/redis.h"

namespace gatehouse::app {
namespace {

namespace fs = std::filesystem;

const std::vector<std::string> kLevels{"debug", "info", "warn", "error"};
const std::vector<std::string> kForms{"people", "json"};
const std::vector<std::string> kClientCertificates{"trusted", "any"};
const std::vector<std::string> kMethods{"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"};
// Set by the gateway itself, or with a meaning for the connection: nothing may be injected under these names.
const std::set<std::string, std::less<>> kReservedHeaders{
    "host", "connection", "content-length", "transfer-encoding", "te", "trailer", "upgrade", "keep-alive",
    "cookie", "authorization", "forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "expect"};

std::string beside(const fs::path& folder, const std::string& path) {
  return fs::path(path).is_absolute() ? path : (folder / path).lexically_normal().string();
}

TlsFiles read_tls(Map& in, const fs::path& folder) {
  TlsFiles files{beside(folder, in.required_text("certificate", "tls/server.pem")), beside(folder, in.required_text("key", "tls/server.key"))};
  if (const auto authorities = in.text("client_ca", ""); !authorities.empty()) files.client_ca = beside(folder, authorities);
  if (const auto taken = in.choice("client_certificates", kClientCertificates)) {
    files.any_client = *taken == 1;
    if (!files.any_client && files.client_ca.empty())
      in.fault("client_certificates", "is trusted, and there is no client_ca", "name the file with the authorities' certificates, or write any");
  }
  return files;
}

ListenerConfig read_listener(Map in, const fs::path& folder) {
  ListenerConfig listener;
  listener.address = in.text("address", "127.0.0.1");
  if (const auto port = in.number("port", 0, 65535)) listener.port = static_cast<std::uint16_t>(*port);
  else if (!in.has("port")) in.fault("port", "is missing", "for example `port: 8080`");
  if (in.has("tls")) {
    auto tls = in.map("tls");
    listener.tls = read_tls(tls, folder);
    tls.done();
  }
  listener.proxy_protocol = read_proxy_protocol(in);
  listener.http2 = read_http2(in);
  in.done();
  return listener;
}

DatabaseConfig read_database(Map in, const fs::path& data) {
  const auto file = in.text("sqlite");
  const auto conninfo = in.parsed("postgres", secrets::Reference::parse);
  in.done();
  if (in.has("sqlite") && in.has("postgres")) in.fault("postgres", "stands beside sqlite", "keep one of the two");
  if (conninfo) return PostgresAt{*conninfo};
  return SqliteFile{beside(data, file.value_or("gatehouse.db"))};
}

SharedConfig read_shared(Map in) {
  SharedConfig shared;
  shared.redis = in.required_text("redis", "redis://127.0.0.1:6379");
  if (const auto fine = store::parse_redis_url(shared.redis); !shared.redis.empty() && !fine)
    in.fault("redis", fine.error().message(), "the password stands beside it, by reference; TLS needs a tunnel");
  shared.user = in.text("user", "");
  shared.password = in.parsed("password", secrets::Reference::parse);
  shared.connections = in.number("connections", 1, store::kRedisConnectionsMax).value_or(shared.connections);
  shared.timeout = in.duration("timeout", Millis(1), Millis(10'000)).value_or(shared.timeout);
  in.done();
  return shared;
}

LogConfig read_log(Map in) {
  LogConfig log;
  if (const auto level = in.choice("level", kLevels)) log.level = static_cast<LogLevel>(*level);
  if (const auto form = in.choice("form", kForms)) log.form = *form == 0 ? LogForm::people : LogForm::json;
  in.done();
  return log;
}

ShutdownConfig read_shutdown(Map in) {
  using std::chrono::hours;
  using std::chrono::milliseconds;
  ShutdownConfig shutdown;
  shutdown.delay = in.duration("delay", milliseconds(0), hours(1)).value_or(shutdown.delay);
  shutdown.grace = in.duration("grace", milliseconds(0), hours(1)).value_or(shutdown.grace);
  shutdown.upgrade_grace = in.duration("upgrade_grace", milliseconds(0), hours(24 * 7)).value_or(shutdown.upgrade_grace);
  in.done();
  return shutdown;
}

std::optional<std::string> read_host(Map& in, std::string_view key, const std::string& text) {
  auto authority = net::parse_authority(text);
  if (authority && !authority->port) return authority->host;
  in.fault(key, fmt::format("'{}' is not a host name", text), "write the name alone, without scheme, port and path");
  return std::nullopt;
}

std::vector<std::string> read_fetch_from(Map& in) {
  auto all = in.texts("fetch_from");
  auto rules = net::PeerRules::public_only();
  for (const auto& each : all) {
    const auto authority = net::parse_authority(each);
    const bool is_place = each.find('/') == std::string::npos && authority && authority->port;
    if (!is_place && !rules.allow_network(each))
      in.fault("fetch_from", fmt::format("'{}' is neither a network nor host:port", each), "for example `10.1.0.0/16` or `keys.internal:8443`");
  }
  return all;
}

RegistrationConfig read_registration(Map in) {
  RegistrationConfig registration;
  registration.servers = in.texts("servers");
  if (registration.servers.empty()) in.fault("servers", "is missing", "name authorization servers, for example `servers: [default]`");
  registration.initial_access_token = in.parsed("initial_access_token", secrets::Reference::parse);
  const bool open = in.flag("open").value_or(false);
  if (open == in.has("initial_access_token"))
    in.fault("open", open ? "is true, and there is an initial_access_token" : "is not true, and there is no initial_access_token",
             "give a reference to the token that clients need, or write `open: true`");
  registration.most = in.number("most", 1, 100'000).value_or(registration.most);
  registration.per_minute = in.number("per_minute", 1, 10'000).value_or(registration.per_minute);
  registration.groups = in.texts("groups");
  in.done();
  return registration;
}

OrgConfig read_org(Map in) {
  OrgConfig org;
  org.name = in.text("name", org.name);
  if (const auto hosts = in.texts("hosts"); !hosts.empty()) {
    org.hosts.clear();
    for (const auto& host : hosts)
      if (auto canonical = read_host(in, "hosts", host)) org.hosts.push_back(*std::move(canonical));
  }
  for (const auto& address : in.texts("addresses")) {
    const auto url = net::Url::parse(address);
    if (!url || url->path != "/" || url->has_query)
      in.fault("addresses", fmt::format("'{}' is not scheme://host[:port]", address), "for example `https://login.example.com`");
    else org.addresses.push_back(url->origin());
  }
  if (in.has("registration")) org.registration = read_registration(in.map("registration"));
  if (const auto skew = in.duration("client_clock_skew", Millis(0), idp::kClientSkewMax)) org.client_skew = std::chrono::duration_cast<Seconds>(*skew);
  if (const auto address = in.text("certificates_at")) {
    const auto url = net::Url::parse(*address);
    if (!url || !url->tls || url->path != "/" || url->has_query)
      in.fault("certificates_at", fmt::format("'{}' is not https://host[:port]", *address), "for example `https://login.example.com:8443`");
    else org.certificates_at = url->origin();
  }
  org.fetch_from = read_fetch_from(in);
  in.done();
  return org;
}

void check_methods(Map& in, const std::vector<std::string>& methods) {
  for (const auto& method : methods)
    if (std::ranges::find(kMethods, method) == kMethods.end())
      in.fault("methods", fmt::format("'{}' is not known", method), "write some of " + join(kMethods, ", "));
}

std::vector<std::pair<std::string, std::string>> read_headers(Map& in) {
  auto headers = in.pairs("headers");
  for (const auto& [name, claim] : headers) {
    const bool token = !name.empty() && std::ranges::all_of(name, [](char c) { return is_alnum(c) || c == '-'; });
    if (!token || kReservedHeaders.contains(to_lower(name)))
      in.fault("headers", fmt::format("'{}' cannot be injected", name), "use a name of letters, digits and '-' that HTTP does not use itself");
    if (claim.empty()) in.fault("headers", fmt::format("'{}' names no claim", name), {});
  }
  return headers;
}

SignInAccess read_sign_in(Map in) {
  SignInAccess access;
  access.issuer = in.required_text("issuer", "http://localhost:8080");
  if (!access.issuer.empty() && !net::Url::parse(access.issuer)) in.fault("issuer", "is not an http or https address", {});
  access.client_id = in.required_text("client_id", "wiki");
  access.client_secret = in.parsed("client_secret", secrets::Reference::parse);
  access.scopes = in.texts("scopes");
  if (access.scopes.empty()) access.scopes = {"openid", "profile", "email"};
  if (std::ranges::find(access.scopes, "openid") == access.scopes.end())
    in.fault("scopes", "lack 'openid'", "without it nobody says who signed in");
  access.headers = read_headers(in);
  in.done();
  return access;
}

TokenAccess read_token(Map in) {
  auto access = read_token_words(in);
  if (auto scopes = in.texts("scopes"); !scopes.empty()) access.rules.push_back({{}, std::move(scopes)});
  if (in.has("scopes") && in.has("rules")) in.fault("rules", "stand beside scopes", "scopes are for every method; write them into the rules");
  for (auto& rule : in.maps("rules")) {
    access.rules.push_back({rule.texts("methods"), rule.texts("scopes")});
    check_methods(rule, access.rules.back().methods);
    rule.done();
  }
  access.headers = read_headers(in);
  in.done();
  return access;
}

std::optional<Access> read_access(Map& route) {
  const int ways = int(route.has("sign_in")) + int(route.has("token")) + int(route.has("open"));
  if (ways == 0) {
    route.fault("path", "says nothing about access", "add `sign_in:`, `token:` or `open: true`");
    return std::nullopt;
  }
  if (ways > 1) route.fault("path", "has more than one kind of access", "keep one of sign_in, token and open");
  std::optional<Access> access;
  if (route.has("sign_in")) access = read_sign_in(route.map("sign_in"));
  if (route.has("token")) access = read_token(route.map("token"));
  if (route.has("open")) {
    if (route.flag("open") == false) route.fault("open", "cannot be false", "to close a route, leave it out: what has no route is refused");
    access = OpenAccess{};
  }
  return access;
}

// What routes may name.
struct Named {
  const PolicyWords& policies;
  const std::vector<UpstreamWords>& upstreams;
};

std::optional<RouteConfig> read_route(Map in, std::span<Map> defaults, const Named& named, bool elsewhere) {
  const auto path = in.text("path", "/");
  auto methods = in.texts("methods");
  auto stages = read_stages(in, defaults);
  auto wire = read_wire(in);
  const bool by_itself = elsewhere || answers_by_itself(in);
  auto upstream = read_upstream(in, named.upstreams, !by_itself);
  auto access = read_access(in);
  auto policy = read_route_policy(in, named.policies);
  for (const auto* known : {"sign_in", "token", "open"})
    if (!in.has(known)) (void)in.text(known);  // so that done() can suggest them
  in.done();

  const auto canonical = net::parse_target(path);
  if (!canonical || canonical->path != path || canonical->has_query)
    in.fault("path", fmt::format("'{}' is not a path in its normal form", path), "begin with '/', without query and without escapes that need none");
  check_methods(in, methods);
  if (!access || (!upstream && !by_itself)) return std::nullopt;
  return RouteConfig{path, std::move(methods), std::move(upstream), *std::move(access), std::move(policy), std::move(stages), std::move(wire)};
}

std::optional<GatewayHostConfig> read_gateway_host(Map in, const Map& everywhere, const Named& named) {
  const auto name = in.required_text("host", "wiki.example.com");
  GatewayHostConfig host;
  host.forward_auth_only = in.flag("forward_auth_only").value_or(false);
  auto routes = in.maps("routes");
  std::array defaults{in.map("defaults"), everywhere};   // the nearer ones first
  check_defaults(defaults[0]);
  in.done();
  if (routes.empty()) in.fault("routes", "is missing or empty", "add at least one route with path, upstream and access");
  if (routes.size() > kRoutesPerHostMax) in.fault("routes", fmt::format("has more than {} entries", kRoutesPerHostMax), {});
  std::set<std::string> paths;
  for (auto& route : routes)
    if (auto read = read_route(std::move(route), defaults, named, host.forward_auth_only)) {
      if (read->methods.empty() && !paths.insert(read->path).second) in.fault("routes", fmt::format("path '{}' stands there twice", read->path), {});
      host.routes.push_back(*std::move(read));
    }
  if (name.empty()) return std::nullopt;
  auto canonical = read_host(in, "host", name);
  if (!canonical) return std::nullopt;
  host.host = *std::move(canonical);
  return host;
}

std::vector<GatewayHostConfig> read_gateway(Map in, Config& config, const PolicyWords& words, const fs::path& folder) {
  config.upstreams = read_upstreams(in, folder);
  const Named named{words, config.upstreams};
  const auto& org = config.org;
  std::vector<GatewayHostConfig> hosts;
  std::set<std::string> names(org.hosts.begin(), org.hosts.end());
  auto defaults = in.map("defaults");
  check_defaults(defaults);
  for (auto& entry : in.maps("hosts")) {
    auto host = read_gateway_host(std::move(entry), defaults, named);
    if (!host) continue;
    if (!names.insert(host->host).second)
      in.fault("hosts", fmt::format("'{}' is named twice, or is a host of the org", host->host), "each host belongs to one place");
    hosts.push_back(*std::move(host));
  }
  if (hosts.size() > kGatewayHostsMax) in.fault("hosts", fmt::format("has more than {} entries", kGatewayHostsMax), {});
  in.done();
  return hosts;
}

}  // namespace

std::optional<LogLevel> parse_log_level(std::string_view name) {
  const auto at = std::ranges::find(kLevels, name);
  if (at == kLevels.end()) return std::nullopt;
  return static_cast<LogLevel>(at - kLevels.begin());
}

Result<Config> parse_config(std::string_view text, const std::string& file) {
  Findings findings(file);
  auto folder = fs::path(file).parent_path();
  auto in = read_yaml(text, findings);

  Config config;
  config.data = beside(folder, in.required_text("data", "./data"));
  config.database = read_database(in.map("database"), config.data);
  config.master_key = in.parsed("master_key", secrets::Reference::parse);
  if (in.has("shared")) config.shared = read_shared(in.map("shared"));
  else in.ask("shared");
  for (auto& listener : in.maps("listeners")) config.listeners.push_back(read_listener(std::move(listener), folder));
  if (config.listeners.empty() && !in.has("listeners")) in.fault("listeners", "is missing", "for example `listeners: [{port: 8080}]`");
  else if (config.listeners.empty()) in.fault("listeners", "is empty", "for example `listeners: [{port: 8080}]`");
  if (config.listeners.size() > kListenersMax) in.fault("listeners", fmt::format("has more than {} entries", kListenersMax), {});
  config.trusted_proxies = in.texts("trusted_proxies");
  config.log = read_log(in.map("log"));
  config.org = read_org(in.map("org"));
  const auto words = read_policies(in);
  config.gateway = read_gateway(in.map("gateway"), config, words, folder);
  config.shutdown = read_shutdown(in.map("shutdown"));
  if (in.has("operations")) config.operations = read_listener(in.map("operations"), folder);
  config.observe = read_observe(in, folder.string());
  config.reload_on_change = in.flag("reload_on_change").value_or(true);
  config.forward_auth = read_forward_auth(in);
  for (const auto& host : config.gateway)
    if (host.forward_auth_only && !config.forward_auth)
      in.fault("forward_auth", fmt::format("is missing, and '{}' has forward_auth_only", host.host), "say who may ask: `forward_auth: {callers: [127.0.0.1]}`");
  if (auto seed = in.text("seed")) config.seed = beside(folder, *seed);
  in.done();

  if (!findings.empty()) return failure(Fault::invalid, findings.str());
  return config;
}

Result<Config> load_config(const std::string& file) {
  GH_TRY(auto text, read_small_file(file, kYamlBytesMax));
  return parse_config(text, file);
}

}  // namespace gatehouse::app
