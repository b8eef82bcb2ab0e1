#include "net/trace_context.h"

#include <gtest/gtest.h>

namespace gatehouse::net {
namespace {

constexpr std::string_view kGood = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

Fields fields(std::initializer_list<std::pair<std::string_view, std::string_view>> all) {
  Fields out;
  for (const auto& [name, value] : all) out.add({name, value, header_of(name)});
  return out;
}

TEST(TraceContext, a_parent_is_read_and_written_back) {
  const auto parent = parse_traceparent(kGood);
  ASSERT_TRUE(parent);
  EXPECT_EQ(hex(parent->trace), "0af7651916cd43dd8448eb211c80319c");
  EXPECT_EQ(hex(parent->span), "b7ad6b7169203331");
  EXPECT_TRUE(parent->sampled);
  EXPECT_EQ(to_text(*parent), kGood);
}

TEST(TraceContext, what_is_not_exactly_a_parent_is_none) {
  for (const auto* bad : {
           "", "00", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0",
           "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",       // version 255 is forbidden
           "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",       // upper case
           "00-00000000000000000000000000000000-b7ad6b7169203331-01",       // zero trace
           "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",       // zero span
           "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",  // version 00 has no more
           "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01more",
           "00-0af7651916cd43dd8448eb211c80319g-b7ad6b7169203331-01",
           "00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
           "0x-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
           "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0\"",
       })
    EXPECT_FALSE(parse_traceparent(bad)) << bad;
}

TEST(TraceContext, a_later_version_is_read_as_far_as_we_know_it) {
  const auto parent = parse_traceparent("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03-what-the-future-holds");
  ASSERT_TRUE(parent);
  EXPECT_TRUE(parent->sampled);
  EXPECT_EQ(to_text(*parent), kGood);
}

TEST(TraceContext, two_parents_are_none) {
  EXPECT_TRUE(traceparent_of(fields({{"TraceParent", kGood}})));
  EXPECT_FALSE(traceparent_of(fields({{"traceparent", kGood}, {"traceparent", kGood}})));
}

TEST(TraceContext, a_state_is_handed_on_in_one_line_or_not_at_all) {
  EXPECT_EQ(tracestate_of(fields({{"tracestate", "rojo=00f067, congo=t61"}, {"Tracestate", "@a/b=c d"}})), "rojo=00f067,congo=t61,@a/b=c d");
  EXPECT_EQ(tracestate_of(fields({{"tracestate", "rojo"}})), "");
  EXPECT_EQ(tracestate_of(fields({{"tracestate", "Rojo=1"}})), "");
  EXPECT_EQ(tracestate_of(fields({{"tracestate", "a=b=c"}})), "");
  std::string many;
  for (int i = 0; i < 33; ++i) many += "k" + std::to_string(i) + "=1,";
  EXPECT_EQ(tracestate_of(fields({{"tracestate", many}})), "");
  const auto wide = "a=" + std::string(250, 'x') + ",b=" + std::string(250, 'x') + ",c=" + std::string(250, 'x');
  EXPECT_EQ(tracestate_of(fields({{"tracestate", wide}})), "");
}

TEST(TraceContext, new_ids_are_not_zero_and_not_the_same) {
  const auto random = seeded_random(7);
  EXPECT_NE(new_trace_id(*random), new_trace_id(*random));
  EXPECT_NE(new_span_id(*random), SpanId{});
}

}  // namespace
}  // namespace gatehouse::net
