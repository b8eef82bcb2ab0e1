// Where a connection from a balancer says who is really there. Internal to net.
#pragma once

#include "net/serving.h"
#include "net/stream.h"

namespace gatehouse::net {

// Takes the PROXY header off the front of the connection, and not a byte more: TLS may follow. The client's address (or
// `peer` when the header names none); nullopt when there is no valid header in time.
boost::asio::awaitable<std::optional<Address>> take_proxy_header(LoopState& loop, Stream::Socket& socket, Address peer);

}  // namespace gatehouse::net
