// Who calls a token, introspection or revocation endpoint.
#pragma once

#include "idp/provider.h"

namespace gatehouse::idp {

// The server of a row, by its path; Fault::missing.
Task<Server> server_of(Provider& provider, const net::Call& call);

// An active application that speaks OAuth at all (bookmarks and the like do not).
bool is_client(const directory::App& app);

enum class Proof { required, public_too };
// The active client with a proof that fits how it is registered. Code::invalid_client.
Task<directory::App> authenticate_client(Provider& provider, const net::Call& call, oauth::Params params, Proof proof);

}  // namespace gatehouse::idp
