#include "app/wire_config.h"

#include <fmt/format.h>

#include <algorithm>

#include "app/retry_config.h"
#include "net/network.h"
#include "net/url.h"

namespace gatehouse::app {
namespace {

const std::vector<std::string> kProtocols{"http1", "h2", "auto"};   // in the order of UpstreamProtocol
constexpr std::uint64_t kWindowLeast = 64 * 1024, kWindowMost = 64 * 1024 * 1024;   // what RFC 9113 begins with, and what a client may make us keep
constexpr std::int64_t kStreamsMost = 1000;
const std::vector<std::string> kProxyVersions{"v1", "v2"};
constexpr std::chrono::milliseconds kRecheckLeast{1000}, kRecheckMost{std::chrono::hours(24)};

gateway::WebSocketRules read_websocket(Map& route) {
  gateway::WebSocketRules rules;
  if (!route.has("websocket")) return rules;
  if (!route.is_map("websocket")) {
    rules.allowed = route.flag("websocket").value_or(true);
    return rules;
  }
  auto in = route.map("websocket");
  rules.origins = in.texts("origins");
  for (const auto& origin : rules.origins) {
    const auto url = net::Url::parse(origin);
    if (origin != "*" && (!url || url->origin() != origin))
      in.fault("origins", fmt::format("'{}' is not an origin", origin), "write scheme://host[:port] in lower case, without a path; '*' stands for any");
  }
  if (rules.origins.size() > gateway::kOriginsMax) in.fault("origins", fmt::format("has more than {} entries", gateway::kOriginsMax), {});
  rules.outlives_identity = in.flag("outlives_identity").value_or(false);
  if (const auto every = in.duration("recheck", kRecheckLeast, kRecheckMost)) rules.recheck = *every;
  in.done();
  return rules;
}

}  // namespace

net::UpstreamProtocol read_protocol(Map& in) {
  const auto protocol = in.choice("protocol", kProtocols);
  return protocol ? static_cast<net::UpstreamProtocol>(*protocol) : net::UpstreamProtocol::http1;
}

net::ProxyProtocol read_proxy_version(Map& in, net::UpstreamProtocol beside) {
  const auto version = in.choice("proxy_protocol", kProxyVersions);
  if (!version) return net::ProxyProtocol::none;
  if (beside != net::UpstreamProtocol::http1)
    in.fault("proxy_protocol", "does not go with HTTP/2, whose connections carry requests of many clients",
             "write `protocol: http1`, or leave it out and let the upstream read X-Forwarded-For");
  return *version == 0 ? net::ProxyProtocol::v1 : net::ProxyProtocol::v2;
}

Wire read_wire(Map& route) {
  Wire wire;
  wire.protocol = read_protocol(route);
  wire.proxy_protocol = read_proxy_version(route, wire.protocol);
  wire.websocket = read_websocket(route);
  wire.retry = read_retry(route);
  wire.timeouts = read_timeouts(route);
  return wire;
}

Http2Words::Http2Words() {
  const net::Http2Options usual;
  streams = usual.streams_max;
  stream_window = usual.stream_window;
  connection_window = usual.connection_window;
}

net::Http2Options Http2Words::options() const {
  return {.enabled = enabled, .streams_max = streams, .stream_window = stream_window, .connection_window = connection_window};
}

Http2Words read_http2(Map& listener) {
  Http2Words words;
  if (!listener.has("http2")) return words;
  if (!listener.is_map("http2")) {
    words.enabled = listener.flag("http2").value_or(true);
    return words;
  }
  auto in = listener.map("http2");
  const auto size = [&](std::string_view key, std::uint32_t usual) {
    return static_cast<std::uint32_t>(in.bytes(key, kWindowLeast, kWindowMost).value_or(usual));
  };
  words.streams = static_cast<std::uint32_t>(in.number("streams", 1, kStreamsMost).value_or(words.streams));
  words.stream_window = size("stream_window", words.stream_window);
  words.connection_window = size("connection_window", std::max(words.connection_window, words.stream_window));
  if (words.connection_window < words.stream_window)
    in.fault("connection_window", "is smaller than stream_window", "make it at least as large: all streams of a connection share it");
  in.done();
  return words;
}

std::vector<std::string> read_proxy_protocol(Map& listener) {
  if (!listener.has("proxy_protocol")) return {};
  auto in = listener.map("proxy_protocol");
  auto from = in.texts("from");
  if (from.empty()) in.fault("from", "is missing or empty", "name the balancers that may say who connects, for example `from: [10.0.0.0/8]`");
  for (const auto& network : from)
    if (const auto fine = net::Networks::parse({network}); !fine) in.fault("from", fine.error().message(), "for example `10.0.0.0/8` or `::1`");
  in.done();
  return from;
}

}  // namespace gatehouse::app
