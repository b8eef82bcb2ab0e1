#include "store/inbox.h"

#include <algorithm>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <thread>

#include "core/text.h"
#include "store/faults.h"

namespace gatehouse::store {

namespace asio = boost::asio;

namespace {

constexpr std::size_t kStatementsMax = 10'000;  // in one unit

// PostgreSQL stores neither NUL nor broken UTF-8 in a text; what one backend cannot keep, none takes.
Result<void> check(const Unit& unit) {
  if (unit.size() > kStatementsMax) return failure(Fault::limited, "too many statements in one unit");
  for (const auto& statement : unit) {
    for (const auto& param : statement.params) {
      const auto* text = std::get_if<std::string>(&param.value());
      if (text != nullptr && !is_utf8(*text)) return failure(Fault::invalid, "a text is not UTF-8 or holds a NUL");
    }
  }
  return {};
}

std::size_t move_front(std::deque<Job*>& lane, std::size_t max, std::vector<Job*>& into) {
  const auto count = std::min(max, lane.size());
  into.assign(lane.begin(), lane.begin() + static_cast<std::ptrdiff_t>(count));
  lane.erase(lane.begin(), lane.begin() + static_cast<std::ptrdiff_t>(count));
  return count;
}

}  // namespace

void finish(Job& job) {
  auto resume = std::move(job.resume);  // the frame that holds the job may die while this still runs
  resume();
}

void finish(std::span<Job* const> jobs) {
  for (auto* job : jobs) finish(*job);
}

void fail(std::span<Job* const> jobs, const Error& error) {
  for (auto* job : jobs) job->result = std::unexpected(error);
}

std::optional<Error> unmet(const Statement& statement, std::int64_t count) {
  if (!statement.expected || statement.expected->first == count) return std::nullopt;
  return statement.expected->second;
}

Task<std::vector<Done>> Inbox::run(Unit unit, Access access) {
  GH_CO_DO(check(unit));
  Job job;
  job.unit = std::move(unit);
  job.access = access;
  auto start = [](auto handler, Inbox* self, Job* waiting) {
    auto executor = asio::get_associated_executor(handler);
    auto guard = asio::make_work_guard(executor);
    waiting->resume = [executor, guard = std::move(guard), handler = std::move(handler)]() mutable {
      asio::post(executor, std::move(handler));
    };
    if (!self->push(*waiting)) finish(*waiting);
  };
  co_await asio::async_initiate<decltype(asio::use_awaitable), void()>(start, asio::use_awaitable, this, &job);
  co_return std::move(job.result);
}

Inbox::~Inbox() {
  while (passing_ > 0) std::this_thread::yield();  // one that has left its job here may still be on its way out of push()
}

// Wakes after it has let go: a thread that is woken while the lock is held runs into it and sleeps again at once.
bool Inbox::push(Job& job) {
  ++passing_;
  job.since = std::chrono::steady_clock::now();
  bool taken = false;
  const auto access = job.access;  // once in the lane, the job may be gone
  {
    const std::lock_guard lock(mutex_);
    auto& queue = lane(access);
    taken = !stopping_ && queue.size() < lane_max_;
    if (taken) {
      queue.push_back(&job);
    } else {
      job.result = stopping_ ? std::unexpected(away("the program is stopping"))
                             : failure(Fault::limited, "too busy: the queue of the database is full");
    }
  }
  if (taken) ready(access).notify_one();
  --passing_;
  return taken;
}

bool Inbox::take(Access access, std::size_t max, std::vector<Job*>& into) {
  std::unique_lock lock(mutex_);
  auto& queue = lane(access);
  ready(access).wait(lock, [&] { return stopping_ || !queue.empty(); });
  return move_front(queue, max, into) > 0;
}

bool Inbox::take_any(Limits limits, std::vector<Job*>& into) {
  std::unique_lock lock(mutex_);
  auto& reads = lane(Access::read);
  auto& writes = lane(Access::write);
  ready(Access::read).wait(lock, [&] { return stopping_ || !reads.empty() || !writes.empty(); });
  const bool read = !reads.empty() && (writes.empty() || reads.front()->since <= writes.front()->since);
  if (!read) return move_front(writes, limits.writes, into) > 0;
  const auto share = std::max<std::size_t>(1, reads.size() / limits.takers);
  return move_front(reads, std::min(share, limits.reads), into) > 0;
}

void Inbox::put_back(std::span<Job* const> jobs) {
  const std::lock_guard lock(mutex_);
  for (auto it = jobs.rbegin(); it != jobs.rend(); ++it) {
    lane((*it)->access).push_front(*it);
    ready((*it)->access).notify_one();
  }
}

std::vector<Job*> Inbox::take_older(std::chrono::steady_clock::time_point than) {
  const std::lock_guard lock(mutex_);
  std::vector<Job*> old;
  for (auto& queue : lanes_) {
    std::erase_if(queue, [&](Job* job) {
      if (job->since > than) return false;
      old.push_back(job);
      return true;
    });
  }
  return old;
}

bool Inbox::sleep(std::chrono::milliseconds time) {
  std::unique_lock lock(mutex_);
  return !stopped_.wait_for(lock, time, [this] { return stopping_; });
}

bool Inbox::stopping() {
  const std::lock_guard lock(mutex_);
  return stopping_;
}

void Inbox::stop() {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  for (auto& condition : ready_) condition.notify_all();
  stopped_.notify_all();
}

}  // namespace gatehouse::store
