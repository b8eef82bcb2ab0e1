#include "policy/rules.h"

#include <algorithm>
#include <set>

#include "core/text.h"

namespace gatehouse::policy {

namespace {

bool applies(const Rule& rule, Truth condition) { return rule.effect == Effect::allow ? condition == Truth::yes : condition != Truth::no; }

std::string reason(const Rule& rule, const Facts& facts) {
  Assumption nothing;
  const auto answer = rule.when.holds(facts, nothing);
  const auto& part = rule.when.decisive(facts, nothing);
  switch (answer) {
    case Truth::yes: return "holds: " + part.text();
    case Truth::no: return "does not hold: " + part.text();
    case Truth::unknown: break;
  }
  return "cannot be told: " + part.text();
}

// What `more` takes for granted, added to `all`; false when both cannot be met at once.
bool add(Assumption& all, const Assumption& more) {
  if (more.max_age) all.max_age = std::min(all.max_age.value_or(*more.max_age), *more.max_age);
  if (!more.acr_asked) return true;
  if (!all.acr_asked) all.acr_values = more.acr_values;
  else std::erase_if(all.acr_values, [&](const std::string& acr) { return std::ranges::find(more.acr_values, acr) == more.acr_values.end(); });
  all.acr_asked = true;
  return !all.acr_values.empty();
}

}  // namespace

std::string_view name_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::allow: return "allow";
    case Outcome::deny: return "deny";
    case Outcome::step_up: return "step_up";
  }
  return "";
}

Rules::Rules(std::vector<Rule> rules) : rules_(std::move(rules)) {
  for (const auto& rule : rules_) {
    has_shadow_ = has_shadow_ || rule.stand == Stand::shadow;
    asks_for_proof_ = asks_for_proof_ || rule.when.asks_for_proof();
  }
}

Result<RulesPtr> Rules::make(std::vector<Rule> rules) {
  if (rules.empty()) return failure(Fault::invalid, "a policy has at least one rule");
  if (rules.size() > kRulesMax) return failure(Fault::invalid, "a policy has at most 100 rules");
  std::set<std::string> names;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    auto& name = rules[i].name;
    if (name.empty()) name = "rule " + std::to_string(i + 1);
    if (name.size() > kRuleNameMax || !is_utf8(name)) return failure(Fault::invalid, "a rule's name has at most 100 bytes");
    if (!names.insert(name).second) return failure(Fault::invalid, "the rule '" + name + "' stands there twice");
  }
  if (std::ranges::none_of(rules, [](const Rule& rule) { return rule.effect == Effect::allow && rule.stand == Stand::enforced; }))
    return failure(Fault::invalid, "no rule allows anything: nobody would ever pass");
  return RulesPtr(new Rules(std::move(rules)));
}

Decision Rules::decide(const Facts& facts, Stand least) const {
  Assumption nothing;
  Decision decision;
  for (const auto& rule : rules_) {
    if (rule.stand > least || !applies(rule, rule.when.holds(facts, nothing))) continue;
    decision.by = &rule;
    decision.outcome = rule.effect == Effect::allow ? Outcome::allow : Outcome::deny;
    break;
  }
  return decision.allowed() || !asks_for_proof_ ? decision : with_proof(facts, least, decision);
}

// Would the very same rules let pass who proves anew who they are? Then that is the answer, and what has to be proved is what
// the rules on the way took for granted.
Decision Rules::with_proof(const Facts& facts, Stand least, Decision denied) const {
  Assumption all;
  for (const auto& rule : rules_) {
    if (rule.stand > least) continue;
    Assumption assumed;
    assumed.met = true;
    const auto condition = rule.when.holds(facts, assumed);
    const bool counts = rule.effect == Effect::deny || condition == Truth::yes;
    if (counts && !add(all, assumed)) return denied;
    if (!applies(rule, condition)) continue;
    if (rule.effect == Effect::deny || (!all.acr_asked && !all.max_age)) return denied;
    return Decision{Outcome::step_up, &rule, StepUp{std::move(all.acr_values), all.max_age}};
  }
  return denied;
}

Trace Rules::trace(const Facts& facts) const {
  Trace trace;
  bool decided = false;
  for (const auto& rule : rules_) {
    Assumption nothing;
    const bool applied = applies(rule, rule.when.holds(facts, nothing));
    Said said{Said::What::not_asked, &rule, "an earlier rule has decided"};
    if (rule.stand == Stand::shadow) said = {Said::What::in_the_shadow, &rule, (applied ? "would apply; " : "would not apply; ") + reason(rule, facts)};
    else if (!decided) said = {applied ? Said::What::applies : Said::What::does_not_apply, &rule, reason(rule, facts)};
    decided = decided || said.what == Said::What::applies;
    trace.push_back(std::move(said));
  }
  return trace;
}

std::string Rules::because(const Facts& facts, const Decision& decision) const {
  if (decision.by != nullptr) return decision.by->name + (decision.outcome == Outcome::step_up ? " asks for a new proof of who it is" : ": " + reason(*decision.by, facts));
  std::string why = "no rule allows it";
  for (const auto& said : trace(facts))
    if (said.what == Said::What::does_not_apply && said.rule->effect == Effect::allow) why += "; " + said.rule->name + ": " + said.why;
  constexpr std::size_t kWhyMax = 1000;
  if (why.size() > kWhyMax) why.resize(kWhyMax);
  return why;
}

Result<Rule> require(const ClaimValues& claims) {
  std::vector<Condition> parts;
  for (const auto& [claim, values] : claims) {
    GH_TRY(auto part, Condition::claim_is(claim, values));
    parts.push_back(std::move(part));
  }
  GH_TRY(auto all, Condition::all(std::move(parts)));
  GH_TRY(auto lacking, Condition::none(std::move(all)));
  return Rule{"require", Effect::deny, std::move(lacking), Stand::enforced};
}

}  // namespace gatehouse::policy
