// The opening handshake of RFC 6455, the part that proves that the other side meant it.
#pragma once

#include <string>
#include <string_view>

namespace gatehouse::net {

// Sec-WebSocket-Accept for a Sec-WebSocket-Key (RFC 6455 §4.2.2).
std::string websocket_accept(std::string_view key);

}  // namespace gatehouse::net
