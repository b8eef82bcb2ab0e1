// What gatehouse.yaml says about protocols and patience: `protocol`, `proxy_protocol`, `websocket`, `retry` and `timeouts` of a
// route, `proxy_protocol` and `http2` of a listener.
#pragma once

#include <string>
#include <vector>

#include "app/yaml.h"
#include "gateway/config.h"
#include "net/client.h"
#include "net/server.h"

namespace gatehouse::app {

struct Wire {
  net::UpstreamProtocol protocol = net::UpstreamProtocol::http1;
  net::ProxyProtocol proxy_protocol = net::ProxyProtocol::none;
  gateway::WebSocketRules websocket;
  gateway::RetryRules retry;
  gateway::Timeouts timeouts;
};
Wire read_wire(Map& route);
// `protocol`, of a route or of an entry of `gateway.upstreams`.
net::UpstreamProtocol read_protocol(Map& in);
// `proxy_protocol`, of the same: whether the upstream is told who connects.
net::ProxyProtocol read_proxy_version(Map& in, net::UpstreamProtocol beside);

// What a listener offers its clients of HTTP/2. The defaults are those of net.
struct Http2Words {
  bool enabled = true;
  std::uint32_t streams, stream_window, connection_window;
  Http2Words();
  net::Http2Options options() const;
  friend bool operator==(const Http2Words&, const Http2Words&) = default;
};
Http2Words read_http2(Map& listener);

// Networks whose connections begin with a PROXY header; empty when the listener says nothing of it.
std::vector<std::string> read_proxy_protocol(Map& listener);

}  // namespace gatehouse::app
