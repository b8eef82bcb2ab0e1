// Applications as OAuth clients, in the words of RFC 7591 §2.
#pragma once

#include "orgapi/calls.h"

namespace gatehouse::orgapi {

// `secret` only in the answer that made it.
json::object shape_client(const directory::App& app, const Secret* secret);
// People are asked for their consent unless the request says otherwise: whoever registers here is not the
// administrator. App::client_id is what the request says, which is no client's until somebody has compared it.
Result<directory::App> read_registration(const net::Call& call);
// RFC 7591 §3.2.2: what is wrong with the metadata. Faults of other kinds come back as they are.
Result<net::Reply> refused_metadata(Error error);

}  // namespace gatehouse::orgapi
