// Clients that prove themselves with the certificate of their TLS connection (RFC 8705). What a header says of a
// certificate is never looked at: net::Request knows the connection's own.
#pragma once

#include "idp/client_keys.h"
#include "net/message.h"

namespace gatehouse::idp {

// tls_client_auth: issued by an authority of the listener, and naming the registered subject. Code::invalid_client.
Result<void> check_authority_certificate(const directory::App& app, const net::Request& request);
// self_signed_tls_client_auth: the very certificate that is registered with a key. Who signed it does not matter.
Result<void> check_registered_certificate(const KnownKeys& keys, const net::Request& request);

// Two distinguished names, RFC 4514: types without regard to case, values exactly, escapes resolved. False for what is
// none.
bool same_name(std::string_view a, std::string_view b);

// RFC 8705 §3: a token that is bound to a certificate is good with that certificate only. Code::invalid_token.
Result<void> check_bound(const json::object& claims, std::string_view certificate);

}  // namespace gatehouse::idp
