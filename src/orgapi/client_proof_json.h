// How clients prove themselves, in the words of Okta's API, RFC 7591 §2 and RFC 8705 §2.1.2.
#pragma once

#include "orgapi/calls.h"

namespace gatehouse::orgapi {

// A key with its id, state and times; the public half is all there is.
json::object shape(const directory::ClientKey& key);
// jwks, jwks_uri, token_endpoint_auth_signing_alg, tls_client_auth_…, tls_client_certificate_bound_access_tokens: those
// that say something.
void put_proof(json::object& settings, const directory::App& app);
void read_proof(Reader& client, directory::App& app);

}  // namespace gatehouse::orgapi
