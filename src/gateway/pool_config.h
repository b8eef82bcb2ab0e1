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

inline constexpr std::size_t kTargetsMax = 64;  // of one pool, as they are written
inline constexpr std::uint32_t kWeightMax = 1000;
inline constexpr std::uint32_t kPriorityMax = 9;

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
  friend bool operator==(const PoolLimits&, const PoolLimits&) = default;
};

// When a target is put out because of what requests meet there.
struct EjectionRules {
  int failures = 3;                       // in a row: no connection, no answer in time, or an answer cut off; 0: never
  std::chrono::milliseconds base{10000};  // how long
  int most_percent = 50;                  // of the targets at once; one of two may always go, never all
  friend bool operator==(const EjectionRules&, const EjectionRules&) = default;
};

// Servers that do the same job.
struct PoolConfig {
  std::string name;
  std::vector<TargetConfig> targets;
  net::UpstreamProtocol protocol = net::UpstreamProtocol::http1;
  std::chrono::milliseconds connect_timeout{3000}, read_timeout{60000}, write_timeout{60000};
  Balance balance = Balance::round_robin;
  HashBy hash_by = {};  // Balance::hash
  std::uint32_t hash_bound =
      0;  // percent of the mean load that a target may have before its keys go on to the next; 0: any
  std::chrono::milliseconds slow_start{0};  // how long a target that begins or returns takes to its full share
  PoolLimits limits = {};
  EjectionRules ejection = {};
  friend bool operator==(const PoolConfig&, const PoolConfig&) = default;
};

}  // namespace gatehouse::gateway
