// Ordered rules over what is known of a request: the first one that applies decides, and when none does nobody passes.
// Pure: no I/O, no clock. The one engine behind every route, `gatehouse explain` and forward-auth.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "policy/condition.h"

namespace gatehouse::policy {

inline constexpr std::size_t kRulesMax = 100;
inline constexpr std::size_t kRuleNameMax = 100;   // bytes

enum class Effect { allow, deny };
// A rule in the shadow decides nothing: it is asked beside the others, to see what it would change.
enum class Stand { enforced, shadow };

struct Rule {
  std::string name;
  Effect effect = Effect::allow;
  Condition when = Condition::everybody();
  Stand stand = Stand::enforced;
};

enum class Outcome { allow, deny, step_up };
std::string_view name_of(Outcome outcome);

struct Decision {
  Outcome outcome = Outcome::deny;
  const Rule* by = nullptr;      // nullptr: no rule applied
  StepUp step_up;                // when the outcome is step_up
  bool allowed() const { return outcome == Outcome::allow; }
};

// What one rule said, for logs and explanations. Names conditions with the rule's own values, never the person's.
struct Said {
  enum class What { applies, does_not_apply, not_asked, in_the_shadow } what = What::not_asked;
  const Rule* rule = nullptr;
  std::string why;
};
using Trace = std::vector<Said>;

class Rules {
 public:
  // Fault::invalid: none, too many, two of one name, or nothing that allows.
  static Result<std::shared_ptr<const Rules>> make(std::vector<Rule> rules);

  // Allocates nothing when it allows. An allow rule applies when its condition is true, a deny rule unless it is false.
  Decision decide(const Facts& facts) const { return decide(facts, Stand::enforced); }
  // As if the rules in the shadow counted.
  Decision decide_with_shadow(const Facts& facts) const { return decide(facts, Stand::shadow); }
  bool has_shadow() const { return has_shadow_; }
  Trace trace(const Facts& facts) const;
  // Why the enforced rules said so, in one line for the log.
  std::string because(const Facts& facts, const Decision& decision) const;
  const std::vector<Rule>& all() const { return rules_; }

 private:
  explicit Rules(std::vector<Rule> rules);
  Decision decide(const Facts& facts, Stand least) const;
  Decision with_proof(const Facts& facts, Stand least, Decision denied) const;
  std::vector<Rule> rules_;
  bool has_shadow_ = false, asks_for_proof_ = false;
};
using RulesPtr = std::shared_ptr<const Rules>;

// "groups: [Admins]" and kin: every one of the claims has one of its values.
using ClaimValues = std::vector<std::pair<std::string, Texts>>;
// A rule that turns away whoever lacks one of them; what comes after it decides about the others.
Result<Rule> require(const ClaimValues& claims);

}  // namespace gatehouse::policy
