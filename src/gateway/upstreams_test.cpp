#include "gateway/upstreams_fixture.h"

#include <atomic>
#include <thread>

namespace gatehouse::gateway {
namespace {

using Shares = std::map<std::string, int>;

TEST_F(Pools, targets_take_turns) {
  const auto pool = make(pool_of(3));
  EXPECT_EQ(shares(*pool, 300), (Shares{{"a", 100}, {"b", 100}, {"c", 100}}));
}

TEST_F(Pools, turns_by_weight_are_exact_and_spread_out) {
  auto config = pool_of(3);
  config.targets[0].weight = 500;
  config.targets[1].weight = 100;
  config.targets[2].weight = 100;
  const auto pool = make(config);
  EXPECT_EQ(shares(*pool, 700), (Shares{{"a", 500}, {"b", 100}, {"c", 100}}));
  std::string in_turn;
  for (int i = 0; i < 14; ++i) in_turn += pool->turn().value()->authority();
  EXPECT_EQ(in_turn.find("aaaaaa"), std::string::npos) << in_turn << " sends a burst to the heavy one";
}

TEST_F(Pools, weights_that_make_a_long_sequence_keep_their_shares) {
  auto config = pool_of(64);
  for (std::size_t i = 0; i < 64; ++i) config.targets[i].weight = i < 32 ? 997 : 499;
  const auto pool = make(config);
  const auto chosen = shares(*pool, 8192);
  EXPECT_NEAR(chosen.at("a") / static_cast<double>(chosen.at(letter(63))), 997.0 / 499, 0.05);
}

TEST_F(Pools, chance_follows_the_weights) {
  auto config = pool_of(3, Balance::random);
  config.targets[1].weight = 2;
  const auto pool = make(config);
  const auto chosen = shares(*pool, 40'000);
  EXPECT_NEAR(chosen.at("a"), 10'000, 400);
  EXPECT_NEAR(chosen.at("b"), 20'000, 500);
  EXPECT_NEAR(chosen.at("c"), 10'000, 400);
}

TEST_F(Pools, of_two_by_chance_the_idle_one_is_asked) {
  const auto pool = make(pool_of(2, Balance::least_requests));
  const std::vector<const Target*> but_a{&*turn_at(*pool, "b")};
  std::vector<Turn> busy;
  for (int i = 0; i < 5; ++i) busy.push_back(pool->turn({.tried = but_a}).value());
  EXPECT_EQ(shares(*pool, 100), (Shares{{"b", 100}}));
  busy.clear();
  const auto chosen = shares(*pool, 1000);
  EXPECT_NEAR(chosen.at("a"), 500, 60) << "a turn that has ended counts no more";
}

TEST_F(Pools, least_requests_keeps_the_loads_together) {
  const auto pool = make(pool_of(10, Balance::least_requests));
  std::vector<Turn> under_way;
  Shares load;
  for (int i = 0; i < 1000; ++i) ++load[under_way.emplace_back(pool->turn().value())->authority()];
  for (const auto& [who, many] : load) EXPECT_NEAR(many, 100, 5) << who;
  EXPECT_EQ(pool->under_way(), 1000);
}

TEST_F(Pools, least_requests_follows_the_weights_idle_or_busy) {
  auto config = pool_of(2, Balance::least_requests);
  config.targets[1].weight = 3;
  const auto pool = make(config);
  EXPECT_NEAR(shares(*pool, 40'000).at("b"), 30'000, 500);
  std::vector<Turn> under_way;
  Shares load;
  for (int i = 0; i < 400; ++i) ++load[under_way.emplace_back(pool->turn().value())->authority()];
  EXPECT_NEAR(load.at("b"), 300, 8);
}

std::map<std::uint64_t, std::string> places_of_keys(UpstreamPool& pool, int keys) {
  std::map<std::uint64_t, std::string> places;
  for (int i = 0; i < keys; ++i) {
    const auto hash = Draws::chance_of(static_cast<std::uint64_t>(i));
    places[hash] = pool.turn({.hash = hash}).value()->authority();
  }
  return places;
}

TEST_F(Pools, a_ring_moves_only_the_keys_of_the_one_that_goes) {
  auto config = pool_of(10, Balance::hash);
  const auto before = places_of_keys(*make(config), 20'000);
  config.targets.erase(config.targets.begin() + 4);  // e
  const auto after = places_of_keys(*make(config), 20'000);
  Shares share;
  int moved = 0, to_others = 0;
  for (const auto& [key, place] : before) {
    ++share[place];
    if (after.at(key) != place) ++moved;
    if (place != "e" && after.at(key) != place) ++to_others;
  }
  EXPECT_EQ(to_others, 0);
  EXPECT_EQ(moved, share.at("e"));
  for (const auto& [who, many] : share) EXPECT_NEAR(many, 2000, 500) << who;
}

TEST_F(Pools, a_ring_moves_the_same_keys_while_one_is_ejected_and_moves_them_back) {
  const auto pool = make(pool_of(5, Balance::hash));
  const auto before = places_of_keys(*pool, 1000);
  std::uint64_t key_of_c = 0;
  for (const auto& [key, place] : before)
    if (place == "c") key_of_c = key;
  for (int i = 0; i < 3; ++i) pool->turn({.hash = key_of_c}).value().failed(Mishap::timeout);
  const auto during = places_of_keys(*pool, 1000);
  for (const auto& [key, place] : before) {
    EXPECT_NE(during.at(key), "c");
    if (place != "c") EXPECT_EQ(during.at(key), place);
  }
  clock.advance(std::chrono::seconds(10));
  EXPECT_EQ(places_of_keys(*pool, 1000), before);
}

TEST_F(Pools, a_bounded_ring_lets_no_key_overrun_its_target) {
  auto config = pool_of(4, Balance::hash);
  config.hash_bound = 125;
  const auto pool = make(config);
  std::vector<Turn> under_way;
  Shares load;
  for (int i = 0; i < 100; ++i) ++load[under_way.emplace_back(pool->turn({.hash = 42}).value())->authority()];
  ASSERT_EQ(load.size(), 4u) << "one key would have gone to one target";
  for (const auto& [who, many] : load) EXPECT_LE(many, 32) << who;
}

TEST_F(Pools, another_key_makes_another_ring) {
  const auto before = places_of_keys(*make(pool_of(10, Balance::hash)), 1000);
  needs.hash.k0 = 99;
  const auto after = places_of_keys(*make(pool_of(10, Balance::hash)), 1000);
  int same = 0;
  for (const auto& [key, place] : before) same += after.at(key) == place ? 1 : 0;
  EXPECT_LT(same, 250) << "whoever knows one gateway's ring knows no other's";
}

TEST_F(Pools, backups_are_asked_when_nobody_else_can_be) {
  auto config = pool_of(3);
  config.targets[2].priority = 1;
  config.limits.requests_per_target = 1;
  const auto pool = make(config);
  EXPECT_EQ(shares(*pool, 10), (Shares{{"a", 5}, {"b", 5}}));
  const auto first = pool->turn().value(), second = pool->turn().value();
  const auto third = pool->turn().value();
  EXPECT_EQ(third->authority(), "c");
  const auto none = pool->turn();
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().fault(), Fault::limited);
}

TEST_F(Pools, who_was_tried_is_asked_again_only_when_nobody_else_is_left) {
  for (const auto balance : {Balance::round_robin, Balance::least_requests, Balance::hash, Balance::random}) {
    const auto pool = make(pool_of(3, balance));
    std::vector<const Target*> tried;
    for (int i = 0; i < 3; ++i) {
      const auto turn = pool->turn({.hash = 7, .tried = tried}).value();
      EXPECT_EQ(std::ranges::find(tried, &*turn), tried.end());
      tried.push_back(&*turn);
    }
    EXPECT_TRUE(pool->turn({.hash = 7, .tried = tried}));
  }
}

TEST_F(Pools, a_pool_takes_no_more_than_it_may) {
  auto config = pool_of(2);
  config.limits.requests = 3;
  const auto pool = make(config);
  std::vector<Turn> under_way;
  for (int i = 0; i < 3; ++i) under_way.push_back(pool->turn().value());
  EXPECT_EQ(pool->turn().error().fault(), Fault::limited);
  EXPECT_EQ(pool->under_way(), 3);
  under_way.pop_back();
  EXPECT_TRUE(pool->turn()) << "and again when one has ended";
}

TEST_F(Pools, a_single_target_can_be_limited_too) {
  auto config = pool_of(1);
  config.limits.requests_per_target = 2;
  const auto pool = make(config);
  const auto one = pool->turn().value(), two = pool->turn().value();
  EXPECT_EQ(pool->turn().error().fault(), Fault::limited);
}

TEST_F(Pools, limits_hold_between_threads) {
  auto config = pool_of(2);
  config.limits.requests_per_target = 3;
  const auto pool = make(config);
  std::atomic<int> most = 0, taken = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 5000; ++i) {
        std::vector<Turn> turns;
        for (int n = 0; n < 3; ++n)
          if (auto turn = pool->turn()) turns.push_back(*std::move(turn));
        taken += static_cast<int>(turns.size());
        const auto now = static_cast<int>(pool->under_way());
        for (auto seen = most.load(); now > seen && !most.compare_exchange_weak(seen, now);) {
        }
      }
    });
  for (auto& thread : threads) thread.join();
  EXPECT_GT(taken, 0);
  EXPECT_LE(most, 6 + 4) << "a step back may be seen before it is taken";
  EXPECT_EQ(pool->under_way(), 0);
}

TEST_F(Pools, a_turn_is_counted_once_wherever_it_is_moved) {
  const auto pool = make(pool_of(2));
  auto turn = pool->turn().value();
  auto other = std::move(turn);
  EXPECT_EQ(pool->under_way(), 1);
  other = pool->turn().value();
  EXPECT_EQ(pool->under_way(), 1) << "the next try replaces the last one";
  other = Turn();
  EXPECT_EQ(pool->under_way(), 0);
}

TEST_F(Pools, drained_targets_get_nothing_new) {
  auto config = pool_of(3);
  config.targets[1].drain = true;
  EXPECT_EQ(shares(*make(config), 10), (Shares{{"a", 5}, {"c", 5}}));
  for (auto& target : config.targets) target.drain = true;
  EXPECT_EQ(shares(*make(config), 2), (Shares{{"nobody", 2}}));
  auto alone = pool_of(1);
  alone.targets[0].drain = true;
  EXPECT_EQ(shares(*make(alone), 2), (Shares{{"nobody", 2}}));
}

TEST_F(Pools, who_fails_three_times_in_a_row_is_left_alone_for_a_while) {
  const auto pool = make(pool_of(3));
  fail_at(*pool, "b", 2);
  turn_at(*pool, "b").answered(200);
  fail_at(*pool, "b", 2);
  EXPECT_EQ(shares(*pool, 300).at("b"), 100) << "an answer in between begins anew";
  fail_at(*pool, "b", 1);
  EXPECT_EQ(shares(*pool, 300), (Shares{{"a", 150}, {"c", 150}}));
  clock.advance(std::chrono::milliseconds(9999));
  EXPECT_FALSE(shares(*pool, 300).contains("b"));
  clock.advance(std::chrono::milliseconds(1));
  EXPECT_EQ(shares(*pool, 300).at("b"), 100);
}

TEST_F(Pools, never_all_are_put_out) {
  for (const std::size_t targets : {1, 2, 3, 4}) {
    const auto pool = make(pool_of(targets));
    for (std::size_t round = 0; round < 20; ++round)
      for (std::size_t i = 0; i < targets; ++i) pool->turn().value().failed(Mishap::cut);
    const auto left = shares(*pool, 100);
    EXPECT_FALSE(left.contains("nobody"));
    EXPECT_EQ(left.size(), std::max<std::size_t>(1, targets == 3 ? 2 : targets - targets / 2)) << targets;
  }
}

TEST_F(Pools, who_returns_takes_its_share_step_by_step) {
  auto config = pool_of(2);
  config.slow_start = std::chrono::seconds(10);
  const auto pool = make(config);
  EXPECT_EQ(shares(*pool, 100), (Shares{{"a", 50}, {"b", 50}})) << "who begin together share alike";
  clock.advance(std::chrono::seconds(20));
  fail_at(*pool, "b");
  EXPECT_EQ(shares(*pool, 110), (Shares{{"a", 110}}));
  clock.advance(std::chrono::seconds(10));
  EXPECT_EQ(shares(*pool, 110), (Shares{{"a", 100}, {"b", 10}}));
  clock.advance(std::chrono::seconds(4));
  EXPECT_EQ(shares(*pool, 150), (Shares{{"a", 100}, {"b", 50}}));
  clock.advance(std::chrono::seconds(6));
  EXPECT_EQ(shares(*pool, 100), (Shares{{"a", 50}, {"b", 50}}));
}

TEST_F(Pools, a_preview_takes_no_turn) {
  const auto pool = make(pool_of(3));
  for (int i = 0; i < 5; ++i) {
    const auto* expected = pool->preview();
    EXPECT_EQ(pool->preview(), expected);
    EXPECT_EQ(&*pool->turn().value(), expected);
  }
  EXPECT_EQ(pool->under_way(), 0);
}

TEST_F(Pools, configurations_that_cannot_be_meant_are_refused) {
  const auto fails = [&](auto change) {
    auto config = pool_of(2);
    change(config);
    return !UpstreamPool::make(config, clock, named_upstream, needs);
  };
  EXPECT_FALSE(fails([](PoolConfig&) {}));
  EXPECT_TRUE(fails([](PoolConfig& c) { c.targets.clear(); }));
  EXPECT_TRUE(fails([](PoolConfig& c) { c.targets = std::vector<TargetConfig>(kTargetsMax + 1, "http://a"); }));
  EXPECT_TRUE(fails([](PoolConfig& c) { c.targets[1].url = "http://a:80"; })) << "the same one twice";
  EXPECT_TRUE(fails([](PoolConfig& c) { c.targets[0].weight = 0; }));
  EXPECT_TRUE(fails([](PoolConfig& c) { c.targets[0].weight = kWeightMax + 1; }));
  EXPECT_TRUE(fails([](PoolConfig& c) { c.targets[0].priority = kPriorityMax + 1; }));
  EXPECT_TRUE(fails([](PoolConfig& c) { c.balance = Balance::hash, c.hash_by.source = HashBy::Source::cookie; }));
  EXPECT_TRUE(fails([](PoolConfig& c) { c.hash_bound = 99; }));
}

}  // namespace
}  // namespace gatehouse::gateway
