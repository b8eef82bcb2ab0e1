// Ordered rules, what is asked for when only a proof is missing, and what an explanation says.
#include "policy/rules.h"

#include <gtest/gtest.h>

namespace gatehouse::policy {
namespace {

json::value claims(std::string_view text) { return parse_json(text).value(); }

Facts facts(const json::value& of) {
  return Facts{of.if_object(), "GET", "app.example.com", "/admin", "10.0.0.1", from_seconds(1'000'000)};
}

Rule allow(std::string name, Result<Condition> when) { return {std::move(name), Effect::allow, std::move(when).value(), Stand::enforced}; }
Rule deny(std::string name, Result<Condition> when) { return {std::move(name), Effect::deny, std::move(when).value(), Stand::enforced}; }
RulesPtr rules(std::vector<Rule> of) { return Rules::make(std::move(of)).value(); }

TEST(Rules, the_first_that_applies_decides_and_nobody_passes_without_one) {
  const auto order = rules({deny("banned", Condition::all({Condition::claim_exists("banned").value(), Condition::claim_is("banned", {"true"}).value()})),
                            allow("staff", Condition::claim_is("groups", {"Staff"}))});
  const auto outcome = [&](std::string_view text) {
    const auto who = claims(text);
    return order->decide(facts(who)).outcome;
  };
  EXPECT_EQ(outcome(R"({"groups":["Staff"]})"), Outcome::allow);
  EXPECT_EQ(outcome(R"({"groups":["Staff"],"banned":true})"), Outcome::deny);
  EXPECT_EQ(outcome(R"({"groups":["Guests"]})"), Outcome::deny);
  EXPECT_EQ(outcome("{}"), Outcome::deny);
  EXPECT_EQ(order->decide(facts(json::value())).outcome, Outcome::deny) << "nobody";
}

TEST(Rules, a_deny_rule_that_cannot_be_evaluated_denies) {
  const auto order = rules({deny("contractors", Condition::claim_is("kind", {"contractor"})), allow("all", Condition::everybody())});
  const auto employee = claims(R"({"kind":"employee"})"), nothing = claims("{}"), odd = claims(R"({"kind":{}})");
  EXPECT_TRUE(order->decide(facts(employee)).allowed());
  EXPECT_FALSE(order->decide(facts(nothing)).allowed());
  EXPECT_FALSE(order->decide(facts(odd)).allowed());
}

TEST(Rules, a_doubtful_path_is_denied_by_allow_and_by_deny_rules) {
  const auto open = rules({allow("public", Condition::paths({"/admin"}))});
  const auto shut = rules({deny("admin", Condition::paths({"/admin"})), allow("all", Condition::everybody())});
  const auto nobody = json::value();
  for (const auto* path : {"/ADMIN", "/admin;x=y", "//admin"}) {
    auto asked = facts(nobody);
    asked.path = path;
    EXPECT_FALSE(open->decide(asked).allowed()) << path;
    EXPECT_FALSE(shut->decide(asked).allowed()) << path;
  }
}

TEST(Rules, only_a_missing_proof_is_asked_for) {
  const auto order = rules({allow("admins", Condition::all({Condition::claim_is("groups", {"Admins"}).value(), Condition::acr({"phr", "phrh"}).value(),
                                                            Condition::max_age(Seconds(300)).value()}))});
  const auto outcome = [&](std::string_view text) {
    const auto who = claims(text);
    return order->decide(facts(who));
  };
  EXPECT_EQ(outcome(R"({"groups":["Admins"],"acr":"phr","auth_time":999999})").outcome, Outcome::allow);
  const auto weak = outcome(R"({"groups":["Admins"],"acr":"pwd","auth_time":999999})");
  EXPECT_EQ(weak.outcome, Outcome::step_up);
  EXPECT_EQ(weak.step_up, (StepUp{{"phr", "phrh"}, std::nullopt}));
  const auto old = outcome(R"({"groups":["Admins"],"acr":"phr","auth_time":900000})");
  EXPECT_EQ(old.step_up, (StepUp{{}, Seconds(300)}));
  EXPECT_EQ(outcome(R"({"groups":["Admins"]})").step_up, (StepUp{{"phr", "phrh"}, Seconds(300)}));
  EXPECT_EQ(outcome(R"({"groups":["Guests"],"acr":"pwd"})").outcome, Outcome::deny) << "no proof would help";
  EXPECT_EQ(order->decide(facts(json::value())).outcome, Outcome::deny) << "nobody has no proof to renew";
}

TEST(Rules, what_several_rules_ask_for_must_be_possible_at_once) {
  const auto lacks = [](Texts acr) { return Condition::none(Condition::acr(std::move(acr)).value()); };
  const auto weak = claims(R"({"acr":"pwd"})");
  const auto both = rules({deny("weak", lacks({"phr", "mfa"})), allow("strong", Condition::acr({"mfa", "x"}))});
  EXPECT_EQ(both->decide(facts(weak)).step_up.acr_values, Texts{"mfa"});
  const auto never = rules({deny("weak", lacks({"phr"})), allow("strong", Condition::acr({"mfa"}))});
  EXPECT_EQ(never->decide(facts(weak)).outcome, Outcome::deny);
  const auto either = rules({allow("one", Condition::all({Condition::any({Condition::acr({"phr"}).value(), Condition::methods({"GET"}).value()}).value(),
                                                          Condition::max_age(Seconds(5)).value()}))});
  EXPECT_EQ(either->decide(facts(weak)).step_up, (StepUp{{}, Seconds(5)})) << "only what is needed";
}

TEST(Rules, a_shadow_rule_decides_nothing_but_is_told_about) {
  auto trial = deny("trial", Condition::methods({"GET"}));
  trial.stand = Stand::shadow;
  const auto order = rules({trial, allow("all", Condition::everybody())});
  const auto nobody = json::value();
  EXPECT_TRUE(order->decide(facts(nobody)).allowed());
  EXPECT_FALSE(order->decide_with_shadow(facts(nobody)).allowed());
  const auto trace = order->trace(facts(nobody));
  EXPECT_EQ(trace[0].what, Said::What::in_the_shadow);
  EXPECT_EQ(trace[1].what, Said::What::applies);
  EXPECT_FALSE(Rules::make({trial})) << "a policy of shadows only would admit nobody";
}

TEST(Rules, the_reason_names_the_condition_and_never_what_somebody_has) {
  const auto order = rules({allow("staff", Condition::all({Condition::methods({"GET"}).value(), Condition::claim_is("groups", {"Staff"}).value()}))});
  const auto who = claims(R"({"groups":["secret-project"],"sub":"ada"})");
  const auto why = order->because(facts(who), order->decide(facts(who)));
  EXPECT_EQ(why, "no rule allows it; staff: does not hold: groups is one of: Staff");
  const auto nothing = claims("{}");
  EXPECT_EQ(order->because(facts(nothing), order->decide(facts(nothing))), "no rule allows it; staff: cannot be told: groups is one of: Staff");
}

TEST(Rules, require_turns_away_who_lacks_a_claim) {
  const auto order = rules({require({{"groups", {"Admins"}}, {"email_verified", {"true"}}}).value(), allow("all", Condition::everybody())});
  const auto good = claims(R"({"groups":["Admins"],"email_verified":true})"), bad = claims(R"({"groups":["Admins"],"email_verified":false})");
  EXPECT_TRUE(order->decide(facts(good)).allowed());
  EXPECT_FALSE(order->decide(facts(bad)).allowed());
  EXPECT_FALSE(order->decide(facts(json::value())).allowed());
}

TEST(Rules, mistakes_are_refused) {
  EXPECT_FALSE(Rules::make({}));
  EXPECT_FALSE(Rules::make({deny("a", Condition::methods({"GET"}))}));
  EXPECT_FALSE(Rules::make({allow("a", Condition::everybody()), allow("a", Condition::everybody())}));
  EXPECT_FALSE(Rules::make(std::vector<Rule>(kRulesMax + 1, allow("", Condition::everybody()))));
}

}  // namespace
}  // namespace gatehouse::policy
