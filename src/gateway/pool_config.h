// What an administrator writes about a pool of upstream servers, as plain values.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/clock.h"
#include "net/client.h"

namespace gatehouse::gateway {

inline constexpr std::size_t kTargetsMax = 64;     // of one pool, as they are written
inline constexpr std::size_t kEndpointsMax = 256;  // of one pool, when names have several addresses
inline constexpr std::uint32_t kWeightMax = 1000;
inline constexpr std::uint32_t kPriorityMax = 9;
inline constexpr std::size_t kGrpcServiceMax = 127;

// One server, as it is written.
struct TargetConfig {
  TargetConfig(std::string where) : url(std::move(where)) {}  // NOLINT: a target without more words is its address
  TargetConfig(const char* where) : url(where) {}
  std::string url;             // "http://10.0.0.5:8080"; scheme, host and port only
  std::uint32_t weight = 1;    // its share beside the others
  std::uint32_t priority = 0;  // asked only when no target of a lower number can be
  bool drain = false;          // gets nothing new
  friend bool operator==(const TargetConfig&, const TargetConfig&) = default;
};

enum class Balance : std::uint8_t { round_robin, least_requests, hash, random };

// What makes requests go to the same target.
struct HashBy {
  enum class Source : std::uint8_t { client, header, cookie, path, identity } source = Source::client;
  std::string name;  // of the header or cookie
  friend bool operator==(const HashBy&, const HashBy&) = default;
};

// How much may be under way at once; 0: as much as comes.
struct PoolLimits {
  std::uint32_t requests = 0;             // with the whole pool, over all loops
  std::uint32_t requests_per_target = 0;  // over all loops
  std::uint32_t connections = 0;          // to one target, in use, per loop; HTTP/2: sessions
  std::uint32_t pending = 0;              // to one target, waiting for a connection, over all loops
  friend bool operator==(const PoolLimits&, const PoolLimits&) = default;
};

// When a target is put out because of what requests meet there.
struct EjectionRules {
  int failures = 3;        // in a row: no connection, no answer in time, or an answer cut off; 0: never
  int gateway_errors = 0;  // in a row: 502, 503, 504; 0: never
  int share_percent = 0;   // of both within a window, as soon as it has seen `share_least`; 0: never
  int share_least = 20;
  std::chrono::milliseconds window{10'000};
  std::chrono::milliseconds base{10'000}, most{300'000};  // how long; doubled each time that it follows soon
  int most_percent = 50;                                  // of the targets at once; one of two may always go, never all
  friend bool operator==(const EjectionRules&, const EjectionRules&) = default;
};

// How many of the requests under way may be repetitions.
struct RetryBudget {
  int percent = 20;  // of those under way with the pool
  int floor = 100;   // but always so many: a server that dies under a small load must cost nobody an answer that may be asked for again
  friend bool operator==(const RetryBudget&, const RetryBudget&) = default;
};

struct HealthCheck {
  enum class Kind : std::uint8_t {
    none,
    tcp,
    http,
    grpc
  } kind = Kind::none;                // tcp: connects, over TLS with a handshake
  std::string path = "/", host = {};  // http; host: instead of the target's own
  std::string service = {};           // grpc
  std::vector<std::pair<int, int>> statuses{{200, 399}};
  std::chrono::milliseconds interval{10'000}, timeout{2000};
  int jitter_percent = 10;
  int healthy_after = 2, unhealthy_after = 3;  // in a row
  friend bool operator==(const HealthCheck&, const HealthCheck&) = default;
};

// first: a name is looked up when a connection is made, which goes to the first address that answers.
// each: it is looked up in the background, and each address is a target of its own.
enum class Resolve : std::uint8_t { first, each };

// Servers that do the same job.
struct PoolConfig {
  std::string name;
  std::vector<TargetConfig> targets;
  net::UpstreamProtocol protocol = net::UpstreamProtocol::http1;
  net::ProxyProtocol proxy_protocol = net::ProxyProtocol::none;
  std::chrono::milliseconds connect_timeout{3000}, read_timeout{60000}, write_timeout{60000};
  Balance balance = Balance::round_robin;
  HashBy hash_by = {};           // Balance::hash
  std::uint32_t hash_bound = 0;  // percent of the mean load that a target may have before its keys go on; 0: any
  std::chrono::milliseconds slow_start{0};  // how long a target that begins or returns takes to its full share
  PoolLimits limits = {};
  EjectionRules ejection = {};
  RetryBudget retries = {};
  HealthCheck health = {};
  int panic_percent = 0;  // when fewer are healthy, all are asked; 0: never, so nobody is when none is
  Resolve resolve = Resolve::first;
  std::chrono::milliseconds resolve_every{30'000};
  net::ClientTls tls = {};
  friend bool operator==(const PoolConfig&, const PoolConfig&) = default;
};

}  // namespace gatehouse::gateway
