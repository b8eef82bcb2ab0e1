// What gatehouse.yaml says about protocols: `protocol` and `websocket` of a route, `proxy_protocol` of a listener.
#pragma once

#include <string>
#include <vector>

#include "app/yaml.h"
#include "gateway/config.h"
#include "net/client.h"

namespace gatehouse::app {

struct Wire {
  net::UpstreamProtocol protocol = net::UpstreamProtocol::http1;
  gateway::WebSocketRules websocket;
};
Wire read_wire(Map& route);
// `protocol`, of a route or of an entry of `gateway.upstreams`.
net::UpstreamProtocol read_protocol(Map& in);

// Networks whose connections begin with a PROXY header; empty when the listener says nothing of it.
std::vector<std::string> read_proxy_protocol(Map& listener);

}  // namespace gatehouse::app
