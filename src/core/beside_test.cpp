#include "core/beside.h"

#include <gtest/gtest.h>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "core/spawn.h"

namespace gatehouse {
namespace {

namespace asio = boost::asio;

asio::awaitable<void> turns(int count, int& done) {
  for (int i = 0; i < count; ++i) co_await asio::post(asio::use_awaitable);
  ++done;
}

asio::awaitable<void> sleep_long(int& done) {
  asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::hours(1));
  co_await timer.async_wait(asio::use_awaitable);
  ++done;
}

Task<void> lead_and_follow(int turns_of_leader, int turns_of_other, int& done) {
  co_await run_beside(turns(turns_of_leader, done), turns(turns_of_other, done));
  co_return Result<void>();
}

Task<void> lead_a_sleeper(int& done) {
  co_await run_beside(turns(3, done), sleep_long(done));
  co_return Result<void>();
}

asio::awaitable<void> fail_after_a_turn() {
  co_await asio::post(asio::use_awaitable);
  throw std::runtime_error("gone");
}

Task<std::string> why_it_failed(int& done) {
  try {
    co_await run_beside(sleep_long(done), fail_after_a_turn());
  } catch (const std::exception& error) {
    co_return error.what();
  }
  co_return "nothing";
}

TEST(Beside, the_cause_is_thrown_and_not_the_cancellation_that_it_brings) {
  int done = 0;
  EXPECT_EQ(run(why_it_failed(done)).value_or("error"), "gone");
  EXPECT_EQ(done, 0);
}

TEST(Beside, both_run_to_their_end_when_the_leader_is_slower) {
  int done = 0;
  EXPECT_TRUE(run(lead_and_follow(9, 2, done)));
  EXPECT_EQ(done, 2);
}

TEST(Beside, what_waits_is_cancelled_when_the_leader_has_ended) {
  int done = 0;
  EXPECT_TRUE(run(lead_a_sleeper(done)));
  EXPECT_EQ(done, 1);
}

}  // namespace
}  // namespace gatehouse
