#include "access/step_up.h"

#include <algorithm>

#include "core/text.h"

namespace gatehouse::access {

bool proves_enough(const jose::Claims& claims, const SignIn& asked, Timestamp now) {
  if (!asked.acr_values.empty()) {
    const auto acr = claims.text("acr");
    const auto wanted = split_words(asked.acr_values);
    if (!acr || std::ranges::find(wanted, *acr) == wanted.end()) return false;
  }
  if (!asked.max_age) return true;
  const auto at = claims.time("auth_time");
  return at && *at <= now + kProofSkew && *at >= now - *asked.max_age - kProofSkew;
}

}  // namespace gatehouse::access
