#include "gateway/judge.h"

#include "gateway/inquiry.h"

namespace gatehouse::gateway {

namespace {

policy::Facts facts_of(const Question& question) {
  const auto& request = question.request;
  return {question.pass.attributes.get(), request.method_name, request.host, request.path, request.client.ip, question.now};
}

void ask_shadow(const policy::Rules* rules, Shadow& shadow, const Demand& demand, const Question& question, const policy::Decision& enforced) {
  const auto facts = facts_of(question);
  const auto decision = shadow.decide(rules, facts);
  if (question.inquiry != nullptr && shadow.rules() != nullptr)
    question.inquiry->judged(Inquiry::Which::shadow, shadow.rules()->trace(facts), decision);
  if (decision.outcome == enforced.outcome) return shadow.agrees();
  if (!shadow.differs(decision.outcome, question.now)) return;
  question.log.info("gateway.shadow_differs", {{"route", demand.route},
                                               {"enforced", policy::name_of(enforced.outcome)},
                                               {"shadow", policy::name_of(decision.outcome)},
                                               {"rule", decision.by == nullptr ? std::string_view("none") : std::string_view(decision.by->name)},
                                               {"agreed", shadow.agreed()},
                                               {"differed", shadow.differed()}});
}

}  // namespace

policy::Decision Shadow::decide(const policy::Rules* enforced, const policy::Facts& facts) const {
  if (rules_) return rules_->decide(facts);
  return enforced->decide_with_shadow(facts);
}

bool Shadow::differs(policy::Outcome would, Timestamp now) {
  would_[static_cast<std::size_t>(would)].fetch_add(1, std::memory_order_relaxed);
  auto quiet = quiet_until_.load(std::memory_order_relaxed);
  const auto at = to_millis(now);
  return at >= quiet && quiet_until_.compare_exchange_strong(quiet, at + Millis(kShadowLogEvery).count());
}

Judgement judge(const policy::Rules* rules, Shadow* shadow, const Demand& demand, const Question& question) {
  policy::Decision decision;
  decision.outcome = policy::Outcome::allow;
  const auto facts = facts_of(question);
  if (rules != nullptr) {
    decision = rules->decide(facts);
    if (question.inquiry != nullptr) question.inquiry->judged(Inquiry::Which::enforced, rules->trace(facts), decision);
  }
  if (shadow != nullptr) ask_shadow(rules, *shadow, demand, question, decision);
  if (decision.allowed()) return {policy::Outcome::allow, {}, {}};
  auto because = rules->because(facts, decision);
  return {decision.outcome, std::move(decision.step_up), std::move(because)};
}

}  // namespace gatehouse::gateway
