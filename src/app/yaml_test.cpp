// Values with units.
#include "app/yaml.h"

#include <gtest/gtest.h>

namespace gatehouse::app {
namespace {

using namespace std::chrono_literals;

TEST(Yaml, times_and_sizes_have_units) {
  Findings findings("t.yaml");
  auto in = read_yaml("a: 250ms\nb: 2h\nc: 64KiB\nd: 512\n", findings);
  EXPECT_EQ(in.duration("a", 0ms, 1h), 250ms);
  EXPECT_EQ(in.duration("b", 0ms, 24h), 2h);
  EXPECT_EQ(in.bytes("c", 0, 1 << 20), 65536u);
  EXPECT_EQ(in.bytes("d", 0, 1 << 20), 512u);
  in.done();
  EXPECT_TRUE(findings.empty()) << findings.str();
}

TEST(Yaml, a_bad_time_or_size_is_named_with_its_place) {
  for (const auto* text : {"a: 5", "a: s", "a: -1s", "a: 1.5s", "a: 5 s", "a: 99999999999999999999s", "a: 9223372036854775807d", "a: 2h"}) {
    Findings findings("t.yaml");
    auto in = read_yaml(text, findings);
    EXPECT_FALSE(in.duration("a", 1ms, 1h)) << text;
    EXPECT_TRUE(findings.str().starts_with("t.yaml:1:4: ")) << text << findings.str();
  }
  for (const auto* text : {"a: KiB", "a: 5KB", "a: 2MiB", "a: 0"}) {
    Findings findings("t.yaml");
    auto in = read_yaml(text, findings);
    EXPECT_FALSE(in.bytes("a", 1, 1 << 20)) << text;
    EXPECT_TRUE(findings.str().starts_with("t.yaml:1:4: ")) << text << findings.str();
  }
}

}  // namespace
}  // namespace gatehouse::app
