// A route's rules, asked about one request: the verdict, the reason for the log, and the rules in the shadow beside them.
// Knows nothing of who calls and how that was found out.
#pragma once

#include <array>
#include <atomic>
#include <optional>
#include <string>

#include "gateway/policy.h"
#include "policy/rules.h"

namespace gatehouse::gateway {

class Inquiry;

inline constexpr Seconds kShadowLogEvery{1};   // of one route: how often a difference is written down

// Rules that decide nothing yet. Counted at every request, logged now and then.
class Shadow {
 public:
  // `rules` nullptr: those of the route, with their own rules in the shadow.
  explicit Shadow(policy::RulesPtr rules) : rules_(std::move(rules)) {}
  policy::Decision decide(const policy::Rules* enforced, const policy::Facts& facts) const;
  const policy::Rules* rules() const { return rules_.get(); }
  // They would have come to this outcome, and the enforced rules did not. May it be logged? Counts it in any case.
  bool differs(policy::Outcome would, Timestamp now);
  void agrees() { agreed_.fetch_add(1, std::memory_order_relaxed); }
  std::uint64_t agreed() const { return agreed_.load(std::memory_order_relaxed); }
  std::uint64_t would(policy::Outcome outcome) const { return would_[static_cast<std::size_t>(outcome)].load(std::memory_order_relaxed); }
  std::uint64_t differed() const { return would(policy::Outcome::allow) + would(policy::Outcome::deny) + would(policy::Outcome::step_up); }

 private:
  policy::RulesPtr rules_;
  std::atomic<std::uint64_t> agreed_{0};
  std::array<std::atomic<std::uint64_t>, 3> would_{};   // by policy::Outcome
  std::atomic<std::int64_t> quiet_until_{0};
};

struct Question {
  const net::Request& request;
  const Pass& pass;
  const Log& log;
  Timestamp now;
  Inquiry* inquiry = nullptr;
};
struct Judgement {
  policy::Outcome outcome = policy::Outcome::deny;
  policy::StepUp step_up;
  std::string because;      // empty when allowed
};
// `rules` or `shadow` may be absent; without rules everybody passes whom the policy lets pass.
Judgement judge(const policy::Rules* rules, Shadow* shadow, const Demand& demand, const Question& question);

}  // namespace gatehouse::gateway
