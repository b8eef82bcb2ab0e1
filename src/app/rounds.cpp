#include "app/rounds.h"

#include <atomic>

#include "core/spawn.h"

namespace gatehouse::app {

struct Rounds::State {
  Work work;
  std::atomic<bool> busy{false};
};

namespace {

template <class State>
boost::asio::awaitable<void> go(std::shared_ptr<State> state) {
  co_await state->work();
  state->busy = false;
}

}  // namespace

Rounds::Rounds(Executor loop, std::chrono::milliseconds every, Work work)
    : loop_(std::move(loop)),
      state_(std::make_shared<State>(std::move(work))),
      thread_([this, every](const std::stop_token& stop) { wait(stop, every); }) {}

Rounds::~Rounds() {
  thread_.request_stop();
  thread_.join();
}

void Rounds::wait(const std::stop_token& stop, std::chrono::milliseconds every) {
  while (!stop.stop_requested()) {
    {
      std::unique_lock lock(mutex_);
      wake_.wait_for(lock, stop, every, [] { return false; });
    }
    if (!stop.stop_requested() && !state_->busy.exchange(true)) spawn(loop_, go(state_));
  }
}

}  // namespace gatehouse::app
