#include "app/janitor.h"

#include "core/spawn.h"

namespace gatehouse::app {

Janitor::Janitor(store::Database& database, const Clock& clock, Log log, std::vector<store::Sweep> sweeps)
    : database_(database), clock_(clock), log_(std::move(log)), sweeps_(std::move(sweeps)), thread_([this](const std::stop_token& stop) { work(stop); }) {}

Janitor::~Janitor() {
  thread_.request_stop();
  thread_.join();
}

void Janitor::work(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    {
      std::unique_lock lock(mutex_);
      wake_.wait_for(lock, stop, kSweepEvery, [] { return false; });
    }
    sweep_all(stop);
  }
}

void Janitor::sweep_all(const std::stop_token& stop) {
  for (const auto& what : sweeps_) {
    if (stop.stop_requested()) return;
    const auto gone = run(store::sweep(database_, what, clock_.now()));
    if (!gone) log_.warn("sweep.failed", {{"table", what.table}, {"why", gone.error().message()}});
    else if (*gone > 0) log_.debug("sweep.done", {{"table", what.table}, {"rows", *gone}});
  }
}

}  // namespace gatehouse::app
