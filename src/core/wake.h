// Waiting for somebody else on the same loop, or for a time to pass.
#pragma once

#include <chrono>
#include <memory>

#include "core/task.h"

namespace gatehouse {

// At most one coroutine waits at a time; it asks its question again after every return, which may come without a reason.
//   while (!there && not_too_late()) co_await wake.until(deadline);
class Wake {
 public:
  explicit Wake(const Executor& loop);
  ~Wake();
  Wake(const Wake&) = delete;
  Wake& operator=(const Wake&) = delete;

  boost::asio::awaitable<void> until(std::chrono::steady_clock::time_point time);
  boost::asio::awaitable<void> after(std::chrono::milliseconds time);
  void wake();

 private:
  struct Timer;
  std::unique_ptr<Timer> timer_;
};

}  // namespace gatehouse
