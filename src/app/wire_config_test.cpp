#include "app/wire_config.h"

#include <gtest/gtest.h>

#include "app/config.h"

namespace gatehouse::app {
namespace {

Result<Config> with(const std::string& listener, const std::string& route) {
  return parse_config("data: d\nlisteners: [{port: 1" + listener + "}]\ngateway: {hosts: [{host: a.example, routes: [{upstream: 'http://b', open: true" + route + "}]}]}\n", "g.yaml");
}
std::string fault(const std::string& listener, const std::string& route) {
  const auto config = with(listener, route);
  return config ? "none" : config.error().message();
}

TEST(WireConfig, says_nothing_by_default) {
  const auto config = with("", "").value();
  const auto& wire = config.gateway[0].routes[0].wire;
  EXPECT_EQ(wire.protocol, net::UpstreamProtocol::http1);
  EXPECT_TRUE(wire.websocket.allowed);
  EXPECT_FALSE(wire.websocket.outlives_identity);
  EXPECT_TRUE(config.listeners[0].proxy_protocol.empty());
  const auto http2 = config.listeners[0].http2.options();
  EXPECT_TRUE(http2.enabled);
  EXPECT_EQ(http2.streams_max, net::Http2Options().streams_max);
  EXPECT_EQ(http2.stream_window, net::Http2Options().stream_window);
  EXPECT_EQ(http2.connection_window, net::Http2Options().connection_window);
}

TEST(WireConfig, is_read) {
  const auto config = with(", proxy_protocol: {from: [10.0.0.0/8, '::1']}", ", protocol: h2, websocket: {origins: ['https://c.example'], outlives_identity: true, recheck: 5s}").value();
  const auto& wire = config.gateway[0].routes[0].wire;
  EXPECT_EQ(wire.protocol, net::UpstreamProtocol::h2);
  EXPECT_EQ(wire.websocket.origins, std::vector<std::string>{"https://c.example"});
  EXPECT_TRUE(wire.websocket.outlives_identity);
  EXPECT_EQ(wire.websocket.recheck, std::chrono::seconds(5));
  EXPECT_EQ(config.listeners[0].proxy_protocol.size(), 2);
  EXPECT_EQ(with("", ", protocol: auto").value().gateway[0].routes[0].wire.protocol, net::UpstreamProtocol::automatic);
  EXPECT_FALSE(with("", ", websocket: false").value().gateway[0].routes[0].wire.websocket.allowed);
}

TEST(WireConfig, a_listener_says_how_much_of_http2_it_speaks) {
  const auto options = [](const std::string& words) { return with(", http2: " + words, "").value().listeners[0].http2.options(); };
  const auto told = options("{streams: 7, stream_window: 128KiB, connection_window: 2MiB}");
  EXPECT_TRUE(told.enabled);
  EXPECT_EQ(told.streams_max, 7);
  EXPECT_EQ(told.stream_window, 128 * 1024);
  EXPECT_EQ(told.connection_window, 2 * 1024 * 1024);
  EXPECT_FALSE(options("false").enabled);
  EXPECT_TRUE(options("true").enabled);
  EXPECT_EQ(options("{stream_window: 4MiB}").connection_window, 4 * 1024 * 1024) << "all that stream may bring";
  EXPECT_NE(with(", http2: false", "").value().listeners[0], with("", "").value().listeners[0]) << "a reload sees the difference";
}

TEST(WireConfig, an_upstream_may_be_told_who_connects) {
  EXPECT_EQ(with("", "").value().gateway[0].routes[0].wire.proxy_protocol, net::ProxyProtocol::none);
  EXPECT_EQ(with("", ", proxy_protocol: v1").value().gateway[0].routes[0].wire.proxy_protocol, net::ProxyProtocol::v1);
  EXPECT_EQ(with("", ", proxy_protocol: v2").value().gateway[0].routes[0].wire.proxy_protocol, net::ProxyProtocol::v2);
  EXPECT_NE(fault("", ", proxy_protocol: v3").find("g.yaml:3:"), std::string::npos);
  EXPECT_NE(fault("", ", proxy_protocol: v1, protocol: h2").find("write `protocol: http1`"), std::string::npos);
}

TEST(WireConfig, names_what_is_wrong) {
  EXPECT_NE(fault("", ", protocol: h3").find("protocol"), std::string::npos);
  EXPECT_NE(fault("", ", websocket: maybe").find("websocket"), std::string::npos);
  EXPECT_NE(fault("", ", websocket: {origin: x}").find("did you mean 'origins'"), std::string::npos);
  EXPECT_NE(fault("", ", websocket: {origins: ['https://c.example/path']}").find("is not an origin"), std::string::npos);
  EXPECT_NE(fault("", ", websocket: {recheck: 1ms}").find("recheck"), std::string::npos);
  EXPECT_NE(fault(", http2: sometimes", "").find("http2"), std::string::npos);
  EXPECT_NE(fault(", http2: {stream: 1}", "").find("did you mean 'streams'"), std::string::npos);
  EXPECT_NE(fault(", http2: {streams: 0}", "").find("streams"), std::string::npos);
  EXPECT_NE(fault(", http2: {streams: 1001}", "").find("1000"), std::string::npos);
  EXPECT_NE(fault(", http2: {stream_window: 1KiB}", "").find("stream_window"), std::string::npos);
  EXPECT_NE(fault(", http2: {connection_window: 1GiB}", "").find("connection_window"), std::string::npos);
  EXPECT_NE(fault(", http2: {stream_window: 1MiB, connection_window: 512KiB}", "").find("make it at least as large"), std::string::npos);
  EXPECT_NE(fault(", proxy_protocol: {}", "").find("from"), std::string::npos);
  EXPECT_NE(fault(", proxy_protocol: {from: [everybody]}", "").find("from"), std::string::npos);
}

}  // namespace
}  // namespace gatehouse::app
