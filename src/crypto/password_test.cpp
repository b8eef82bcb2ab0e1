#include "crypto/password.h"

#include <gtest/gtest.h>
#include <time.h>

#include <algorithm>
#include <chrono>

namespace gatehouse::crypto {
namespace {

constexpr PasswordCost kCheap{64, 1, 1};

class Passwords : public testing::Test {
 protected:
  std::string hashed(std::string_view password, PasswordCost cost = kCheap) {
    return hash_password(Secret(std::string(password)), *random_, cost).value();
  }
  std::unique_ptr<Random> random_ = seeded_random(7);
};

TEST_F(Passwords, the_right_one_verifies_and_others_do_not) {
  const auto hash = hashed("correct horse");
  EXPECT_TRUE(hash.starts_with("$argon2id$v=19$m=64,t=1,p=1$"));
  EXPECT_TRUE(verify_password(Secret("correct horse"), hash).value());
  EXPECT_FALSE(verify_password(Secret("correct Horse"), hash).value());
  EXPECT_FALSE(verify_password(Secret(""), hash).value());
  EXPECT_NE(hashed("correct horse"), hash);  // salted
}

TEST_F(Passwords, the_default_cost_is_owasps) {
  const auto hash = hash_password(Secret("x"), *random_).value();
  EXPECT_TRUE(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
  EXPECT_TRUE(verify_password(Secret("x"), hash).value());
}

// From the tests of the reference implementation (phc-winner-argon2, src/test.c): version 19, t=2, m=2^8, p=1.
TEST_F(Passwords, hashes_of_the_reference_implementation_verify) {
  EXPECT_TRUE(verify_password(Secret("password"),
                              "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4").value());
}

TEST_F(Passwords, a_stored_hash_cannot_ask_for_more_than_the_caps) {
  constexpr std::string_view kTail = "$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
  // Refused is not computed: a hash that was worked out would be a yes or a no, not a fault.
  for (const std::string cost : {"m=262145,t=2,p=1", "m=4294967295,t=1,p=1", "m=256,t=11,p=1", "m=256,t=2,p=9", "m=8,t=1,p=2"}) {
    EXPECT_EQ(verify_password(Secret("x"), "$argon2id$v=19$" + cost + std::string(kTail)).error().fault(), Fault::invalid) << cost;
  }
  EXPECT_FALSE(hash_password(Secret("x"), *random_, {512 * 1024, 2, 1}));
}

TEST_F(Passwords, what_is_no_hash_is_refused) {
  const auto good = hashed("x");
  for (const std::string& bad :
       {std::string(), std::string("plain"), std::string("$2b$10$abcdefghijklmnopqrstuv"), good + "$", good + "=", "x" + good,
        "$argon2i" + good.substr(9), "$argon2id$v=16" + good.substr(14), "$argon2id$v=19$m=064" + good.substr(19),
        std::string("$argon2id$v=19$m=,t=1,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"), std::string(300, '$')}) {
    EXPECT_EQ(verify_password(Secret("x"), bad).error().fault(), Fault::invalid) << bad;
    EXPECT_TRUE(needs_rehash(bad, kCheap)) << bad;
  }
}

TEST_F(Passwords, a_hash_of_another_cost_is_to_be_renewed) {
  EXPECT_FALSE(needs_rehash(hashed("x"), kCheap));
  EXPECT_TRUE(needs_rehash(hashed("x")));
  EXPECT_TRUE(needs_rehash(hashed("x"), {64, 2, 1}));
}

TEST_F(Passwords, very_long_ones_are_refused_before_work_is_done) {
  EXPECT_EQ(hash_password(Secret(std::string(kPasswordMax + 1, 'x')), *random_, kCheap).error().fault(), Fault::invalid);
  EXPECT_FALSE(verify_password(Secret(std::string(kPasswordMax + 1, 'x')), hashed("x")).value());
  EXPECT_TRUE(verify_password(Secret(std::string(kPasswordMax, 'x')), hashed(std::string(kPasswordMax, 'x'))).value());
}

TEST_F(Passwords, nobody_takes_about_as_long_as_somebody) {
  constexpr PasswordCost kCost{4096, 2, 1};
  const auto hash = hashed("x", kCost);
  // CPU time of this thread, the least of several: what neighbours do does not count.
  const auto used = [] {
    timespec time{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
  };
  const auto fastest = [&](auto work) {
    auto best = std::chrono::nanoseconds::max();
    for (int i = 0; i < 9; ++i) {
      const auto begun = used();
      work();
      best = std::min<std::chrono::nanoseconds>(best, used() - begun);
    }
    return best;
  };
  const auto somebody = fastest([&] { EXPECT_FALSE(verify_password(Secret("y"), hash).value()); });
  const auto nobody = fastest([&] { EXPECT_FALSE(verify_nobody(Secret("y"), kCost)); });
  EXPECT_GT(nobody * 2, somebody);  // generous: leaving the work out would be 100 times faster
  EXPECT_LT(nobody, somebody * 2);
}

}  // namespace
}  // namespace gatehouse::crypto
