#include "gateway/outliers.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace gatehouse::gateway {
namespace {

// What happens, a letter each: f no answer, g 503, s 200, i 500, w a window passes. Where the rules break: '!'.
std::string told(const EjectionRules& rules, std::string_view what) {
  ManualClock clock;
  Record record;
  std::string out;
  for (const char c : what) {
    out += c;
    bool broken = false;
    if (c == 'f') broken = record.failed(rules, clock);
    if (c == 'g') broken = record.answered(rules, 503, clock);
    if (c == 's') broken = record.answered(rules, 200, clock);
    if (c == 'i') broken = record.answered(rules, 500, clock);
    if (c == 'w') clock.advance(rules.window);
    if (broken) out += '!';
  }
  return out;
}

TEST(Outliers, what_breaks_the_rules) {
  EjectionRules usual;
  EjectionRules errors;
  errors.gateway_errors = 2;
  EjectionRules share;
  share.failures = 0;
  share.share_percent = 50;
  share.share_least = 4;
  EjectionRules never;
  never.failures = 0;
  struct Case {
    const EjectionRules& rules;
    std::string story;
  };
  const std::vector<Case> cases{
      {usual, "fff!"},     {usual, "ffsff"},                          // an answer ends the row
      {usual, "fff!fff!"},                                            // counted anew
      {usual, "ffgf"},                                                // a 503 is an answer
      {usual, "gggggggg"},                                            // and no failure, unless the rules say so
      {errors, "gg!"},     {errors, "gsgigg!"},                       // so does a 500: it is about the request
      {errors, "gfg!"},                                               // a failure between two 503 does not
      {errors, "ffgff"},   {share, "ssgg!"},      {share, "sssgsg"},  // two of six
      {share, "fff"},                                                 // too few to tell
      {share, "ffff!"},    {share, "sssswgggg!"},                     // only the window counts
      {share, "gggwg"},    {never, "ffffffffff"},
  };
  for (const auto& one : cases) {
    std::string plain;
    for (const char c : one.story)
      if (c != '!') plain += c;
    EXPECT_EQ(told(one.rules, plain), one.story);
  }
}

TEST(Outliers, sentences_grow_and_are_forgotten) {
  EjectionRules rules;
  rules.base = std::chrono::seconds(10);
  rules.most = std::chrono::seconds(60);
  Record record;
  std::int64_t now = 1'000'000;
  const auto next = [&](std::int64_t behaves) {
    const auto length = record.sentence(rules, now);
    now += length + behaves;
    return length;
  };
  EXPECT_EQ(next(0), 10'000);
  EXPECT_EQ(next(0), 20'000);
  EXPECT_EQ(next(59'999), 40'000);
  EXPECT_EQ(next(0), 60'000) << "never longer than the longest";
  EXPECT_EQ(next(60'000), 60'000);
  EXPECT_EQ(next(0), 10'000) << "it has behaved for as long as that";
}

}  // namespace
}  // namespace gatehouse::gateway
