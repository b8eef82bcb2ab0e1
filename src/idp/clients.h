// Who calls a token, introspection or revocation endpoint.
#pragma once

#include "idp/provider.h"

namespace gatehouse::idp {

// The server of a row, by its path; Fault::missing.
Task<Server> server_of(Provider& provider, const net::Call& call);

// An active application that speaks OAuth at all (bookmarks and the like do not).
bool is_client(const directory::App& app);

// The ways to prove itself and the algorithms of assertions that metadata may promise.
std::vector<directory::ClientAuth> client_auth_methods(const Provider& provider);
std::vector<jose::Alg> assertion_algs();

enum class Proof { required, public_too };
// The active client with a proof that fits how it is registered. Code::invalid_client.
Task<directory::App> authenticate_client(Provider& provider, const net::Call& call, Server server, oauth::Params params, Proof proof);

// Who the call says it comes from, whether that is true or not: for the log.
std::string claimed_client(const net::Call& call, const oauth::Params& params);

}  // namespace gatehouse::idp
