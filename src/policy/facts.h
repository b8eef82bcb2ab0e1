// What is known of one request when a rule is asked. Borrowed from whoever asks, for as long as the question takes.
// Knows nothing of where claims come from (a token, a session) or how a request arrived.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/json.h"

namespace gatehouse::policy {

struct Facts {
  const json::object* claims = nullptr;   // nullptr: nobody is known
  std::string_view method = {}, host = {};   // host: canonical, without port
  std::string_view path = {};             // canonical (net::Request::path), without query
  std::string_view client = {};           // numeric address; empty: not known
  Timestamp now{};
};

// A condition that cannot be evaluated (no such claim, another type, two readings) is neither true nor false, also under
// `not`: an allow rule needs yes, a deny rule is kept away by no only. Ordered, so that min is "and", max is "or".
enum class Truth : std::uint8_t { no, unknown, yes };
constexpr Truth truth(bool is) { return is ? Truth::yes : Truth::no; }
constexpr Truth negation(Truth of) { return static_cast<Truth>(2 - static_cast<int>(of)); }

// What would have to be proved anew for a request to pass (RFC 9470).
struct StepUp {
  std::vector<std::string> acr_values;    // one of these; empty: any
  std::optional<Seconds> max_age;         // since the person proved who they are
  friend bool operator==(const StepUp&, const StepUp&) = default;
};

}  // namespace gatehouse::policy
