// Lets something be done on a loop again and again. The time between is waited for outside the loop, so that a loop
// which has nothing else to do can end.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "core/task.h"

namespace gatehouse::app {

class Rounds {
 public:
  using Work = std::function<boost::asio::awaitable<void>()>;
  // A round that takes longer than `every` is not overtaken. What `work` refers to must outlive the loop.
  Rounds(Executor loop, std::chrono::milliseconds every, Work work);
  ~Rounds();

 private:
  struct State;
  void wait(const std::stop_token& stop, std::chrono::milliseconds every);

  Executor loop_;
  std::shared_ptr<State> state_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::jthread thread_;
};

}  // namespace gatehouse::app
