// The PROXY protocol, versions 1 and 2: what a balancer in front says about who connected, before the first byte of that
// connection. https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt. A pure machine without sockets. Strict: whoever
// may say it is believed about the client's address, so nothing is guessed. Internal to net.
#pragma once

#include <cstddef>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "net/client.h"
#include "net/http1.h"
#include "net/message.h"

namespace gatehouse::net {

inline constexpr std::size_t kProxyLineMax = 107;      // version 1, its CRLF included (§2.1)
inline constexpr std::size_t kProxyHeaderMax = 2048;   // version 2: addresses and what follows them (TLVs), which is skipped

struct ProxyHeader {
  std::size_t bytes = 0;                // of the header; what follows belongs to the connection
  std::optional<Address> client;        // none: the balancer itself (LOCAL), or it does not know (UNKNOWN, UNSPEC)
};

// nullopt: more bytes are needed, and every byte so far belongs to the header.
std::expected<std::optional<ProxyHeader>, Refusal> parse_proxy_header(std::string_view bytes);

// What we say to an upstream ourselves. `to` is the upstream's own address; when it is of another family than the client's, the
// unspecified address stands in its place, since one header has one family. Without a client (its ip is empty) the header says
// that we ask for ourselves.
std::string write_proxy_header(ProxyProtocol version, const Address& client, const Address& to);

}  // namespace gatehouse::net
