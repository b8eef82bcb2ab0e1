// Was the new sign-in as good as it was asked to be? Issuers may answer with less than `acr_values` and `max_age` asked for
// (OpenID Connect Core §3.1.2.1: "voluntary"), so whoever asked has to look.
#pragma once

#include "access/state.h"
#include "jose/jwt.h"

namespace gatehouse::access {

inline constexpr Seconds kProofSkew{60};

bool proves_enough(const jose::Claims& claims, const SignIn& asked, Timestamp now);

}  // namespace gatehouse::access
