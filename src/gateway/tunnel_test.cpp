// WebSocket through the gateway, byte for byte on both sides, and what passes in pieces. Attacks name their advisory.
#include <gtest/gtest.h>

#include <algorithm>

#include <atomic>
#include <future>

#include "gateway/gateway_fixture.h"
#include "gateway/grpc.h"
#include "net/scripted_peer.h"
#include "net/websocket.h"
#include "oauth/client/fake_issuer.h"

namespace gatehouse::gateway {
namespace {

using net::ScriptedPeer;
constexpr std::string_view kHandshake =
    "GET /ws HTTP/1.1\r\nHost: wiki.test\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
constexpr std::string_view kAgreed =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nX-Remote-User: planted\r\n\r\n";

// Passes whoever it is told to pass, by whatever it is told vouched for them.
class Door final : public Policy {
 public:
  Pass pass;
  std::atomic<bool> open = true;
  std::vector<std::string> managed_headers() const override { return {"X-Remote-User"}; }
  Task<Verdict> check(net::Exchange&, const Demand&) override {
    if (!open) co_return net::Reply::text(401, "no");
    co_return pass;
  }
};

struct Tunnels : testing::Test {
  House house;
  oauth::client::FakeIssuer issuer{house.clock};
  std::shared_ptr<Door> door = std::make_shared<Door>();
  std::atomic<int> heads = 0;

  void open(const std::string& upstream, WebSocketRules rules = {}) {
    Config with;
    with.pools.push_back({.name = "app", .targets = {upstream}});
    RouteConfig route;
    route.host = "wiki.test";
    route.policy = "door";
    route.upstream = "app";
    route.websocket = std::move(rules);
    with.routes.push_back(route);
    Policies policies;
    policies["door"] = door;
    house.open(house.needs(issuer), with, policies);
  }
  static std::string url(const ScriptedPeer& peer) { return "http://127.0.0.1:" + std::to_string(peer.port()); }
  // Agrees and sends everything back until the client ends; then says goodbye.
  ScriptedPeer::Script echo() {
    return [this](auto& talk) {
      if (talk.head().empty()) return;
      ++heads;
      talk.send(kAgreed);
      for (auto byte = talk.read(1); !byte.empty(); byte = talk.read(1)) talk.send(byte);
      talk.send("bye");
    };
  }
  static void shake(RawClient& client, const std::string& lines = {}, std::string_view after = {}) {
    client.send(std::string(kHandshake) + lines + "\r\n" + std::string(after));
  }
  static std::string bytes(RawClient& client, std::size_t count) { return client.bytes(count); }
};

// The key goes through, so the client can check the upstream's proof itself; the tunnel carries both directions and their ends.
TEST_F(Tunnels, a_tunnel_carries_bytes_and_ends_both_ways) {
  std::string head;
  ScriptedPeer peer([&](auto& talk) {
    head = talk.head();
    talk.send(kAgreed);
    for (auto byte = talk.read(1); !byte.empty(); byte = talk.read(1)) talk.send(byte);
    talk.send("bye");
  });
  open(url(peer));
  RawClient client(house.port());
  shake(client, "X-Remote-User: forged\r\nSec-WebSocket-Protocol: chat\r\n", "early");
  const auto answer = client.read_switch();
  EXPECT_EQ(answer.status, 101);
  EXPECT_EQ(answer.header("Sec-WebSocket-Accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  EXPECT_EQ(answer.header("X-Remote-User"), "");
  EXPECT_EQ(bytes(client, 5), "early");
  client.send("late");
  EXPECT_EQ(bytes(client, 4), "late");
  client.shut();
  EXPECT_EQ(bytes(client, 3), "bye");
  EXPECT_TRUE(client.closed());
  EXPECT_TRUE(head.starts_with("GET /ws HTTP/1.1\r\n"));
  EXPECT_TRUE(head.contains("Upgrade: websocket\r\n"));
  EXPECT_TRUE(head.contains("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"));
  EXPECT_FALSE(head.contains("forged"));
}

TEST_F(Tunnels, megabytes_pass_in_both_directions) {
  constexpr std::size_t kSize = 3 << 20;
  ScriptedPeer peer([&](auto& talk) {
    talk.head();
    talk.send(kAgreed);
    talk.send(std::string(kSize, 'd'));
    talk.send(talk.read(kSize) == std::string(kSize, 'u') ? "whole" : "wrong");
  });
  open(url(peer));
  RawClient client(house.port());
  shake(client);
  ASSERT_EQ(client.read_switch().status, 101);
  auto sending = std::async(std::launch::async, [&] { return client.send(std::string(kSize, 'u')); });
  EXPECT_EQ(bytes(client, kSize), std::string(kSize, 'd'));
  EXPECT_TRUE(sending.get());
  EXPECT_EQ(bytes(client, 5), "whole");
}

// CVE-2026-2833 (Pingora): what stands behind the handshake reached the upstream before its 101.
TEST_F(Tunnels, nothing_goes_on_before_the_upstream_agrees) {
  std::promise<std::string> behind;
  ScriptedPeer peer([&](auto& talk) {
    talk.head();
    talk.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
    behind.set_value(talk.read(1));
  });
  open(url(peer));
  {
    RawClient client(house.port());
    shake(client, {}, "GET /smuggled HTTP/1.1\r\nHost: wiki.test\r\n\r\n");
    const auto answer = client.read_switch();
    EXPECT_EQ(answer.status, 403);
    EXPECT_EQ(bytes(client, 2), "no");
    EXPECT_TRUE(client.closed()) << "the bytes behind belong to nobody";
  }
  house.stop();
  EXPECT_EQ(behind.get_future().get(), "");
  EXPECT_EQ(peer.connections(), 1);
}

// CVE-2024-23326 (Envoy): 200 was taken for a switch, and the client's next bytes for the tunnel.
TEST_F(Tunnels, only_a_proven_101_is_a_switch) {
  std::vector<std::string> answers{"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
                                   "HTTP/1.1 204 No Content\r\n\r\n",
                                   "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
                                   "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n",
                                   "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
                                   "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
                                   "rubbish\r\n\r\n", ""};
  ScriptedPeer peer([&](auto& talk) {
    talk.head();
    talk.send(answers[std::min(static_cast<std::size_t>(talk.number() - 1), answers.size() - 1)]);   // what is no answer at all is asked for twice
  });
  open(url(peer));
  for (std::size_t i = 0; i < answers.size(); ++i) {
    RawClient client(house.port());
    shake(client);
    EXPECT_EQ(client.read_switch().status, 502) << answers[i];
  }
}

TEST_F(Tunnels, what_is_not_a_whole_handshake_is_refused_here) {
  ScriptedPeer peer(echo());
  open(url(peer));
  for (const auto& [from, to, status] : std::vector<std::tuple<std::string, std::string, int>>{
           {"Version: 13", "Version: 8", 426}, {"dGhlIHNhbXBsZSBub25jZQ==", "short", 400}, {"keep-alive, Upgrade", "keep-alive", 400},
           {"GET /ws", "POST /ws", 400}, {"GET /ws HTTP/1.1", "GET /ws HTTP/1.0", 400}}) {
    std::string text(kHandshake);
    text.replace(text.find(from), from.size(), to);
    RawClient client(house.port());
    client.send(text + "\r\n");
    EXPECT_EQ(client.read_switch().status, status) << to;
  }
  EXPECT_EQ(heads, 0);
}

TEST_F(Tunnels, a_route_may_say_no) {
  ScriptedPeer peer(echo());
  open(url(peer), {.allowed = false});
  RawClient client(house.port());
  shake(client);
  EXPECT_EQ(client.read_switch().status, 403);
  EXPECT_EQ(heads, 0);
}

TEST_F(Tunnels, the_policy_is_asked_first) {
  door->open = false;
  ScriptedPeer peer(echo());
  open(url(peer));
  RawClient client(house.port());
  shake(client);
  EXPECT_EQ(client.read_switch().status, 401);
  EXPECT_EQ(heads, 0);
}

// Cross-site WebSocket hijacking: a browser sends the cookie for the page of anybody, and no CORS stands in between.
TEST_F(Tunnels, with_a_cookie_only_our_own_pages_may_open_one) {
  door->pass.shown = Pass::Shown::cookie;
  ScriptedPeer peer(echo());
  open(url(peer), {.origins = {"https://app.example.com"}});
  for (const auto& [lines, status] : std::vector<std::pair<std::string, int>>{
           {"Origin: http://wiki.test\r\n", 101}, {"Origin: https://app.example.com\r\n", 101}, {"", 403}, {"Origin: null\r\n", 403},
           {"Origin: https://wiki.test\r\n", 403}, {"Origin: http://evil.test\r\n", 403}, {"Origin: http://wiki.test.evil.test\r\n", 403},
           {"Origin: http://wiki.test\r\nOrigin: http://evil.test\r\n", 403}, {"Origin: http://wiki.test:81\r\n", 403}}) {
    RawClient client(house.port());
    shake(client, lines);
    EXPECT_EQ(client.read_switch().status, status) << lines;
  }
}

TEST_F(Tunnels, with_a_token_nobody_asks_where_a_page_is_from_unless_told_to) {
  door->pass.shown = Pass::Shown::token;
  ScriptedPeer peer(echo());
  open(url(peer));
  RawClient client(house.port());
  shake(client, "Origin: http://evil.test\r\n");
  EXPECT_EQ(client.read_switch().status, 101);
}

TEST_F(Tunnels, a_tunnel_ends_with_the_token_that_opened_it) {
  door->pass.shown = Pass::Shown::token;
  door->pass.valid_until = house.clock.now() + Millis(1);
  ScriptedPeer peer(echo());
  open(url(peer));
  RawClient client(house.port());
  shake(client);
  ASSERT_EQ(client.read_switch().status, 101);
  client.send("x");
  EXPECT_EQ(bytes(client, 1), "x");
  house.clock.advance(Millis(2));
  EXPECT_TRUE(client.closed());
}

TEST_F(Tunnels, a_tunnel_ends_with_the_session_that_opened_it) {
  door->pass.shown = Pass::Shown::cookie;
  ScriptedPeer peer(echo());
  open(url(peer), {.recheck = std::chrono::milliseconds(10)});
  RawClient client(house.port());
  shake(client, "Origin: http://wiki.test\r\n");
  ASSERT_EQ(client.read_switch().status, 101);
  client.send("x");
  EXPECT_EQ(bytes(client, 1), "x");
  door->open = false;
  EXPECT_TRUE(client.closed());
}

TEST_F(Tunnels, a_tunnel_may_be_let_outlive_its_identity) {
  door->pass.shown = Pass::Shown::cookie;
  door->pass.valid_until = house.clock.now() + Millis(1);
  ScriptedPeer peer(echo());
  open(url(peer), {.outlives_identity = true, .recheck = std::chrono::milliseconds(1)});
  RawClient client(house.port());
  shake(client, "Origin: http://wiki.test\r\n");
  ASSERT_EQ(client.read_switch().status, 101);
  house.clock.advance(Millis(1000));
  door->open = false;
  for (int i = 0; i < 20; ++i) {
    client.send("x");
    ASSERT_EQ(bytes(client, 1), "x");
  }
}

TEST_F(Tunnels, an_upstream_that_is_not_there_is_a_bad_gateway) {
  open("http://127.0.0.1:1");
  RawClient client(house.port());
  shake(client);
  EXPECT_EQ(client.read_switch().status, 502);
}

// The first event is read before the second exists, whatever the upstream says about the length.
TEST_F(Tunnels, events_arrive_one_by_one) {
  for (const std::string framing : {"Transfer-Encoding: chunked", "Content-Length: 12", "X-Until: close"}) {
    std::promise<void> seen;
    auto was_seen = seen.get_future();
    ScriptedPeer peer([&](auto& talk) {
      talk.head();
      const bool chunked = framing.starts_with("T");
      talk.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n" + framing + "\r\n\r\n");
      talk.send(chunked ? "6\r\none..\n\r\n" : "one..\n");
      if (was_seen.wait_for(std::chrono::seconds(10)) != std::future_status::ready) return;
      talk.send(chunked ? "6\r\ntwo..\n\r\n0\r\n\r\n" : "two..\n");
    });
    House fresh;
    Config with;
    with.pools.push_back({.name = "app", .targets = {url(peer)}});
    RouteConfig route;
    route.host = "wiki.test";
    route.policy = "public";
    route.upstream = "app";
    with.routes.push_back(route);
    fresh.open(fresh.needs(issuer), with);
    RawClient client(fresh.port());
    client.send("GET /events HTTP/1.1\r\nHost: wiki.test\r\n\r\n");
    EXPECT_TRUE(client.text_until("one..\n").ends_with("one..\n")) << framing;
    seen.set_value();
    EXPECT_TRUE(client.text_until("two..\n").ends_with("two..\n")) << framing;
  }
}

TEST_F(Tunnels, trailers_of_a_request_go_on_but_not_those_that_are_ours) {
  std::string body;
  ScriptedPeer peer([&](auto& talk) {
    talk.head();
    while (!body.ends_with("\r\n\r\n")) body += talk.read(1);
    talk.send("HTTP/1.1 204 No Content\r\n\r\n");
  });
  open(url(peer));
  RawClient client(house.port());
  client.send("POST / HTTP/1.1\r\nHost: wiki.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 3\r\nX_Remote_User: root\r\nX-Remote-User: root\r\n\r\n");
  EXPECT_EQ(client.read().status, 204);
  EXPECT_EQ(body, "3\r\nabc\r\n0\r\nX-Sum: 3\r\n\r\n");
}

TEST(Grpc, is_told_by_its_content_type) {
  const auto is = [](std::string_view type) {
    net::Request request;
    request.method = net::Method::post;
    request.fields.add({.name = "content-type", .value = type, .id = net::Header::content_type});
    return is_grpc(request);
  };
  for (const auto* type : {"application/grpc", "application/grpc+proto", "Application/GRPC;x=y"}) EXPECT_TRUE(is(type)) << type;
  for (const auto* type : {"application/grpc-web", "application/grpcish", "application/json", ""}) EXPECT_FALSE(is(type)) << type;
}

TEST(Grpc, refusals_become_a_status_in_the_head) {
  for (const auto& [status, code] : std::vector<std::pair<int, std::string>>{{401, "16"}, {403, "7"}, {429, "8"}, {502, "14"}, {503, "14"}, {504, "4"}, {302, "16"}, {308, "2"}, {418, "2"}, {414, "8"}, {421, "12"}}) {
    const auto reply = as_grpc(net::Reply::text(status, "page").with("WWW-Authenticate", "Bearer"), "100% no\n");
    const std::vector<std::pair<std::string, std::string>> wanted{
        {"WWW-Authenticate", "Bearer"}, {"Content-Type", "application/grpc"}, {"Grpc-Status", code}, {"Grpc-Message", "100%25 no%0A"}};
    EXPECT_EQ(reply.headers, wanted);
    EXPECT_EQ(reply.status, 200);
    EXPECT_EQ(reply.body, "");
  }
}

TEST_F(Tunnels, a_grpc_call_is_refused_in_its_own_words) {
  door->open = false;
  ScriptedPeer peer(echo());
  open(url(peer));
  const auto answer = house.ask("POST /pkg.Service/Call", "wiki.test", {"Content-Type: application/grpc"});
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.header("Grpc-Status"), "16");
}

}  // namespace
}  // namespace gatehouse::gateway
