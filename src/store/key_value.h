// Small facts that several gateways share and that may be lost: counters of limits, marks of what was seen. Not for
// anything that must last: that is database.h. Implemented by Redis (redis.h) and in memory.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "core/clock.h"
#include "core/task.h"
#include "store/rate.h"

namespace gatehouse::store {

inline constexpr std::size_t kKeyMax = 512;                  // bytes
inline constexpr std::size_t kSharedValueMax = 512 * 1024;   // bytes

// Every call ends within the driver's timeout. Fault::upstream: it is not there (at once while it is known to be down);
// Fault::limited: too many questions wait. Any thread; the coroutine goes on where it was.
class KeyValue {
 public:
  virtual ~KeyValue() = default;
  virtual Task<std::optional<std::string>> get(std::string key) = 0;
  virtual Task<void> put(std::string key, std::string value, Millis life) = 0;
  // True for the first who adds it within its life: for what may happen once (nonces, proofs).
  virtual Task<bool> add(std::string key, std::string value, Millis life) = 0;
  virtual Task<void> remove(std::string key) = 0;
  // store::take, as one step of all who share it, by the store's own clock.
  virtual Task<Taken> take(std::string key, Rate rate) = 0;
};

// For one process and for tests: bounded; a full one forgets what ends first.
std::unique_ptr<KeyValue> memory_key_value(const Clock& clock);

}  // namespace gatehouse::store
