#include "core/single_flight.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "core/spawn.h"

namespace gatehouse {
namespace {

boost::asio::awaitable<void> look_up(SingleFlight& flight, int& value, int& runs, int& answered) {
  while (value == 0) {
    auto lease = co_await flight.enter();
    if (!lease) continue;
    if (value != 0) break;
    ++runs;
    for (int i = 0; i < 5; ++i) co_await boost::asio::post(boost::asio::use_awaitable);
    value = 42;
  }
  ++answered;
}

TEST(SingleFlight, many_callers_share_one_run) {
  boost::asio::io_context loop(1);
  SingleFlight flight;
  int value = 0, runs = 0, answered = 0;
  for (int i = 0; i < 20; ++i) spawn(loop.get_executor(), look_up(flight, value, runs, answered));
  loop.run();
  EXPECT_EQ(runs, 1);
  EXPECT_EQ(answered, 20);
}

TEST(SingleFlight, who_does_not_want_to_wait_is_told_that_somebody_is_at_work) {
  SingleFlight flight;
  auto lease = flight.try_enter();
  EXPECT_TRUE(lease);
  EXPECT_FALSE(flight.try_enter());
  lease = SingleFlight::Lease();
  EXPECT_TRUE(flight.try_enter());
}

boost::asio::awaitable<void> wait_for(SingleFlight& flight, std::chrono::milliseconds patience, int& empty) {
  const auto lease = co_await flight.enter(patience);
  if (!lease) ++empty;
}

TEST(SingleFlight, patience_ends_before_the_run_does) {
  boost::asio::io_context loop(1);
  SingleFlight flight;
  auto lease = flight.try_enter();
  int empty = 0;
  for (int i = 0; i < 3; ++i) spawn(loop.get_executor(), wait_for(flight, std::chrono::milliseconds(1), empty));
  loop.run();   // returns although nobody has left
  EXPECT_EQ(empty, 3);
  lease = SingleFlight::Lease();   // and whoever has gone is not woken
  EXPECT_TRUE(flight.try_enter());
}

TEST(SingleFlight, the_patient_hear_of_the_end) {
  boost::asio::io_context loop(1);
  SingleFlight flight;
  auto lease = flight.try_enter();
  int empty = 0;
  for (int i = 0; i < 3; ++i) spawn(loop.get_executor(), wait_for(flight, std::chrono::hours(1), empty));
  boost::asio::post(loop, [&] { lease = SingleFlight::Lease(); });
  loop.run();
  EXPECT_EQ(empty, 3);
}

}  // namespace
}  // namespace gatehouse
