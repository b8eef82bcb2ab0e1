// Pushed authorization requests (RFC 9126): a client proves itself and hands its request over on the back channel; the browser
// then carries a reference. What was pushed is judged when it comes and once more when it is used, like every request.
#pragma once

#include "idp/provider.h"

namespace gatehouse::idp {

inline constexpr std::string_view kRequestUriPrefix = "urn:ietf:params:oauth:request_uri:";
// Long enough for a browser to be sent on; the request then lives in the sign-in transaction.
inline constexpr secrets::HandleKind kPushed{"pushed_authorization_request", "ghq_", Seconds(90)};

// POST /v1/par. The refusals are those of the token endpoint and of the authorization endpoint, as JSON (RFC 9126 §2.3).
Task<net::Reply> push_request(Provider& provider, const net::Call& call, oauth::Params params);

// The request that a browser brought, or the one that it refers to: then nothing of the address counts but `client_id`, and the
// reference is spent (CVE-2026-96446: one was good again with prompt=none). Errors are for a page: there is no address to trust.
Task<oauth::Params> settled(Provider& provider, Server server, oauth::Params params);

}  // namespace gatehouse::idp
