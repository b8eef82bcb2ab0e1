// Active health checks: what one check asks, and when its answers make a target sick or well again. Knows neither pools
// nor when a check is due. A check carries nothing of any client: no identity, no credentials, no forwarded address.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "core/task.h"
#include "gateway/pool_config.h"
#include "net/client.h"

namespace gatehouse::gateway {

inline constexpr std::size_t kHealthBodyMax = 16 * 1024;  // of an answer to a gRPC check

// A target begins well: that the gateway starts is no sign of sickness behind it.
class Health {
 public:
  enum class Change : std::uint8_t { none, fell_sick, is_well };
  // Any thread.
  bool is_sick() const { return sick_.load(std::memory_order_relaxed); }
  std::uint64_t passed() const { return passed_.load(std::memory_order_relaxed); }
  std::uint64_t failed() const { return failed_.load(std::memory_order_relaxed); }
  // One at a time.
  Change learn(const HealthCheck& check, bool passes);

 private:
  std::atomic<bool> sick_{false};
  std::atomic<std::uint64_t> passed_{0}, failed_{0};
  int row_ = 0;  // answers in a row that speak against what it is held to be
};

// Done by the deadline of the check, whatever the target does. `through` must outlive it. An error says why the check
// was not passed; Fault::limited, that it could not be made.
Task<void> ask_health(net::Upstream& through, HealthCheck check, std::string authority);

// The message of grpc.health.v1.Health/Check, framed, and whether the answer says SERVING.
std::string grpc_health_request(std::string service);
bool grpc_health_serves(std::string_view body);

}  // namespace gatehouse::gateway
