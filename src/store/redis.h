// KeyValue in Redis (7 or newer recommended; 5 is enough). A few connections, each on a thread of its own that sends what waits
// in one pipeline; a coroutine that asks never blocks its loop. A connection that fails is made again after a pause that
// grows; meanwhile every question fails at once (circuit breaker). TLS is not spoken (hiredis 0.14): use the loopback, a
// Unix socket or a tunnel.
#pragma once

#include <memory>
#include <string>

#include "core/log.h"
#include "core/secret.h"
#include "store/key_value.h"

namespace gatehouse::store {

inline constexpr std::size_t kRedisConnectionsMax = 16;
inline constexpr std::size_t kRedisQueueMax = 4096;     // questions that wait for one connection; more are Fault::limited
inline constexpr std::size_t kRedisReplyMax = 1024 * 1024;

struct RedisOptions {
  std::string host = "127.0.0.1";     // or "/path" of a Unix socket
  int port = 6379;
  int database = 0;
  std::string user;                   // with a password; empty: the default user
  Secret password;
  std::size_t connections = 2;
  Millis timeout{100};                // of a question, waiting included; and of connecting
  Millis pause_min{100}, pause_max{5000};   // before connecting again
};

// "redis://host[:port][/database]" or "unix:///path".
Result<RedisOptions> parse_redis_url(std::string_view url);

// Connects in the background: what is not there yet answers Fault::upstream.
std::unique_ptr<KeyValue> redis_key_value(RedisOptions options, Log log);

}  // namespace gatehouse::store
