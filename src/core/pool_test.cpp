// Pools: work leaves the loop and comes back to it; a full queue is an answer, not a memory leak.
#include "core/pool.h"

#include <gtest/gtest.h>

#include <latch>
#include <thread>

#include "core/spawn.h"

namespace gatehouse {
namespace {

TEST(PoolSpec, runs_elsewhere_and_comes_back) {
  Pool pool("test", 2, 8);
  const auto here = std::this_thread::get_id();
  std::thread::id worker;
  std::thread::id after;
  auto work = [&]() -> Task<void> {
    auto job = [&worker] { worker = std::this_thread::get_id(); };
    GH_CO_DO(co_await pool.run(job));
    after = std::this_thread::get_id();
    co_return Result<void>();
  };
  ASSERT_TRUE(run(work()));
  EXPECT_NE(worker, here);
  EXPECT_EQ(after, here);
}

TEST(PoolSpec, says_that_it_is_full) {
  std::latch begun(1), held(1);
  Pool pool("test", 1, 1);
  ASSERT_TRUE(pool.post([&] {
    begun.count_down();
    held.wait();
  }));
  begun.wait();  // it runs and waits no more in the queue, whose one place is free now
  ASSERT_TRUE(pool.post([] {}));
  const auto refused = run(pool.run([] {}));
  held.count_down();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().fault(), Fault::limited);
}

TEST(PoolSpec, finishes_what_it_took) {
  std::atomic<int> done = 0;
  {
    Pool pool("test", 2, 100);
    for (int i = 0; i < 100; ++i) ASSERT_TRUE(pool.post([&done] { ++done; }));
  }
  EXPECT_EQ(done, 100);
}

TEST(PoolSpec, ends_with_what_runs_and_drops_what_waits) {
  std::latch begun(1);
  std::atomic<bool> ran = false;
  auto held = std::make_shared<int>(1);
  const std::weak_ptr<int> alive = held;
  Pool pool("test", 1, 8);
  ASSERT_TRUE(pool.post([&] {
    begun.count_down();
    ran = true;
  }));
  begun.wait();
  ASSERT_TRUE(pool.post([held = std::move(held)] { (void)held; }));
  pool.end();
  EXPECT_TRUE(ran);
  EXPECT_EQ(alive.expired(), true);  // run or dropped: nothing of it is left
  EXPECT_FALSE(pool.post([] {}));
}

}  // namespace
}  // namespace gatehouse
