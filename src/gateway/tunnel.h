// WebSocket: a request that asks to become a tunnel (RFC 6455, or RFC 8441 over HTTP/2), and the tunnel. The handshake is a
// request like any other until here: matched, authenticated, judged. No byte goes on before the upstream has proven that it
// agreed, and the tunnel does not outlive the identity that opened it. Knows nothing of frames.
#pragma once

#include <optional>

#include "gateway/forward.h"

namespace gatehouse::gateway {

// Why this handshake is not forwarded: malformed, not wanted here, or begun by a page of somebody else with the user's cookie
// (cross-site WebSocket hijacking); nullopt when it may go on. Only for requests with an Upgrade to websocket.
std::optional<net::Reply> refuse_handshake(const net::Request& request, const Route& route);
std::optional<net::Reply> refuse_origin(const net::Request& request, const Route& route, const Pass& pass);

// Does the policy still let this request pass? Asked again and again while the tunnel lives.
using StillPasses = boost::asio::awaitable<bool> (*)(net::Exchange&, const Journey&);
// Borrows everything, as forward() does.
boost::asio::awaitable<void> tunnel(const Onward& onward, StillPasses still_passes);

}  // namespace gatehouse::gateway
