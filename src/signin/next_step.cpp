#include "signin/next_step.h"

namespace gatehouse::signin {

Step next_step(const SignIn& so_far, const Policy& policy) {
  if (!so_far.password_at || *so_far.password_at < policy.password_since) return Step::password;
  if (policy.needs_consent && so_far.consent == Consent::open) return Step::consent;
  return Step::done;
}

}  // namespace gatehouse::signin
