// gatehouse.yaml: what one installation is. Parsed once, then passed around as values; nothing reads the file again.
// Knows the shape and the limits of each value. Does not open certificates, databases or secrets: that is house's work.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "app/forward_auth_config.h"
#include "app/policy_config.h"
#include "app/observe_config.h"
#include "app/stages.h"
#include "app/token_config.h"
#include "app/upstream_config.h"
#include "app/wire_config.h"
#include "core/error.h"
#include "core/log.h"
#include "idp/provider.h"
#include "net/url.h"
#include "secrets/reference.h"

namespace gatehouse::app {

inline constexpr std::size_t kListenersMax = 16;
inline constexpr std::size_t kGatewayHostsMax = 1000;
inline constexpr std::size_t kRoutesPerHostMax = 200;

struct TlsFiles {
  std::string certificate, key;  // PEM files
  std::string client_ca = {};    // PEM file; certificates of these authorities are taken from clients
  bool any_client = false;       // certificates of nobody's authority too
  friend bool operator==(const TlsFiles&, const TlsFiles&) = default;
};
struct ListenerConfig {
  std::string address = "127.0.0.1";
  std::uint16_t port = 8080;
  std::optional<TlsFiles> tls = {};
  std::vector<std::string> proxy_protocol = {};   // networks that say who is really there
  Http2Words http2 = {};
  bool beside_the_first = false;   // `up` only: the first one's port on another address, if this machine has it (IPv6)
  friend bool operator==(const ListenerConfig&, const ListenerConfig&) = default;
};

struct SqliteFile {
  std::string path;              // empty: in memory
  friend bool operator==(const SqliteFile&, const SqliteFile&) = default;
};
struct PostgresAt {
  secrets::Reference conninfo;   // libpq form; holds a password, therefore a reference
  friend bool operator==(const PostgresAt&, const PostgresAt&) = default;
};
using DatabaseConfig = std::variant<SqliteFile, PostgresAt>;

// What several gateways count together.
struct SharedConfig {
  std::string redis;                             // store::parse_redis_url
  std::string user;
  std::optional<secrets::Reference> password;
  std::int64_t connections = 2;
  std::chrono::milliseconds timeout{100};
  friend bool operator==(const SharedConfig&, const SharedConfig&) = default;
};

struct LogConfig {
  LogLevel level = LogLevel::info;
  LogForm form = LogForm::people;
};

// Browsers: OpenID Connect with the org (or any issuer), then identity headers towards the upstream.
struct SignInAccess {
  std::string issuer, client_id;
  std::optional<secrets::Reference> client_secret;
  std::vector<std::string> scopes;
  std::vector<std::pair<std::string, std::string>> headers;  // header name -> claim
};
struct OpenAccess {};
using Access = std::variant<SignInAccess, TokenAccess, OpenAccess>;

struct RouteConfig {
  std::string path = "/";              // prefix, on a segment boundary
  std::vector<std::string> methods;    // empty: all
  Leads upstream;                      // nowhere: a stage answers everything
  Access access;                       // no default: a route that says nothing about access is a fault
  RoutePolicy policy;                  // about whoever access recognised
  std::vector<MakeStage> stages;
  Wire wire = {};
};
struct GatewayHostConfig {
  std::string host;
  bool forward_auth_only = false;      // served by another proxy, which asks here; routes need no upstream
  std::vector<RouteConfig> routes;
};

// Where clients may register themselves (RFC 7591).
struct RegistrationConfig {
  std::vector<std::string> servers;                         // ids of authorization servers
  std::optional<secrets::Reference> initial_access_token;   // without it anybody may
  std::int64_t most = 1000, per_minute = 10;
  std::vector<std::string> groups;                          // whose members may use such clients
  friend bool operator==(const RegistrationConfig&, const RegistrationConfig&) = default;
};

struct OrgConfig {
  std::string name = "Gatehouse";
  std::vector<std::string> hosts{"localhost", "127.0.0.1"};  // the org answers to these; the issuer follows the host called
  std::vector<std::string> addresses;  // "https://login.example.com", when a proxy in front changes scheme or port
  std::optional<RegistrationConfig> registration;
  Seconds client_skew = idp::kClientSkew;   // between the clocks of clients and ours
  std::string certificates_at;         // origin where clients with certificates come; empty: where everybody goes
  std::vector<std::string> fetch_from; // networks and host:port that jwks_uri and the like may lie at, beside public addresses
  friend bool operator==(const OrgConfig&, const OrgConfig&) = default;
};

// How the program ends, and when it looks at its files again.
struct ShutdownConfig {
  std::chrono::milliseconds delay{0};       // /readyz says no, but everybody is served: time for a balancer to notice
  std::chrono::milliseconds grace{10000};   // for requests under way
  std::chrono::milliseconds upgrade_grace{std::chrono::hours(1)};   // for long-lived connections after a binary upgrade
};

struct Config {
  std::filesystem::path data;          // database, master key; mode 0700
  DatabaseConfig database;
  std::optional<secrets::Reference> master_key;
  std::optional<SharedConfig> shared;
  std::vector<ListenerConfig> listeners;
  std::vector<std::string> trusted_proxies;
  LogConfig log;
  OrgConfig org;
  std::vector<GatewayHostConfig> gateway;
  std::vector<UpstreamWords> upstreams;
  std::optional<ForwardAuthWords> forward_auth;
  std::optional<std::string> seed;     // file
  ShutdownConfig shutdown;
  std::optional<ListenerConfig> operations;   // /healthz and /readyz for machines that look after this one; no secrets there
  ObserveConfig observe;
  bool reload_on_change = true;        // of the configuration file and the certificates
};

// `file` names the text in faults; relative paths in it are relative to the file's folder.
// Fault::invalid whose message has one line per fault: file:line:column: what; what to do.
Result<Config> parse_config(std::string_view text, const std::string& file);
Result<Config> load_config(const std::string& file);

// Shared with the command line.
std::optional<LogLevel> parse_log_level(std::string_view name);

}  // namespace gatehouse::app
