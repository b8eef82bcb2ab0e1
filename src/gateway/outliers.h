// What requests have met at one target, and whether the rules say that it should be left alone. Counted with atomics
// only; what happens in the same instant on two threads may be counted a little early or late, never lost for good.
#pragma once

#include <atomic>
#include <cstdint>

#include "core/clock.h"
#include "gateway/pool_config.h"

namespace gatehouse::gateway {

class Record {
 public:
  // Each true: it has now broken the rules, and is counted anew.
  bool answered(const EjectionRules& rules, int status, const Clock& clock);
  bool failed(const EjectionRules& rules, const Clock& clock);

  // How long it is put out when the rules are broken at `now`: twice as long as the last time, unless it has behaved
  // for as long as the longest time since. Not from two threads at once.
  std::int64_t sentence(const EjectionRules& rules, std::int64_t now);

 private:
  bool judge(const EjectionRules& rules, bool bad, const Clock& clock);
  void begin_anew();

  std::atomic<int> failures_{0}, gateway_errors_{0};  // in a row
  std::atomic<std::int64_t> window_{0};               // when it began
  std::atomic<std::uint32_t> seen_{0}, bad_{0};       // in this window
  std::int64_t out_until_ = 0, last_ = 0;             // of the last sentence
};

}  // namespace gatehouse::gateway
