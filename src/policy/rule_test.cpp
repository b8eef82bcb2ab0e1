#include "policy/rule.h"

#include <gtest/gtest.h>

namespace gatehouse::policy {
namespace {

const Rule kAdmins{{Condition{"groups", {"Admins", "Owners"}}}};

json::object attributes(std::string_view text) { return parse_json(text).value().as_object(); }

TEST(Rule, one_value_of_a_list_is_enough) {
  EXPECT_TRUE(decide(kAdmins, attributes(R"({"groups":["Everyone","Owners"]})")).allowed);
  EXPECT_TRUE(decide(kAdmins, attributes(R"({"groups":"Admins"})")).allowed);
}

TEST(Rule, absent_empty_similar_and_nested_values_do_not_pass) {
  for (const auto* text : {R"({})", R"({"groups":[]})", R"({"groups":["admins"]})", R"({"groups":"Admins,Owners"})",
                           R"({"groups":[["Admins"]]})", R"({"groups":{"Admins":true}})", R"({"groups":null})"})
    EXPECT_FALSE(decide(kAdmins, attributes(text)).allowed) << text;
}

TEST(Rule, every_condition_must_hold_and_the_decision_says_which_did_not) {
  const Rule rule{{Condition{"groups", {"Admins"}}, Condition{"email_verified", {"true"}}}};
  EXPECT_TRUE(decide(rule, attributes(R"({"groups":["Admins"],"email_verified":true})")).allowed);
  const auto decision = decide(rule, attributes(R"({"groups":["Admins"],"email_verified":false})"));
  EXPECT_FALSE(decision.allowed);
  EXPECT_EQ(decision.because, "email_verified is none of: true");
}

TEST(Rule, a_condition_without_values_is_a_mistake_in_the_configuration) {
  EXPECT_FALSE(validate(Rule{{Condition{"groups", {}}}}));
  EXPECT_FALSE(validate(Rule{{Condition{"", {"x"}}}}));
  EXPECT_TRUE(validate(kAdmins));
}

}  // namespace
}  // namespace gatehouse::policy
