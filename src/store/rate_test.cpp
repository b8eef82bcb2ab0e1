// What a limit promises, moment by moment.
#include "store/rate.h"

#include <gtest/gtest.h>

namespace gatehouse::store {
namespace {

struct RateTest : testing::Test {
  ManualClock clock{Timestamp(Millis(1'700'000'040'000))};   // a whole minute
  RateState state;
  int pass(const Rate& rate, int tries) {
    int passed = 0;
    for (int i = 0; i < tries; ++i) passed += take(rate, state, clock.now()).allowed ? 1 : 0;
    return passed;
  }
};
const Rate kBucket{Rate::Way::bucket, 10, Seconds(1), 5};
const Rate kWindow{Rate::Way::window, 10, Seconds(60), 0};

TEST_F(RateTest, a_bucket_lets_its_burst_pass_and_then_one_per_interval) {
  EXPECT_EQ(pass(kBucket, 20), 5);
  clock.advance(Millis(99));
  EXPECT_EQ(pass(kBucket, 20), 0);
  clock.advance(Millis(1));
  EXPECT_EQ(pass(kBucket, 20), 1);
  clock.advance(Millis(10'000));
  EXPECT_EQ(pass(kBucket, 20), 5);   // never more than the burst
}

TEST_F(RateTest, what_is_told_is_true) {
  for (const auto& rate : {kBucket, kWindow, Rate{Rate::Way::window, 3, Seconds(7), 0}, Rate{Rate::Way::bucket, 3, Seconds(7), 3}}) {
    state = RateState();
    for (int i = 0; i < 500; ++i) {
      const auto taken = take(rate, state, clock.now());
      auto later = state;
      if (taken.allowed) {
        for (int more = 0; more < taken.remaining; ++more) ASSERT_TRUE(take(rate, later, clock.now()).allowed) << i;
        ASSERT_FALSE(take(rate, later, clock.now()).allowed) << i;
        clock.advance(Millis(i * 37 % 400));
        continue;
      }
      if (taken.retry_after > Millis(2)) ASSERT_FALSE(take(rate, later, clock.now() + taken.retry_after - Millis(2)).allowed) << i;
      later = state;
      ASSERT_TRUE(take(rate, later, clock.now() + taken.retry_after + Millis(1)).allowed) << i;
      ASSERT_EQ(debt_ns(rate, state, clock.now() + taken.reset), 0) << i;
      clock.advance(taken.retry_after / 2 + Millis(1));
    }
  }
}

TEST_F(RateTest, a_window_counts_across_its_edge) {
  clock.advance(Seconds(59));
  EXPECT_EQ(pass(kWindow, 20), 10);
  clock.advance(Seconds(1));   // a fixed window would let ten more pass here
  EXPECT_EQ(pass(kWindow, 20), 0);
  clock.advance(Seconds(30));
  EXPECT_EQ(pass(kWindow, 20), 5);
  clock.advance(Seconds(120));
  EXPECT_EQ(pass(kWindow, 20), 10);
}

TEST_F(RateTest, a_clock_set_back_locks_nobody_out) {
  EXPECT_EQ(pass(kBucket, 5), 5);
  clock.advance(-Seconds(86'400));
  EXPECT_EQ(pass(kBucket, 1), 0);
  clock.advance(Millis(500));
  EXPECT_GT(pass(kBucket, 10), 0);
}

TEST_F(RateTest, numbers_that_would_overflow_are_refused) {
  EXPECT_TRUE(validate(kBucket));
  EXPECT_TRUE(validate(kWindow));
  EXPECT_FALSE(validate({Rate::Way::bucket, 0, Seconds(1), 1}));
  EXPECT_FALSE(validate({Rate::Way::bucket, 1, Seconds(86'400), 1'000'000}));
  EXPECT_FALSE(validate({Rate::Way::bucket, 1, Seconds(0), 1}));
  EXPECT_FALSE(validate({Rate::Way::window, 2'000'000, Seconds(1), 0}));
}

}  // namespace
}  // namespace gatehouse::store
