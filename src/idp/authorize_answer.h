// How an answer of the authorization endpoint travels back to the client: a redirect, or a page that hands it over. Only ever to
// the address in `Target`, which is a registered one. Knows nothing of what the answer holds.
#pragma once

#include "idp/authorize_request.h"

namespace gatehouse::idp {

inline constexpr Seconds kSignedAnswerLife{10 * 60};   // JARM §4.1: short

// With `state` and `iss` (RFC 9207). form_post: its button works without JavaScript. okta_post_message: only the
// origin of the registered address may frame the page, and only it gets the message.
Task<net::Reply> answer(Provider& provider, Server server, Target target, net::Form parameters);
Task<net::Reply> answer_error(Provider& provider, Server server, Target target, Error error);

}  // namespace gatehouse::idp
