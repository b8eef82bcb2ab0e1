// One question about a request: a tree of all, any and not over the kinds of conditions below. Parsed once, never wrong
// afterwards; asked as often as wanted from any thread, without I/O and, but for expressions, without allocations.
// Knows nothing of YAML and nothing of what is done with the answer.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/network.h"
#include "policy/facts.h"
#include "policy/time_window.h"

namespace gatehouse::policy {

inline constexpr std::size_t kValuesMax = 256;         // of one condition
inline constexpr std::size_t kConditionDepthMax = 8;
inline constexpr std::size_t kConditionsMax = 512;     // in one tree
inline constexpr Seconds kAuthTimeSkew{60};            // how far in the future an auth_time may lie

using Texts = std::vector<std::string>;

// Networks under a name, as `zones:` has them.
using Zones = std::map<std::string, std::shared_ptr<const Networks>, std::less<>>;

enum class Compare { below, at_most, at_least, above };

// While it is asked what would be if the person proved anew who they are: what was taken for granted.
struct Assumption {
  bool met = false;          // acr and max_age conditions hold, but are written down
  bool acr_asked = false;
  Texts acr_values;          // what all of them accept
  std::optional<Seconds> max_age;
};

class Condition {
 public:
  static Condition everybody();
  // Fault::invalid: too deep, too many, or none.
  static Result<Condition> all(std::vector<Condition> of);
  static Result<Condition> any(std::vector<Condition> of);
  static Result<Condition> none(Condition of);

  static Result<Condition> claim_is(std::string_view claim, Texts any_of);            // `groups` is one of them
  static Result<Condition> claim_has(std::string_view claim, Texts all_of);
  static Result<Condition> claim_begins(std::string_view claim, Texts prefixes);
  static Result<Condition> claim_ends(std::string_view claim, Texts suffixes);        // not "@…": email_in()
  static Result<Condition> claim_exists(std::string_view claim);
  static Result<Condition> claim_number(std::string_view claim, Compare how, std::int64_t bound);
  static Result<Condition> scopes(Texts all_of);                                      // of `scp`, else of `scope`
  static Result<Condition> email_in(std::string_view claim, Texts domains);           // and email_verified is not false
  static Result<Condition> acr(Texts any_of);
  static Result<Condition> amr(Texts all_of);
  static Result<Condition> max_age(Seconds age);                                      // since auth_time
  static Result<Condition> zones(const Zones& known, const Texts& any_of);
  static Result<Condition> methods(Texts any_of);
  static Result<Condition> hosts(Texts any_of);                                       // "*.example.com": every name below
  static Result<Condition> paths(const Texts& any_of);
  static Result<Condition> within(TimeWindow window);
  // Okta Expression Language over `claims` and `request` (method, host, path, client).
  static Result<Condition> expression(std::string_view text);

  Truth holds(const Facts& facts, Assumption& assumption) const;
  // In words, with the values of the rule and never those of the person.
  const std::string& text() const;
  // The part that keeps the answer from being another one; for explanations.
  const Condition& decisive(const Facts& facts, Assumption& assumption) const;
  bool asks_for_proof() const;   // is there an acr or max_age in it?
  std::size_t size() const;
  std::size_t depth() const;

  struct Node;

 private:
  explicit Condition(std::shared_ptr<const Node> node) : node_(std::move(node)) {}
  static Condition of(Node node);
  static Result<Condition> tree(std::vector<Condition> of, std::string_view word);
  std::shared_ptr<const Node> node_;
};

}  // namespace gatehouse::policy
