// When a request of a route is sent again, and how long it may take in all: an administrator's rules, and what follows
// from them. Pure: the machine that tries is attempt.h.
#pragma once

#include <bitset>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "net/message.h"

namespace gatehouse::gateway {

inline constexpr int kAttemptsMax = 10;                    // of one request
inline constexpr std::size_t kHeldBodyMax = 1024 * 1024;   // RetryRules::body_max at most
inline constexpr std::chrono::seconds kRetryAfterMax{10};  // waited for when the route has no total deadline

using MethodSet = std::bitset<16>;  // of net::Method
MethodSet idempotent_methods();     // RFC 9110 §9.2.2
inline bool contains(const MethodSet& methods, net::Method method) {
  return methods.test(static_cast<std::size_t>(method));
}

// Why a try came to nothing.
struct Setback {
  enum class Kind : std::uint8_t { connect, reset, timeout, status, grpc_status };
  Kind kind = Kind::connect;
  int status = 0;          // of the answer, by HTTP or by gRPC
  bool untouched = false;  // nobody can have done anything with the request: it may be sent again whatever its method
};

struct RetryRules {
  int attempts = 2;  // how often a request is sent at most, the first time included
  bool on_connect = true, on_reset = true, on_timeout = false;
  std::vector<int> statuses, grpc_statuses;  // answers that are as good as none
  MethodSet methods = idempotent_methods();  // those that may be carried out twice
  std::size_t body_max = 64 * 1024;          // a body that is not larger is held, so that it can be sent again
  std::chrono::milliseconds backoff{25},
      backoff_max{1000};  // before a target is asked again; doubles each time, with jitter

  bool covers(const Setback& setback, net::Method method) const;
  // Is there any reason to hold the body of such a request?
  bool may_repeat(net::Method method) const { return attempts > 1 && contains(methods, method); }
};

// Zero: none.
struct Timeouts {
  std::chrono::milliseconds total{0};       // until the answer is there to its end, over all tries
  std::chrono::milliseconds per_try{0};     // of one try, from asking for a connection to the head of the answer
  std::chrono::milliseconds first_byte{0};  // from the end of the request to the head of the answer
  std::chrono::milliseconds idle{0};        // between two pieces of the answer
};

// How long to wait before try number `next` (from 2): between half of what doubling gives and all of it. `chance`: any
// number.
std::chrono::milliseconds backoff_of(const RetryRules& rules, int next, std::uint64_t chance);
// RFC 9110 §10.2.3, in seconds; nullopt for anything else.
std::optional<std::chrono::milliseconds> parse_retry_after(std::string_view text);
// The header `grpc-timeout` ("100m", "5S"), https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md; nullopt
// when malformed. Rounded up to milliseconds.
std::optional<std::chrono::milliseconds> parse_grpc_timeout(std::string_view text);

}  // namespace gatehouse::gateway
