// The table keeps its promise when somebody fills it, and from many threads.
#include "gateway/stages/limit_table.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace gatehouse::gateway {
namespace {

const store::Rate kBucket{store::Rate::Way::bucket, 10, Seconds(100), 10};
const store::Rate kWindow{store::Rate::Way::window, 10, Seconds(100), 0};

LimitKey key_of(std::uint64_t number) {
  return crypto::SipHash({1, 2}).add({reinterpret_cast<const char*>(&number), sizeof number}).finish();
}

TEST(LimitTable, keys_are_counted_by_themselves) {
  ManualClock clock;
  LimitTable table(kBucket, kLimitKeys);
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(table.take(key_of(1), clock.now()).allowed);
  EXPECT_FALSE(table.take(key_of(1), clock.now()).allowed);
  EXPECT_TRUE(table.take(key_of(2), clock.now()).allowed);
}

// An attacker who can make up keys (addresses of a network, values of a header) floods the table to be forgotten.
TEST(LimitTable, a_flood_of_made_up_keys_resets_nobody) {
  for (const auto& rate : {kBucket, kWindow}) {
    ManualClock clock;
    LimitTable table(rate, 64);
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(table.take(key_of(1), clock.now()).allowed);
    int passed = 0;
    for (std::uint64_t made_up = 100; made_up < 20'000; ++made_up) {
      table.take(key_of(made_up), clock.now());
      passed += table.take(key_of(1), clock.now()).allowed ? 1 : 0;
    }
    EXPECT_EQ(passed, 0);
  }
}

// What a whole flood gets through is bounded by the table, not by how many keys were made up.
TEST(LimitTable, a_flood_passes_as_often_as_the_table_has_room_for) {
  ManualClock clock;
  LimitTable table(kBucket, 64);
  int passed = 0;
  for (std::uint64_t made_up = 0; made_up < 50'000; ++made_up) passed += table.take(key_of(made_up), clock.now()).allowed ? 1 : 0;
  EXPECT_LE(passed, 64 * 10);
}

TEST(LimitTable, what_was_paid_off_makes_room_for_free) {
  ManualClock clock;
  LimitTable table(kBucket, 64);
  for (std::uint64_t i = 0; i < 5'000; ++i) table.take(key_of(i), clock.now());
  clock.advance(Seconds(100));
  EXPECT_EQ(table.take(key_of(9'999), clock.now()).remaining, 9);
}

TEST(LimitTable, many_threads_together_get_what_one_would) {
  ManualClock clock;
  LimitTable table({store::Rate::Way::bucket, 1000, Seconds(3600), 1000}, kLimitKeys);
  std::atomic<int> passed = 0;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t)
      threads.emplace_back([&] {
        for (int i = 0; i < 2000; ++i) passed += table.take(key_of(7), clock.now()).allowed ? 1 : 0;
      });
  }
  EXPECT_EQ(passed, 1000);
}

TEST(InFlightTable, counts_up_and_down) {
  InFlightTable table(2);
  EXPECT_TRUE(table.enter(key_of(1)));
  EXPECT_TRUE(table.enter(key_of(1)));
  EXPECT_FALSE(table.enter(key_of(1)));
  EXPECT_TRUE(table.enter(key_of(2)));
  table.leave(key_of(1));
  EXPECT_TRUE(table.enter(key_of(1)));
  EXPECT_FALSE(table.enter(key_of(1)));
}

TEST(InFlightTable, is_exact_while_keys_come_and_go) {
  InFlightTable table(1);
  std::vector<bool> in(20'000);
  std::uint64_t chance = 1;
  for (int step = 0; step < 400'000; ++step) {
    chance = chance * 6364136223846793005u + 1442695040888963407u;
    const auto key = (chance >> 33) % in.size();
    if (in[key]) {
      ASSERT_FALSE(table.enter(key_of(key)));
      table.leave(key_of(key));
    } else {
      ASSERT_TRUE(table.enter(key_of(key)));
    }
    in[key] = !in[key];
  }
}

TEST(InFlightTable, more_keys_than_it_has_room_for_are_refused) {
  InFlightTable table(1);
  std::vector<std::uint64_t> in;
  for (std::uint64_t key = 0; key < 100'000; ++key)
    if (table.enter(key_of(key))) in.push_back(key);
  EXPECT_GT(in.size(), 40'000u);
  EXPECT_LE(in.size(), 64u * 768u);
  for (const auto key : in) table.leave(key_of(key));
  EXPECT_TRUE(table.enter(key_of(99'999)));
}

}  // namespace
}  // namespace gatehouse::gateway
