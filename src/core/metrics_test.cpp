#include "core/metrics.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

namespace gatehouse {
namespace {

std::string told(const Metrics& metrics) {
  Exposition out;
  metrics.write(out);
  return out.str();
}

TEST(Metrics, are_told_in_the_text_format_of_prometheus) {
  Metrics metrics;
  metrics.counters({"requests_total", "Requests.", {"host", "status"}}).at({"app.test", "2xx"}).add(3);
  metrics.gauges({"in_flight", "Now.", {}}).at({}).add(-2);
  EXPECT_EQ(told(metrics),
            "# HELP requests_total Requests.\n# TYPE requests_total counter\nrequests_total{host=\"app.test\",status=\"2xx\"} 3\n"
            "# HELP in_flight Now.\n# TYPE in_flight gauge\nin_flight -2\n");
}

TEST(Metrics, label_values_cannot_break_out_of_their_quotes) {
  Metrics metrics;
  metrics.counters({"a_total", "A\\\nB", {"x"}}).at({"\"} 9\n\\"}).add();
  EXPECT_EQ(told(metrics), "# HELP a_total A\\\\\\nB\n# TYPE a_total counter\na_total{x=\"\\\"} 9\\n\\\\\"} 1\n");
}

TEST(Metrics, histograms_have_cumulative_buckets_a_sum_and_a_count) {
  Metrics metrics;
  auto& one = metrics.histograms({"took_seconds", "T", {}}).at({});
  one.observe(500);            // on the bound: inside
  one.observe(2'000);
  one.observe(90'000'000);
  const auto text = told(metrics);
  EXPECT_NE(text.find("took_seconds_bucket{le=\"0.0005\"} 1\n"), std::string::npos) << text;
  EXPECT_NE(text.find("took_seconds_bucket{le=\"0.0025\"} 2\n"), std::string::npos) << text;
  EXPECT_NE(text.find("took_seconds_bucket{le=\"60\"} 2\n"), std::string::npos) << text;
  EXPECT_NE(text.find("took_seconds_bucket{le=\"+Inf\"} 3\n"), std::string::npos) << text;
  EXPECT_NE(text.find("took_seconds_sum 90.0025\n"), std::string::npos) << text;
  EXPECT_NE(text.find("took_seconds_count 3\n"), std::string::npos) << text;
}

TEST(Metrics, values_beyond_the_limit_are_other_and_nothing_is_lost) {
  Metrics metrics;
  auto& family = metrics.counters({"a_total", "A", {"host", "kind"}, 10, 100});
  for (int i = 0; i < 5000; ++i) family.at({"host" + std::to_string(i), "x"}).add();
  EXPECT_EQ(family.size(), 11U);
  EXPECT_EQ(family.at({"other", "x"}).value(), 4990U);
}

TEST(Metrics, series_beyond_the_limit_are_one) {
  Metrics metrics;
  auto& family = metrics.counters({"a_total", "A", {"a", "b"}, 1000, 50});
  for (int i = 0; i < 40; ++i)
    for (int j = 0; j < 40; ++j) family.at({std::to_string(i), std::to_string(j)}).add();
  EXPECT_EQ(family.size(), 51U);
  EXPECT_EQ(family.at({"other", "other"}).value(), 1600U - 50U);
}

TEST(Metrics, long_values_are_cut) {
  Metrics metrics;
  auto& family = metrics.counters({"a_total", "A", {"a"}});
  family.at({std::string(100'000, 'x')}).add();
  EXPECT_LT(told(metrics).size(), 400U);
}

TEST(Metrics, threads_that_count_at_once_lose_nothing) {
  Metrics metrics;
  auto& family = metrics.counters({"a_total", "A", {"a"}, 20, 20});
  std::vector<std::thread> threads;
  for (int t = 0; t < 12; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 2000; ++i) family.at({std::to_string(i % 40)}).add();
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(family.size(), 21U);
  std::uint64_t named = 0;
  Exposition out;
  family.write(out);
  std::size_t at = 0;
  while ((at = out.str().find("\"} ", at)) != std::string::npos) named += std::stoull(out.str().substr(at += 3));
  EXPECT_EQ(named, 24'000U);
}

}  // namespace
}  // namespace gatehouse
