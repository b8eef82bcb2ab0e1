// How an answer of the authorization endpoint travels back to the client: a redirect, or a page that hands it over. Only ever to
// the address in `Target`, which is a registered one. Knows nothing of what the answer holds.
#pragma once

#include "idp/authorize_request.h"

namespace gatehouse::idp {

// With `state` and `iss` (RFC 9207). form_post: its button works without JavaScript.
net::Reply answer(const Target& target, net::Form parameters);
net::Reply answer_error(const Target& target, const Error& error);

}  // namespace gatehouse::idp
