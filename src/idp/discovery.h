// What a server says of itself: metadata (RFC 8414, OpenID Connect Discovery) and its public keys.
#pragma once

#include "idp/provider.h"

namespace gatehouse::idp {

Task<net::Reply> metadata(Provider& provider, const net::Call& call);
Task<net::Reply> keys(Provider& provider, const net::Call& call);
Task<net::Reply> preflight(Provider& provider, const net::Call& call);   // CORS; the headers are the style's

}  // namespace gatehouse::idp
