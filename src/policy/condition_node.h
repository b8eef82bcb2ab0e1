// The kinds of conditions, each with its own holds(). Internal to policy.
#pragma once

#include <variant>

#include "expr/expression.h"
#include "policy/claim.h"
#include "policy/condition.h"
#include "policy/path_pattern.h"

namespace gatehouse::policy {

struct Everybody {
  Truth holds(const Facts&, Assumption&) const { return Truth::yes; }
};
struct AllOf {
  std::vector<Condition> of;
  Truth holds(const Facts& facts, Assumption& assumption) const;
};
struct AnyOf {
  std::vector<Condition> of;
  Truth holds(const Facts& facts, Assumption& assumption) const;
};
struct NoneOf {
  Condition of;
  Truth holds(const Facts& facts, Assumption& assumption) const { return negation(of.holds(facts, assumption)); }
};
struct ClaimIs {
  ClaimPath claim;
  Texts any_of;
  Truth holds(const Facts& facts, Assumption&) const;
};
struct ClaimHas {
  ClaimPath claim;
  Texts all_of;
  Truth holds(const Facts& facts, Assumption&) const;
};
struct ClaimEdge {
  ClaimPath claim;
  Texts any_of;
  enum class Where { begin, end } where;
  Truth holds(const Facts& facts, Assumption&) const;
};
struct ClaimExists {
  ClaimPath claim;
  Truth holds(const Facts& facts, Assumption&) const;
};
struct ClaimNumber {
  ClaimPath claim;
  Compare how;
  std::int64_t bound;
  Truth holds(const Facts& facts, Assumption&) const;
};
struct Scopes {
  Texts all_of;
  Truth holds(const Facts& facts, Assumption&) const;
};
struct EmailIn {
  std::string claim;
  Texts domains;
  Truth holds(const Facts& facts, Assumption&) const;
};
struct Acr {
  Texts any_of;
  Truth holds(const Facts& facts, Assumption& assumption) const;
};
struct Amr {
  ClaimHas claim;
  Truth holds(const Facts& facts, Assumption& assumption) const { return claim.holds(facts, assumption); }
};
struct MaxAge {
  Seconds age;
  Truth holds(const Facts& facts, Assumption& assumption) const;
};
struct InZones {
  std::vector<std::shared_ptr<const Networks>> any_of;
  Truth holds(const Facts& facts, Assumption&) const;
};
struct Methods {
  Texts any_of;
  Truth holds(const Facts& facts, Assumption&) const;
};
struct Hosts {
  Texts any_of;
  Truth holds(const Facts& facts, Assumption&) const;
};
struct Paths {
  std::vector<PathPattern> any_of;
  Truth holds(const Facts& facts, Assumption&) const;
};
struct Within {
  TimeWindow window;
  Truth holds(const Facts& facts, Assumption&) const { return window.holds(facts.now); }
};
struct Expressed {
  expr::Expression expression;
  bool needs_claims;
  Truth holds(const Facts& facts, Assumption&) const;
};

struct Condition::Node {
  std::variant<Everybody, AllOf, AnyOf, NoneOf, ClaimIs, ClaimHas, ClaimEdge, ClaimExists, ClaimNumber, Scopes, EmailIn, Acr, Amr,
               MaxAge, InZones, Methods, Hosts, Paths, Within, Expressed> kind;
  std::string text;
  std::size_t size = 1, depth = 1;
  bool asks_for_proof = false;
};

}  // namespace gatehouse::policy
