#include <gtest/gtest.h>

#include "app/config.h"

namespace gatehouse::app {
namespace {

constexpr std::string_view kRoot = "data: d\nlisteners: [{port: 1}]\n";

Result<ObserveConfig> observed(std::string_view more) {
  auto config = parse_config(std::string(kRoot) + std::string(more), "dir/g.yaml");
  if (!config) return std::unexpected(std::move(config.error()));
  return config->observe;
}

std::string fault_of(std::string_view more) {
  const auto config = observed(more);
  return config ? std::string("no fault") : config.error().message();
}

TEST(ObserveConfig, nothing_is_watched_unless_it_is_written) {
  const auto observe = observed("");
  ASSERT_TRUE(observe);
  EXPECT_FALSE(observe->access_log);
  EXPECT_FALSE(observe->telemetry);
}

TEST(ObserveConfig, says_where_and_what) {
  const auto observe = observed(
      "access_log: {file: access.log, format: json, fields: [status, host], sample: 0.25, exclude: [/health]}\n"
      "telemetry: {otlp: 'http://collector:4318', sample: 1, service_name: edge, incoming: trust, headers: {X-Key: 'env:KEY'}}\nmetrics: false\n");
  ASSERT_TRUE(observe) << observe.error().message();
  EXPECT_EQ(observe->access_log->file, "dir/access.log");
  EXPECT_EQ(observe->access_log->fields, (1U << 5U) | (1U << 9U));
  EXPECT_DOUBLE_EQ(observe->access_log->sample, 0.25);
  EXPECT_EQ(observe->access_log->exclude, std::vector<std::string>{"/health"});
  EXPECT_EQ(observe->telemetry->endpoint, "http://collector:4318/v1/traces");
  EXPECT_EQ(observe->telemetry->incoming, IncomingTrace::trust);
  EXPECT_FALSE(observe->metrics);
  EXPECT_EQ(observed("access_log: {file: stdout}\n")->access_log->file, "stdout");
  EXPECT_EQ(observed("telemetry: {otlp: 'https://c/otlp/'}\n")->telemetry->endpoint, "https://c/otlp/v1/traces");
}

TEST(ObserveConfig, every_wrong_value_is_named_with_its_place) {
  const std::vector<std::pair<std::string, std::string>> wrong{
      {"access_log: {}\n", "file"},
      {"access_log: {file: a, format: apache}\n", "format"},
      {"access_log: {file: a, fields: [statsu]}\n", "'status'"},
      {"access_log: {file: a, sample: 2}\n", "'2' is not a number from 0 to 1"},
      {"access_log: {file: a, sample: nan}\n", "'nan' is not a number from 0 to 1"},
      {"access_log: {file: a, exclude: [health]}\n", "'health' is not a path"},
      {"access_log: {file: a, exlude: [/h]}\n", "exclude"},
      {"telemetry: {}\n", "otlp"},
      {"telemetry: {otlp: 'grpc://c:4317'}\n", "'grpc://c:4317' is not an http or https address"},
      {"telemetry: {otlp: 'http://c', incoming: sometimes}\n", "incoming"},
      {"telemetry: {otlp: 'http://c', service_name: ''}\n", "service_name"},
      {"telemetry: {otlp: 'http://c', headers: {Host: 'env:K'}}\n", "'Host' cannot be set"},
      {"telemetry: {otlp: 'http://c', headers: {X-Key: hunter2hunter2}}\n", "env:NAME"},
      {"metrics: perhaps\n", "metrics"},
  };
  for (const auto& [text, part] : wrong) {
    const auto fault = fault_of(text);
    EXPECT_NE(fault.find("g.yaml:3:"), std::string::npos) << text << fault;
    EXPECT_NE(fault.find(part), std::string::npos) << text << fault;
  }
}

}  // namespace
}  // namespace gatehouse::app
