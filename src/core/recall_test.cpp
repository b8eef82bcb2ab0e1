// Remembered answers: never older than the last write here, never older than a second.
#include "core/recall.h"

#include <gtest/gtest.h>

#include <string>

namespace gatehouse {
namespace {

class RecallSpec : public testing::Test {
 protected:
  Epoch epoch;
  ManualClock clock;
  Recall<std::string, int> recall{epoch, clock};
};

TEST_F(RecallSpec, gives_back_what_was_kept) {
  EXPECT_FALSE(recall.find("a"));
  recall.keep("a", 1, recall.ask());
  EXPECT_EQ(recall.find("a"), 1);
}

TEST_F(RecallSpec, forgets_with_the_next_write) {
  recall.keep("a", 1, recall.ask());
  epoch.turn();
  EXPECT_FALSE(recall.find("a"));
}

// A slow reader that saw the rows from before a write must not bring them back after it.
TEST_F(RecallSpec, an_answer_to_a_question_from_before_a_write_is_not_kept) {
  const auto asked = recall.ask();
  epoch.turn();
  recall.keep("a", 1, asked);
  EXPECT_FALSE(recall.find("a"));
}

TEST_F(RecallSpec, forgets_after_a_second_counted_from_the_question) {
  const auto asked = recall.ask();
  clock.advance(Millis(600));
  recall.keep("a", 1, asked);
  EXPECT_TRUE(recall.find("a"));
  clock.advance(Millis(400));
  EXPECT_FALSE(recall.find("a"));
}

TEST_F(RecallSpec, a_clock_set_back_makes_nothing_immortal) {
  recall.keep("a", 1, recall.ask());
  clock.advance(-Millis(3'600'000));
  EXPECT_FALSE(recall.find("a"));
}

TEST_F(RecallSpec, is_bounded) {
  for (std::size_t i = 0; i < kRecallMax + 1; ++i) recall.keep(std::to_string(i), 1, recall.ask());
  EXPECT_FALSE(recall.find("0"));
  EXPECT_TRUE(recall.find(std::to_string(kRecallMax)));
}

}  // namespace
}  // namespace gatehouse
