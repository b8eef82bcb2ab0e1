// RP-initiated logout (OpenID Connect RP-Initiated Logout 1.0).
#pragma once

#include "idp/authorize.h"

namespace gatehouse::idp {

Task<net::Reply> logout(Provider& provider, const net::Call& call, RawForm ask);
Task<net::Reply> logout_posted(Provider& provider, const net::Call& call, RawForm ask);

}  // namespace gatehouse::idp
