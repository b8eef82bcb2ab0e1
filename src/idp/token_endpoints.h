// Handlers of the endpoints that clients call by themselves.
#pragma once

#include "idp/provider.h"

namespace gatehouse::idp {

Task<json::value> token(Provider& provider, const net::Call& call, oauth::Params params);
Task<net::Reply> introspect(Provider& provider, const net::Call& call, oauth::Params params);
Task<net::Reply> revoke(Provider& provider, const net::Call& call, oauth::Params params);   // 200 also for what we do not know
Task<json::value> userinfo(Provider& provider, const net::Call& call, oauth::Params params);

}  // namespace gatehouse::idp
