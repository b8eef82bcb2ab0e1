// Expired rows go, a few at a time, on a thread of its own, as long as it lives.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "core/clock.h"
#include "core/log.h"
#include "store/database.h"

namespace gatehouse::app {

inline constexpr Seconds kSweepEvery{60};

class Janitor {
 public:
  Janitor(store::Database& database, const Clock& clock, Log log, std::vector<store::Sweep> sweeps);
  ~Janitor();

 private:
  void work(const std::stop_token& stop);
  void sweep_all(const std::stop_token& stop);

  store::Database& database_;
  const Clock& clock_;
  Log log_;
  std::vector<store::Sweep> sweeps_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::jthread thread_;
};

}  // namespace gatehouse::app
