#include "core/pool.h"

#include <pthread.h>

#include <boost/asio/async_result.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

namespace gatehouse {

namespace asio = boost::asio;

struct Pool::State {
  std::string name;
  std::size_t queue_max;
  std::mutex mutex;
  std::condition_variable ready;
  std::deque<std::move_only_function<void()>> queue;
  bool stopping = false;
  std::vector<std::jthread> threads;

  bool push(std::move_only_function<void()>& job) {
    const std::lock_guard lock(mutex);
    if (stopping || queue.size() >= queue_max) return false;
    queue.push_back(std::move(job));
    ready.notify_one();
    return true;
  }

  void work() {
    ::pthread_setname_np(::pthread_self(), name.substr(0, 15).c_str());
    for (;;) {
      std::unique_lock lock(mutex);
      ready.wait(lock, [this] { return stopping || !queue.empty(); });
      if (queue.empty()) return;
      auto job = std::move(queue.front());
      queue.pop_front();
      lock.unlock();
      job();
    }
  }
};

Pool::Pool(std::string name, std::size_t threads, std::size_t queue_max) : state_(std::make_unique<State>()) {
  state_->name = std::move(name);
  state_->queue_max = queue_max;
  for (std::size_t i = 0; i < threads; ++i) state_->threads.emplace_back([state = state_.get()] { state->work(); });
}

Pool::~Pool() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
  }
  state_->ready.notify_all();
}

void Pool::end() {
  std::deque<std::move_only_function<void()>> dropped;   // destroyed last, without the lock: coroutines go with it
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
    dropped.swap(state_->queue);
  }
  state_->ready.notify_all();
  for (auto& thread : state_->threads)
    if (thread.joinable()) thread.join();
}

bool Pool::post(std::move_only_function<void()> job) { return state_->push(job); }

Task<void> Pool::run(std::move_only_function<void()> job) {
  auto start = [this](auto handler, std::move_only_function<void()> work) {
    auto executor = asio::get_associated_executor(handler);
    auto shared = std::make_shared<decltype(handler)>(std::move(handler));  // the job and the refusal path share it
    std::move_only_function<void()> wrapped =
        [shared, executor, guard = asio::make_work_guard(executor), work = std::move(work)]() mutable {
          work();
          asio::post(executor, [shared] { std::move (*shared)(true); });
        };
    if (!state_->push(wrapped)) asio::post(executor, [shared] { std::move (*shared)(false); });
  };
  const bool ran = co_await asio::async_initiate<decltype(asio::use_awaitable), void(bool)>(start, asio::use_awaitable, std::move(job));
  if (!ran) co_return failure(Fault::limited, "too busy: the queue of " + state_->name + " is full");
  co_return Result<void>();
}

}  // namespace gatehouse
