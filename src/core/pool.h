// Threads for work that would block or burn an I/O loop: SQL, password hashing, DNS, files.
// Bounded: when `queue_max` jobs wait, the next one fails with Fault::limited instead of growing memory.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/task.h"

namespace gatehouse {

class Pool {
 public:
  Pool(std::string name, std::size_t threads, std::size_t queue_max);
  ~Pool();  // runs what is queued, then joins
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  // Runs `job` on a thread of the pool; the coroutine goes on where it was.
  // (A job's result is handed over by reference captured in the job: the caller waits, so it lives.)
  Task<void> run(std::move_only_function<void()> job);
  // Runs `job` on a thread and tells nobody. False when the queue is full.
  bool post(std::move_only_function<void()> job);
  // For the end of a program, when the loops have ended but are still there: takes no more, drops what waits (with the coroutines
  // that wait for it) and comes back when what runs has ended. A job that ended later would report to a loop that is gone.
  void end();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace gatehouse
