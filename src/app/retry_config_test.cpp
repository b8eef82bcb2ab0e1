#include "app/retry_config.h"

#include <gtest/gtest.h>

#include "app/config.h"

namespace gatehouse::app {
namespace {

using std::chrono::milliseconds;

Result<Config> with(const std::string& route) {
  return parse_config(
      "data: d\nlisteners: [{port: 1}]\ngateway: {hosts: [{host: a.example, routes: [{upstream: 'http://b', open: "
      "true, " +
          route + "}]}]}\n",
      "g.yaml");
}
Wire wire_of(const std::string& route) { return with(route).value().gateway[0].routes[0].wire; }
std::string fault(const std::string& route) {
  const auto config = with(route);
  return config ? "none" : config.error().message();
}

TEST(RetryConfig, is_read) {
  const auto wire = wire_of(
      "retry: {attempts: 4, on: [connect, timeout, 503, grpc-unavailable], methods: [GET, POST], body_max: 1KiB, "
      "backoff: 10ms, backoff_max: 2s}, "
      "timeouts: {total: 10s, per_try: 2s, first_byte: 1s, idle: 5s}");
  const auto& retry = wire.retry;
  EXPECT_EQ(retry.attempts, 4);
  EXPECT_TRUE(retry.on_connect && retry.on_timeout && !retry.on_reset);
  EXPECT_EQ(retry.statuses, std::vector<int>{503});
  EXPECT_EQ(retry.grpc_statuses, std::vector<int>{14});
  EXPECT_TRUE(gateway::contains(retry.methods, net::Method::post));
  EXPECT_FALSE(gateway::contains(retry.methods, net::Method::put));
  EXPECT_EQ(retry.body_max, 1024u);
  EXPECT_EQ(retry.backoff, milliseconds(10));
  EXPECT_EQ(retry.backoff_max, milliseconds(2000));
  EXPECT_EQ(wire.timeouts.total, milliseconds(10000));
  EXPECT_EQ(wire.timeouts.per_try, milliseconds(2000));
  EXPECT_EQ(wire.timeouts.first_byte, milliseconds(1000));
  EXPECT_EQ(wire.timeouts.idle, milliseconds(5000));
}

TEST(RetryConfig, may_be_switched_off) {
  const auto retry = wire_of("retry: false").retry;
  EXPECT_EQ(retry.attempts, 1);
  EXPECT_FALSE(retry.on_connect || retry.on_reset);
  EXPECT_EQ(wire_of("retry: true").retry.attempts, gateway::RetryRules().attempts);
}

TEST(RetryConfig, names_what_is_wrong_and_what_to_do) {
  EXPECT_NE(fault("retry: {attemps: 3}").find("g.yaml:3:"), std::string::npos);
  EXPECT_NE(fault("retry: {attemps: 3}").find("did you mean 'attempts'"), std::string::npos);
  EXPECT_NE(fault("retry: {attempts: 0}").find("attempts"), std::string::npos);
  EXPECT_NE(fault("retry: {attempts: 11}").find("attempts"), std::string::npos);
  EXPECT_NE(fault("retry: {on: [conect]}").find("did you mean 'connect'"), std::string::npos);
  EXPECT_NE(fault("retry: {on: [404]}").find("'404' is no reason"), std::string::npos);
  EXPECT_NE(fault("retry: {on: []}").find("retry: false"), std::string::npos);
  EXPECT_NE(fault("retry: {methods: [get]}").find("write some of GET"), std::string::npos);
  EXPECT_NE(fault("retry: {body_max: 1GiB}").find("body_max"), std::string::npos);
  EXPECT_NE(fault("retry: {backoff: 2s, backoff_max: 1s}").find("shorter than backoff"), std::string::npos);
  EXPECT_NE(fault("retry: maybe").find("retry"), std::string::npos);
  EXPECT_NE(fault("timeouts: {total: 0s}").find("total"), std::string::npos);
  EXPECT_NE(fault("timeouts: {total: 1s, per_try: 2s}").find("longer than total"), std::string::npos);
  EXPECT_NE(fault("timeouts: {per_request: 2s}").find("unknown key"), std::string::npos);
}

}  // namespace
}  // namespace gatehouse::app
