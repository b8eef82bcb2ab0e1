#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <mutex>
#include <thread>

#include "net/server.h"

namespace gatehouse::net {
namespace {

namespace asio = boost::asio;
constexpr std::chrono::milliseconds kPoll{10};        // how often a stop looks whether all is quiet
constexpr std::chrono::milliseconds kAfterGrace{500}; // from the end of the grace to the end of the loop

// One thread, one loop. shut() ends what still waits on it: coroutines are destroyed while the services that they
// refer to still live.
class Loop : public asio::io_context {
 public:
  Loop() : asio::io_context(1), work(asio::make_work_guard(get_executor())) {}
  void shut() { asio::execution_context::shutdown(); }
  asio::executor_work_guard<executor_type> work;
};

}  // namespace

struct Runtime::State {
  std::vector<std::unique_ptr<Loop>> loops;
  std::vector<std::thread> threads;
  std::mutex mutex;
  std::vector<std::weak_ptr<Guest>> guests;
  bool stopping = false, joined = false;
  std::unique_ptr<asio::steady_timer> poll;
  std::chrono::steady_clock::time_point give_up;

  bool quiet() {
    const std::lock_guard lock(mutex);
    return std::ranges::all_of(guests, [](const auto& weak) {
      const auto guest = weak.lock();
      return !guest || guest->gone();
    });
  }

  // Runs on loop 0 until everybody has gone or the time is over, then ends the loops.
  void watch() {
    if (quiet() || std::chrono::steady_clock::now() >= give_up) {
      for (auto& loop : loops) loop->stop();
      return;
    }
    poll->expires_after(kPoll);
    poll->async_wait([this](boost::system::error_code error) {
      if (!error) watch();
    });
  }
};

// Those that this process may run on (taskset, a container's cpuset), not those that the machine has.
static std::size_t usable_cores() {
  cpu_set_t set;
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return std::max(1U, std::thread::hardware_concurrency());
  return std::max(1, CPU_COUNT(&set));
}

Runtime::Runtime(std::size_t loops) : state_(std::make_unique<State>()) {
  // A peer that goes away while OpenSSL writes to it is an error of that write, not the end of the program.
  std::signal(SIGPIPE, SIG_IGN);
  if (loops == 0) loops = usable_cores();
  for (std::size_t i = 0; i < loops; ++i) state_->loops.push_back(std::make_unique<Loop>());
  state_->poll = std::make_unique<asio::steady_timer>(*state_->loops.front());
}

Runtime::~Runtime() {
  stop();
  join();
}

std::size_t Runtime::size() const { return state_->loops.size(); }
Executor Runtime::loop(std::size_t index) const { return state_->loops.at(index)->get_executor(); }

void Runtime::start() {
  for (std::size_t i = state_->threads.size(); i < state_->loops.size(); ++i) {
    state_->threads.emplace_back([loop = state_->loops[i].get()] { loop->run(); });
    ::pthread_setname_np(state_->threads.back().native_handle(), ("loop-" + std::to_string(i)).c_str());
  }
}

void Runtime::attend(std::weak_ptr<Guest> guest) {
  const std::lock_guard lock(state_->mutex);
  state_->guests.push_back(std::move(guest));
}

void Runtime::stop(std::optional<Farewell> farewell) {
  std::chrono::milliseconds grace = farewell ? farewell->grace : std::chrono::milliseconds(0);
  {
    const std::lock_guard lock(state_->mutex);
    if (std::exchange(state_->stopping, true)) return;
    for (const auto& weak : state_->guests)
      if (const auto guest = weak.lock()) {
        guest->leave(farewell);
        if (!farewell) grace = std::max(grace, guest->grace());
      }
  }
  state_->give_up = std::chrono::steady_clock::now() + grace + kAfterGrace;
  asio::post(*state_->loops.front(), [state = state_.get()] { state->watch(); });
}

void Runtime::join(const std::function<void()>& before) {
  for (auto& thread : state_->threads)
    if (thread.joinable()) thread.join();
  if (std::exchange(state_->joined, true)) return;
  if (before) before();
  for (auto& loop : state_->loops) loop->shut();
}

}  // namespace gatehouse::net
