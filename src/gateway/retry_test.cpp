#include "gateway/retry.h"

#include <gtest/gtest.h>

namespace gatehouse::gateway {
namespace {

using net::Method;
using Kind = Setback::Kind;
using std::chrono::milliseconds;

TEST(RetryRules, what_may_have_been_done_is_done_again_only_when_that_does_no_harm) {
  const RetryRules rules;
  for (const auto method : {Method::get, Method::head, Method::put, Method::delete_, Method::options})
    EXPECT_TRUE(rules.covers({.kind = Kind::reset}, method)) << name_of(method);
  for (const auto method : {Method::post, Method::patch, Method::connect, Method::other}) {
    EXPECT_FALSE(rules.covers({.kind = Kind::reset}, method)) << name_of(method);
    EXPECT_TRUE(rules.covers({.kind = Kind::reset, .untouched = true}, method)) << name_of(method);
    EXPECT_FALSE(rules.may_repeat(method));
  }
  EXPECT_FALSE(rules.covers({.kind = Kind::timeout}, Method::get));
  EXPECT_FALSE(rules.covers({.kind = Kind::status, .status = 503}, Method::get));
}

TEST(RetryRules, each_reason_is_one_that_the_administrator_named) {
  RetryRules rules;
  rules.on_connect = rules.on_reset = false;
  EXPECT_FALSE(rules.covers({.kind = Kind::connect, .untouched = true}, Method::get));
  EXPECT_FALSE(rules.covers({.kind = Kind::reset}, Method::get));
  rules.on_timeout = true;
  rules.statuses = {503};
  rules.grpc_statuses = {14};
  EXPECT_TRUE(rules.covers({.kind = Kind::timeout}, Method::get));
  EXPECT_TRUE(rules.covers({.kind = Kind::status, .status = 503}, Method::get));
  EXPECT_FALSE(rules.covers({.kind = Kind::status, .status = 500}, Method::get));
  EXPECT_FALSE(rules.covers({.kind = Kind::status, .status = 14}, Method::get));
  EXPECT_TRUE(rules.covers({.kind = Kind::grpc_status, .status = 14}, Method::get));
  EXPECT_FALSE(rules.covers({.kind = Kind::status, .status = 503}, Method::post));
  rules.methods.set(static_cast<std::size_t>(Method::post));
  EXPECT_TRUE(rules.covers({.kind = Kind::status, .status = 503}, Method::post));
}

TEST(Backoff, doubles_up_to_its_end_and_keeps_at_least_half) {
  RetryRules rules;
  rules.backoff = milliseconds(100);
  rules.backoff_max = milliseconds(1000);
  const std::pair<int, int> expected[] = {{2, 100}, {3, 200}, {4, 400}, {5, 800}, {6, 1000}, {10, 1000}};
  for (const auto& [next, whole] : expected)
    for (const std::uint64_t chance : {0ULL, 1ULL, 49ULL, 12345678901234567890ULL}) {
      EXPECT_GE(backoff_of(rules, next, chance), milliseconds(whole / 2)) << next;
      EXPECT_LE(backoff_of(rules, next, chance), milliseconds(whole)) << next;
    }
  EXPECT_NE(backoff_of(rules, 2, 3), backoff_of(rules, 2, 4));
  rules.backoff = rules.backoff_max = milliseconds(0);
  EXPECT_EQ(backoff_of(rules, 5, 7), milliseconds(0));
}

TEST(RetryAfter, is_read_in_seconds_and_never_overflows) {
  EXPECT_EQ(parse_retry_after("0"), milliseconds(0));
  EXPECT_EQ(parse_retry_after("120"), milliseconds(120'000));
  EXPECT_GE(parse_retry_after("99999999999999999999999999"), std::chrono::hours(24));
  for (const auto* odd : {"", "-1", "1.5", "soon", "1 ", "+1"}) EXPECT_EQ(parse_retry_after(odd), std::nullopt) << odd;
}

TEST(GrpcTimeout, has_a_unit_and_at_most_eight_digits) {
  EXPECT_EQ(parse_grpc_timeout("2H"), std::chrono::hours(2));
  EXPECT_EQ(parse_grpc_timeout("3M"), std::chrono::minutes(3));
  EXPECT_EQ(parse_grpc_timeout("5S"), std::chrono::seconds(5));
  EXPECT_EQ(parse_grpc_timeout("100m"), milliseconds(100));
  EXPECT_EQ(parse_grpc_timeout("1500u"), milliseconds(2));
  EXPECT_EQ(parse_grpc_timeout("1n"), milliseconds(1));
  EXPECT_EQ(parse_grpc_timeout("99999999H"), std::chrono::hours(99'999'999));
  for (const auto* odd : {"", "m", "1", "123456789m", "-1m", "1.5S", "1s", "1 m"})
    EXPECT_EQ(parse_grpc_timeout(odd), std::nullopt) << odd;
}

}  // namespace
}  // namespace gatehouse::gateway
