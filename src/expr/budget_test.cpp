// An expression of an administrator may be foolish or hostile: it ends soon, in bounded memory, and nobody else notices.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "expr/regex.h"
#include "expr/sample_context.h"

namespace gatehouse::expr {
namespace {

using testing::HasSubstr;

std::string times(std::string_view text, std::size_t n) {
  std::string made;
  for (std::size_t i = 0; i < n; ++i) made += text;
  return made;
}

Result<json::value> evaluated(std::string_view text, Budget budget = {}) {
  const SampleContext context;
  auto expression = Expression::parse(text, sample_vocabulary());
  if (!expression) return std::unexpected(std::move(expression.error()));
  return expression->evaluate(context, budget);
}

Fault fault_of(std::string_view text, Budget budget = {}) {
  const auto result = evaluated(text, budget);
  EXPECT_FALSE(result) << text.substr(0, 100);
  return result ? Fault::internal : result.error().fault();
}

TEST(Budget, nesting_is_refused_before_it_hurts) {
  const auto nested = [](std::string_view open, std::string_view close, std::size_t n) { return times(open, n) + "1" + times(close, n); };
  EXPECT_TRUE(evaluated(nested("(", ")", kNestingMax - 1)));
  EXPECT_TRUE(evaluated(nested("{", "}", 20)));
  for (const auto& text : {nested("(", ")", 4'000), nested("{", "}", 4'000), nested("{1}.![", "]", 1'000), nested("String.len(", ")", 500), times("{", 9'000),
                           times("!", 9'000) + "true", times("- ", 4'000) + "1", times("1+", 4'000) + "1", times("true?1:", 1'200) + "1", times("1?:", 3'000) + "1",
                           "user" + times(".a", 4'000), "{1}" + times("[0]", 3'000), times("true?", 1'500) + "1"})
    EXPECT_EQ(fault_of(text), Fault::invalid) << text.substr(0, 60);
  EXPECT_TRUE(evaluated("'a'" + times("+'a'", kDepthMax - 1)));
  EXPECT_TRUE(evaluated(times("false ? 1 : ", kDepthMax - 1) + "2"));
  EXPECT_THAT(evaluated(std::string(kTextMax + 1, ' ')).error().message(), HasSubstr("at most 10000 bytes"));
}

// Each replace makes a text a hundred times as long.
TEST(Budget, growing_texts_end_at_the_limit_of_bytes) {
  const auto hundred = "'" + std::string(100, 'a') + "'";
  std::string text = hundred;
  for (int i = 0; i < 6; ++i) text = "String.replace(" + text + ", 'a', " + hundred + ")";
  EXPECT_EQ(fault_of(text), Fault::limited);
  EXPECT_THAT(evaluated(text, {kStepsMax, std::size_t{1} << 40}).error().message(), HasSubstr("budget"));
  text = hundred;
  for (int i = 0; i < 20; ++i) text = "{" + text + "}.![String.join(#this, #this, #this, #this, #this, #this)][0]";
  EXPECT_EQ(fault_of(text), Fault::limited);
  std::string appended = hundred;
  for (int i = 0; i < 40; ++i) appended = "{" + appended + "}.![#this + #this][0]";
  EXPECT_EQ(fault_of(appended), Fault::limited);
}

TEST(Budget, loops_in_loops_end_at_the_limit_of_steps) {
  const auto ten = std::string("{1,2,3,4,5,6,7,8,9,10}");
  std::string text = "1";
  for (int i = 0; i < 8; ++i) text = ten + ".![" + text + "]";
  EXPECT_EQ(fault_of(text), Fault::limited);
  EXPECT_EQ(fault_of(text, {kStepsMax, kBytesMax}), Fault::limited);
  EXPECT_EQ(fault_of("1 + 1", {2, 1000}), Fault::limited);
  EXPECT_EQ(evaluated("1 + 1", {4, 1000}).value(), 2);
}

TEST(Budget, bytes_are_also_paid_for_what_comes_from_outside) {
  EXPECT_EQ(fault_of("user.email", {1000, 10}), Fault::limited);
  EXPECT_EQ(fault_of("user.address", {1000, 60}), Fault::limited);
  EXPECT_EQ(fault_of("user.arrayAttribute", {1000, 60}), Fault::limited);
  EXPECT_EQ(fault_of("user.getGroups({'group.type': 'OKTA_GROUP'})", {1000, 300}), Fault::limited);
}

// What makes a backtracking matcher run for years.
TEST(Budget, regular_expressions_are_linear) {
  EXPECT_EQ(evaluated("'" + std::string(5'000, 'a') + "!' matches '(a+)+'").value(), false);
  EXPECT_EQ(evaluated("'" + std::string(5'000, 'a') + "!' matches '(a|a)*(a|aa)*'").value(), false);
  EXPECT_EQ(fault_of("'a' matches '((a{1,100}){1,100}){1,100}'"), Fault::invalid);
  EXPECT_EQ(fault_of("'a' matches '" + std::string(kRegexMax + 1, 'a') + "'"), Fault::invalid);
  // Patterns that are made while running are paid for.
  EXPECT_EQ(fault_of("user.intArray.![user.intArray.![user.intArray.!['a' matches ('" + std::string(900, 'a') + "' + 'b')]]]", {100'000, kBytesMax}), Fault::limited);
}

TEST(Budget, searching_is_linear) {
  const auto a = std::string(4'000, 'a');
  EXPECT_EQ(evaluated("String.stringContains('" + a + a.substr(0, 500) + "', '" + a + "b')").value(), false);
}

}  // namespace
}  // namespace gatehouse::expr
