#include "gateway/care.h"

#include <functional>
#include <vector>

#include "core/spawn.h"
#include "core/task.h"

namespace gatehouse::gateway {

namespace {

// Gives its place back when it dies, also with a loop that is torn down.
class Busy {
 public:
  explicit Busy(std::shared_ptr<std::atomic<std::size_t>> count) : count_(std::move(count)) { ++*count_; }
  ~Busy() { --*count_; }
  Busy(const Busy&) = delete;
  Busy& operator=(const Busy&) = delete;

 private:
  std::shared_ptr<std::atomic<std::size_t>> count_;
};

// Says what came of it when it dies, whatever happened: a check that was given up must not keep the next one from
// coming.
class Outcome {
 public:
  using Tell = std::function<void(const Result<std::vector<std::string>>&)>;
  explicit Outcome(Tell tell) : tell_(std::move(tell)) {}
  ~Outcome() { tell_(value); }
  Outcome(const Outcome&) = delete;
  Outcome& operator=(const Outcome&) = delete;
  Result<std::vector<std::string>> value = failure(Fault::limited, "it was given up");

 private:
  Tell tell_;
};

boost::asio::awaitable<void> check(std::shared_ptr<UpstreamPool> pool, std::shared_ptr<Target> target,
                                   std::shared_ptr<Busy>) {
  Outcome outcome([&](const auto& came) {
    pool->checked(*target, came ? Result<void>() : Result<void>(std::unexpected(came.error())));
  });
  const auto passed = co_await ask_health(target->probe(), pool->config().health, target->authority());
  if (passed) outcome.value.emplace();
  else outcome.value = std::unexpected(passed.error());
}

boost::asio::awaitable<void> look_up(std::shared_ptr<UpstreamPool> pool, UpstreamPool::Name name,
                                     net::Resolver* resolver, std::shared_ptr<Busy>) {
  Outcome outcome([&](const auto& came) { pool->looked_up(name.written, came); });
  outcome.value = co_await resolver->resolve_anew(name.host);
}

}  // namespace

boost::asio::awaitable<void> UpstreamCare::round(std::shared_ptr<const Snapshot> snapshot) {
  const auto loop = co_await boost::asio::this_coro::executor;
  for (const auto& [name, pool] : snapshot->pools()) {
    if (!pool->needs_care()) continue;
    pool->tidy();
    const auto busy = checks_->load();
    if (busy < kChecksAtOnceMax)
      for (auto& target : pool->due_checks(kChecksAtOnceMax - busy))
        spawn(loop, check(pool, std::move(target), std::make_shared<Busy>(checks_)));
    if (look_ups_->load() < kLookUpsAtOnceMax)
      for (auto& due : pool->due_names())
        spawn(loop, look_up(pool, std::move(due), &resolver_, std::make_shared<Busy>(look_ups_)));
  }
}

}  // namespace gatehouse::gateway
