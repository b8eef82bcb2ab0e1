// What pools learn in the background, and what of it they keep when the configuration changes.
#include <algorithm>
#include <atomic>
#include <thread>

#include "gateway/upstreams_fixture.h"

namespace gatehouse::gateway {
namespace {

using Shares = std::map<std::string, int>;
using Addresses = std::vector<std::string>;

struct Care : Pools {
  static Result<void> passes() { return {}; }
  static Result<void> fails() { return failure(Fault::upstream, "answered 500"); }
  static PoolConfig checked_pool(std::size_t targets) {
    auto config = pool_of(targets);
    config.health.kind = HealthCheck::Kind::http;
    config.health.jitter_percent = 0;
    return config;
  }
  // One round of checks in which those named fail.
  void check_all(UpstreamPool& pool, std::string_view failing) {
    clock.advance(std::chrono::seconds(10));
    for (auto& target : pool.due_checks(1000))
      pool.checked(*target, failing.contains(target->authority()) ? fails() : passes());
  }
  void check_all(UpstreamPool& pool, std::string_view failing, int times) {
    for (int i = 0; i < times; ++i) check_all(pool, failing);
  }
  static std::vector<std::string> names(UpstreamPool& pool) {
    std::vector<std::string> all;
    for (const auto& one : pool.status()) all.push_back(one.name);
    std::ranges::sort(all);
    return all;
  }
  static std::string state(UpstreamPool& pool, std::string_view name) {
    for (const auto& one : pool.status())
      if (one.name.ends_with(name)) return std::string(one.state);
    return "unknown";
  }
  std::shared_ptr<UpstreamPool> remake(const std::shared_ptr<UpstreamPool>& before, const PoolConfig& config) {
    needs.before = before;
    auto made = make(config);
    needs.before = nullptr;
    return made;
  }
};

TEST_F(Care, a_sick_target_is_left_out_and_comes_back) {
  const auto pool = make(checked_pool(3));
  check_all(*pool, "b", 2);
  EXPECT_EQ(shares(*pool, 300).at("b"), 100) << "twice is not three times";
  check_all(*pool, "");
  check_all(*pool, "b", 3);
  EXPECT_EQ(shares(*pool, 300), (Shares{{"a", 150}, {"c", 150}}));
  EXPECT_EQ(state(*pool, "b"), "sick");
  check_all(*pool, "", 1);
  EXPECT_FALSE(shares(*pool, 300).contains("b"));
  check_all(*pool, "", 1);
  EXPECT_EQ(shares(*pool, 300).at("b"), 100);
  EXPECT_EQ(state(*pool, "b"), "serving");
}

TEST_F(Care, who_gets_well_begins_slowly) {
  auto config = checked_pool(2);
  config.slow_start = std::chrono::seconds(100);
  const auto pool = make(config);
  clock.advance(std::chrono::seconds(100));
  check_all(*pool, "b", 3);
  check_all(*pool, "", 2);
  EXPECT_EQ(shares(*pool, 110), (Shares{{"a", 100}, {"b", 10}}));
}

TEST_F(Care, when_all_are_sick_nobody_is_asked_unless_panic_says_so) {
  auto config = checked_pool(3);
  const auto pool = make(config);
  check_all(*pool, "abc", 3);
  EXPECT_EQ(pool->turn().error().fault(), Fault::limited);
  EXPECT_EQ(pool->refused(), 1u);
  config.panic_percent = 50;
  const auto brave = make(config);
  check_all(*brave, "ab", 3);
  EXPECT_EQ(shares(*brave, 300), (Shares{{"a", 100}, {"b", 100}, {"c", 100}})) << "one of three is less than half";
  check_all(*brave, "b", 3);
  EXPECT_EQ(shares(*brave, 300), (Shares{{"a", 150}, {"c", 150}})) << "two of three are not";
}

TEST_F(Care, a_single_target_that_is_sick_gets_nothing) {
  const auto pool = make(checked_pool(1));
  check_all(*pool, "a", 3);
  EXPECT_FALSE(pool->turn());
}

TEST_F(Care, ejected_ones_are_asked_rather_than_nobody_and_rather_than_sick_ones) {
  const auto pool = make(checked_pool(2));
  check_all(*pool, "b", 3);
  fail_at(*pool, "a");
  EXPECT_EQ(state(*pool, "a"), "ejected");
  EXPECT_EQ(shares(*pool, 10), (Shares{{"a", 10}}));
}

TEST_F(Care, checks_are_due_at_their_interval_and_never_twice_at_once) {
  auto config = checked_pool(3);
  const auto pool = make(config);
  EXPECT_EQ(pool->due_checks(2).size(), 2u) << "no more than may be made";
  auto rest = pool->due_checks(1000);
  EXPECT_EQ(rest.size(), 1u);
  clock.advance(std::chrono::seconds(60));
  EXPECT_TRUE(pool->due_checks(1000).empty()) << "the first ones have not ended yet";
  pool->checked(*rest[0], passes());
  EXPECT_EQ(pool->due_checks(1000).size(), 1u);
}

TEST_F(Care, checks_of_many_targets_drift_apart) {
  auto config = checked_pool(50);
  config.health.jitter_percent = 20;
  const auto pool = make(config);
  for (auto& target : pool->due_checks(1000)) pool->checked(*target, passes());
  std::size_t before = 0;
  clock.advance(std::chrono::milliseconds(7999));
  EXPECT_EQ(pool->due_checks(1000).size(), 0u);
  for (int i = 0; i < 4; ++i) {
    clock.advance(std::chrono::seconds(1));
    const auto due = pool->due_checks(1000).size();
    EXPECT_GT(due, 2u);
    before += due;
  }
  clock.advance(std::chrono::milliseconds(2));
  EXPECT_EQ(before + pool->due_checks(1000).size(), 50u);
}

TEST_F(Care, a_check_that_could_not_be_made_says_nothing) {
  const auto pool = make(checked_pool(2));
  for (int i = 0; i < 10; ++i) {
    clock.advance(std::chrono::seconds(10));
    for (auto& target : pool->due_checks(1000)) pool->checked(*target, failure(Fault::limited, "too many"));
  }
  EXPECT_EQ(state(*pool, "a"), "serving");
}

TEST_F(Care, each_address_of_a_name_is_a_target) {
  auto config = pool_of(1);
  config.resolve = Resolve::each;
  const auto pool = make(config);
  EXPECT_EQ(names(*pool), (Addresses{"http://a"})) << "until it has been looked up";
  ASSERT_EQ(pool->due_names().size(), 1u);
  EXPECT_TRUE(pool->due_names().empty()) << "nobody asks twice at once";
  pool->looked_up(0, Addresses{"192.0.2.1", "192.0.2.2", "192.0.2.1"});
  EXPECT_EQ(names(*pool), (Addresses{"http://a at 192.0.2.1", "http://a at 192.0.2.2"}));
  EXPECT_EQ(pool->size(), 2u);
  std::map<const Target*, int> chosen;
  for (int i = 0; i < 100; ++i) ++chosen[&*pool->turn().value()];
  ASSERT_EQ(chosen.size(), 2u);
  for (const auto& [target, many] : chosen) {
    EXPECT_EQ(many, 50);
    EXPECT_EQ(target->authority(), "a") << "the name stays what the server is called";
  }
}

TEST_F(Care, a_failing_look_up_keeps_what_is_known) {
  auto config = pool_of(1);
  config.resolve = Resolve::each;
  const auto pool = make(config);
  pool->looked_up(0, failure(Fault::upstream, "no such host"));
  EXPECT_EQ(names(*pool), (Addresses{"http://a"}));
  pool->looked_up(0, Addresses{"192.0.2.1"});
  pool->looked_up(0, failure(Fault::upstream, "no such host"));
  pool->looked_up(0, Addresses{});
  EXPECT_EQ(names(*pool), (Addresses{"http://a at 192.0.2.1"}));
  EXPECT_TRUE(pool->turn());
}

TEST_F(Care, look_ups_come_again_at_their_interval) {
  auto config = pool_of(1);
  config.resolve = Resolve::each;
  const auto pool = make(config);
  ASSERT_EQ(pool->due_names().size(), 1u);
  pool->looked_up(0, Addresses{"192.0.2.1"});
  clock.advance(std::chrono::milliseconds(26'999));
  EXPECT_TRUE(pool->due_names().empty());
  clock.advance(std::chrono::milliseconds(6'002));
  EXPECT_EQ(pool->due_names().size(), 1u);
}

TEST_F(Care, requests_under_way_at_an_address_that_goes_may_end) {
  auto config = pool_of(1);
  config.resolve = Resolve::each;
  const auto pool = make(config);
  pool->looked_up(0, Addresses{"192.0.2.1"});
  auto turn = pool->turn().value();
  const std::string was = turn->name();
  pool->looked_up(0, Addresses{"192.0.2.2"});
  EXPECT_EQ(names(*pool), (Addresses{"http://a at 192.0.2.2"}));
  pool->tidy();
  EXPECT_EQ(turn->name(), was) << "it lives as long as somebody is there";
  EXPECT_EQ(pool->turn().value()->name(), "http://a at 192.0.2.2");
  turn.answered(200);
  turn = Turn();
  pool->tidy();
  EXPECT_EQ(pool->under_way(), 0);
}

TEST_F(Care, numbers_and_localhost_are_not_looked_up) {
  auto config = pool_of(1);
  config.resolve = Resolve::each;
  config.targets = {"http://192.0.2.7", "http://[2001:db8::1]", "http://localhost:1", "http://api.localhost"};
  EXPECT_TRUE(make(config)->due_names().empty());
}

TEST_F(Care, one_pool_has_a_limit_of_addresses) {
  auto config = pool_of(1);
  config.resolve = Resolve::each;
  const auto pool = make(config);
  Addresses many;
  for (int i = 0; i < 300; ++i) many.push_back("10.0." + std::to_string(i / 100) + "." + std::to_string(i % 100));
  pool->looked_up(0, many);
  EXPECT_EQ(pool->size(), kEndpointsMax);
}

TEST_F(Care, a_pool_that_is_made_anew_keeps_what_it_knows_of_targets_that_stay) {
  auto config = checked_pool(3);
  const auto before = make(config);
  check_all(*before, "b", 3);
  const auto held = turn_at(*before, "a");
  config.targets[0].weight = 5;
  config.targets[2] = "http://d";
  const auto after = remake(before, config);
  EXPECT_EQ(state(*after, "b"), "sick");
  EXPECT_EQ(state(*after, "d"), "serving");
  EXPECT_EQ(after->under_way(), 1) << "requests of the old pool count in the new one";
  EXPECT_EQ(shares(*after, 60), (Shares{{"a", 50}, {"d", 10}}));
}

TEST_F(Care, what_the_old_pool_still_learns_the_new_one_knows) {
  auto config = pool_of(3);
  const auto before = make(config);
  std::vector<Turn> held;
  for (int i = 0; i < 3; ++i) held.push_back(turn_at(*before, "b"));
  config.targets[0].weight = 2;
  const auto after = remake(before, config);
  for (auto& turn : held) turn.failed(Mishap::cut);
  EXPECT_EQ(state(*after, "b"), "ejected");
  EXPECT_FALSE(shares(*after, 30).contains("b"));
  EXPECT_FALSE(shares(*before, 30).contains("b"));
  { const auto refused = remake(after, config); }   // a configuration that is not taken leaves nothing behind
  fail_at(*after, "c");
  EXPECT_TRUE(after->turn());
}

TEST_F(Care, a_drained_target_keeps_its_requests_and_gets_no_new_one) {
  auto config = pool_of(2);
  const auto before = make(config);
  const auto held = turn_at(*before, "a");
  config.targets[0].drain = true;
  const auto after = remake(before, config);
  EXPECT_EQ(shares(*after, 10), (Shares{{"b", 10}}));
  for (const auto& one : after->status())
    if (one.name == "http://a") EXPECT_EQ(one.under_way, 1);
}

TEST_F(Care, addresses_that_are_known_stay_known) {
  auto config = pool_of(2);
  config.resolve = Resolve::each;
  const auto before = make(config);
  before->looked_up(0, Addresses{"192.0.2.1", "192.0.2.2"});
  config.targets[0].weight = 2;
  const auto after = remake(before, config);
  EXPECT_EQ(names(*after), (Addresses{"http://a at 192.0.2.1", "http://a at 192.0.2.2", "http://b"}));
}

TEST_F(Care, other_ways_to_connect_make_other_targets) {
  auto config = checked_pool(2);
  const auto before = make(config);
  check_all(*before, "b", 3);
  config.tls.server_name = "other.example";
  EXPECT_EQ(state(*remake(before, config), "b"), "serving");
}

// For the sanitizers: nobody is given a target that has been freed, and no turn is lost.
TEST_F(Care, targets_come_and_go_under_load) {
  auto config = pool_of(2, Balance::least_requests);
  config.resolve = Resolve::each;
  config.ejection.failures = 2;
  const auto pool = make(config);
  std::atomic<bool> stop = false;
  std::atomic<int> taken = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t)
    threads.emplace_back([&, t] {
      std::vector<Turn> held;
      for (int i = t; !stop; ++i) {
        auto turn = pool->turn({.hash = static_cast<std::uint64_t>(i)});
        if (!turn) continue;
        ++taken;
        if ((*turn)->authority().empty()) ADD_FAILURE() << "a target without a name";
        if (i % 7 == 0) turn->failed(Mishap::cut);
        else turn->answered(200);
        held.push_back(*std::move(turn));
        if (held.size() > 5) held.erase(held.begin());
      }
    });
  for (int i = 0; i < 400 || taken < 1000; ++i) {
    pool->looked_up(0, Addresses{"192.0.2." + std::to_string(i % 9), "192.0.2.100"});
    pool->looked_up(1, Addresses{"198.51.100." + std::to_string(i % 5)});
    clock.advance(std::chrono::seconds(3));
    pool->tidy();
    (void)pool->status();
  }
  stop = true;
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(pool->under_way(), 0);
}

TEST_F(Care, the_budget_is_a_share_of_what_is_under_way_but_always_a_few) {
  auto config = pool_of(2);
  config.retries = {.percent = 20, .floor = 1};
  const auto pool = make(config);
  std::vector<Turn> under_way;
  const auto retry = [&] {
    const std::vector<const Target*> tried{pool->preview()};
    under_way.push_back(pool->turn({.tried = tried}).value());
  };
  EXPECT_TRUE(pool->may_retry());
  retry();
  EXPECT_FALSE(pool->may_retry()) << "one is under way";
  for (int i = 0; i < 8; ++i) under_way.push_back(pool->turn().value());
  EXPECT_FALSE(pool->may_retry()) << "a fifth of nine";
  under_way.push_back(pool->turn().value());
  EXPECT_TRUE(pool->may_retry()) << "a fifth of ten is two";
  retry();
  EXPECT_FALSE(pool->may_retry());
  EXPECT_EQ(pool->retries_refused(), 3u);
  under_way.clear();
  EXPECT_TRUE(pool->may_retry());
}

TEST_F(Care, the_budget_holds_for_a_single_target_too) {
  auto config = pool_of(1);
  config.retries = {.percent = 0, .floor = 1};
  const auto pool = make(config);
  const std::vector<const Target*> tried{pool->preview()};
  {
    const auto again = pool->turn({.tried = tried}).value();
    EXPECT_FALSE(pool->may_retry());
  }
  EXPECT_TRUE(pool->may_retry());
}

TEST_F(Care, gateway_errors_put_a_target_out_when_the_rules_say_so) {
  auto config = pool_of(3);
  config.ejection.gateway_errors = 3;
  const auto pool = make(config);
  for (int i = 0; i < 3; ++i) turn_at(*pool, "b").answered(503);
  EXPECT_EQ(shares(*pool, 100), (Shares{{"a", 50}, {"c", 50}}));
  EXPECT_EQ(state(*pool, "b"), "ejected");
}

TEST_F(Care, who_is_ejected_again_stays_out_longer) {
  const auto pool = make(pool_of(3));
  for (const auto seconds : {10, 20, 40}) {
    fail_at(*pool, "b");
    clock.advance(std::chrono::milliseconds(seconds * 1000 - 1));
    EXPECT_FALSE(shares(*pool, 30).contains("b")) << seconds;
    clock.advance(std::chrono::milliseconds(1));
    EXPECT_TRUE(shares(*pool, 30).contains("b")) << seconds;
  }
}

}  // namespace
}  // namespace gatehouse::gateway
