// The whole map of signing in. Pages know their own step and the way back here; none knows another page, so a new step
// is a line here and a file beside the others. No I/O.
#pragma once

#include <optional>

#include "core/clock.h"

namespace gatehouse::signin {

enum class Consent { open, given, denied };

struct SignIn {                          // what has been proven so far
  std::optional<Timestamp> password_at;
  Consent consent = Consent::open;
};
struct Policy {                          // what the one who asked wants
  Timestamp password_since{};            // a proof older than this does not count (prompt=login, max_age)
  bool needs_consent = false;
};
enum class Step { password, consent, done };

Step next_step(const SignIn& so_far, const Policy& policy);

}  // namespace gatehouse::signin
