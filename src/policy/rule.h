// Who may pass: conditions on what is known about somebody, decided with a reason. Pure: no I/O, no clock.
// Knows nothing of where attributes come from (token claims, session, directory) or what is guarded by it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/json.h"

namespace gatehouse::policy {

inline constexpr std::size_t kConditionsMax = 32;   // of one rule
inline constexpr std::size_t kValuesMax = 256;      // of one condition

// The attribute (a text or a list of texts, numbers and booleans as text) has one of the values; exact, with case.
struct Condition {
  std::string attribute;
  std::vector<std::string> any_of;
};

// All conditions hold. A rule without conditions lets everybody pass.
struct Rule {
  std::vector<Condition> all_of;
};

struct Decision {
  bool allowed = false;
  std::string because;   // for the log and for "why was this denied": names the condition, never the values somebody has
};

Result<void> validate(const Rule& rule);
Decision decide(const Rule& rule, const json::object& attributes);

}  // namespace gatehouse::policy
