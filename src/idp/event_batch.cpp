#include "idp/event_batch.h"

#include <mutex>

#include "core/spawn.h"

namespace gatehouse::idp {

struct EventBatch::State {
  store::Database& database;
  events::SystemLog& log;
  Log out;
  Executor executor;
  OrgId org;
  std::mutex mutex;
  std::vector<store::Statement> waiting;
  bool writing = false;

  store::Unit take() {
    const std::lock_guard lock(mutex);
    const auto count = std::min(waiting.size(), kBatchMax);
    store::Unit unit(std::make_move_iterator(waiting.begin()), std::make_move_iterator(waiting.begin() + static_cast<std::ptrdiff_t>(count)));
    waiting.erase(waiting.begin(), waiting.begin() + static_cast<std::ptrdiff_t>(count));
    if (unit.empty()) writing = false;
    return unit;
  }

  static boost::asio::awaitable<void> drain(std::shared_ptr<State> self) {
    for (auto unit = self->take(); !unit.empty(); unit = self->take()) {
      const auto count = unit.size();
      auto done = co_await self->database.write(std::move(unit));
      if (!done) self->out.error("idp.events_lost", {{"count", count}, {"why", done.error().message()}});
    }
  }
};

EventBatch::EventBatch(store::Database& database, events::SystemLog& log, Log out, Executor executor, OrgId org)
    : state_(new State{database, log, std::move(out), std::move(executor), std::move(org), {}, {}, false}) {}

Task<void> EventBatch::add(events::Event event) {
  auto statement = state_->log.statement(state_->org, event);
  bool start = false, full = false;
  {
    const std::lock_guard lock(state_->mutex);
    full = state_->waiting.size() >= kWaitingMax;
    if (!full) {
      state_->waiting.push_back(std::move(statement));
      start = !std::exchange(state_->writing, true);
    }
  }
  if (start) spawn(state_->executor, State::drain(state_));
  if (full) {
    store::Unit unit;
    unit.push_back(std::move(statement));
    GH_CO_DO(co_await state_->database.write(std::move(unit)));
  }
  co_return Result<void>();
}

Task<void> EventBatch::settle() {
  for (auto unit = state_->take(); !unit.empty(); unit = state_->take()) {
    GH_CO_DO(co_await state_->database.write(std::move(unit)));
  }
  co_return Result<void>();
}

bool EventBatch::idle() const {
  const std::lock_guard lock(state_->mutex);
  return state_->waiting.empty() && !state_->writing;
}

}  // namespace gatehouse::idp
