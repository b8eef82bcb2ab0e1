// Where coroutines leave their work for the driver's threads, and wait. Knows neither SQLite nor PostgreSQL.
// Two lanes, reads and writes, each bounded: beyond it the answer is Fault::limited instead of growing memory.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <span>
#include <vector>

#include "store/database.h"

namespace gatehouse::store {

enum class Access { read, write };

// Lives in the frame of the coroutine that waits for it, from run() until finish().
struct Job {
  Unit unit;  // of a read: one statement
  Access access = Access::read;
  Result<std::vector<Done>> result = {};
  std::chrono::steady_clock::time_point since = {};
  int attempts = 0;
  std::move_only_function<void()> resume = {};
};

// The coroutine goes on where it was. Afterwards the job may be gone: do not touch it.
void finish(Job& job);
void finish(std::span<Job* const> jobs);
void fail(std::span<Job* const> jobs, const Error& error);  // every one, whatever its result was

// Nothing if exactly the expected number of rows came; `count` is affected rows, or returned ones for a select.
std::optional<Error> unmet(const Statement& statement, std::int64_t count);

class Inbox {
 public:
  enum class Takers {
    per_lane,  // threads that take() from one lane each
    any_lane,  // threads that take_any()
  };
  Inbox(std::size_t lane_max, Takers takers) : lane_max_(lane_max), takers_(takers) {}
  ~Inbox();

  // Fault::limited when the lane is full, Fault::invalid when a text is not UTF-8 or holds a NUL.
  Task<std::vector<Done>> run(Unit unit, Access access);

  // Blocks until there is work and moves at most `max` jobs into `into`. False after stop() when nothing is left.
  bool take(Access lane, std::size_t max, std::vector<Job*>& into);
  // The same from the lane whose first job waits longer. Of n reads at most n / takers (but one), so that idle threads get
  // their share.
  struct Limits {
    std::size_t reads, writes, takers;
  };
  bool take_any(Limits limits, std::vector<Job*>& into);

  void put_back(std::span<Job* const> jobs);                                       // to the front
  std::vector<Job*> take_older(std::chrono::steady_clock::time_point than);        // from both lanes
  bool sleep(std::chrono::milliseconds time);                                      // false when stopping
  bool stopping();
  void stop();

 private:
  using Lane = std::deque<Job*>;
  bool push(Job& job);
  Lane& lane(Access access) { return lanes_[static_cast<std::size_t>(access)]; }
  std::condition_variable& ready(Access access) {
    return ready_[takers_ == Takers::any_lane ? 0 : static_cast<std::size_t>(access)];
  }

  const std::size_t lane_max_;
  const Takers takers_;
  std::mutex mutex_;
  std::array<std::condition_variable, 2> ready_;
  std::condition_variable stopped_;
  std::array<Lane, 2> lanes_;
  bool stopping_ = false;
  std::atomic<int> passing_ = 0;  // callers within push()
};

}  // namespace gatehouse::store
