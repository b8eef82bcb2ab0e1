// What a hostile client of HTTP/2 tries: messages that others read differently, and work that costs it nothing.
#include <gtest/gtest.h>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "net/http2_peer.h"

namespace gatehouse::net {
namespace {

using namespace testing_net;
using Answer = boost::asio::awaitable<void>;

constexpr std::uint32_t kProtocolError = 1, kRefused = 7, kCalm = 11;

struct Http2Attack : testing::Test {
  std::atomic<int> handled = 0, held = 0;
  std::atomic<bool> hold = true;
  FnHandler handler = FnHandler([this](Exchange& exchange) -> Answer {
    ++handled;
    if (exchange.request().path == "/hold") co_await keep(exchange);
    auto body = co_await exchange.read_all(1 << 20);
    auto reply = Reply::text(200, body ? *body : "cut");
    (void)co_await exchange.reply(std::move(reply));
  });
  Answer keep(Exchange& exchange) {
    ++held;
    boost::asio::steady_timer timer(exchange.executor());
    while (hold) {
      timer.expires_after(5ms);
      co_await timer.async_wait(boost::asio::use_awaitable);
    }
  }
  void TearDown() override { hold = false; }
};

struct Smuggled {
  const char* what;
  FieldList fields;
};

FieldList without(FieldList fields, std::string_view name) {
  std::erase_if(fields, [name](const auto& field) { return field.first == name; });
  return fields;
}
FieldList changed(std::string_view name, std::string value) {
  auto fields = Http2Peer::get("/");
  for (auto& [n, v] : fields)
    if (n == name) v = value;
  return fields;
}
FieldList with(std::string name, std::string value) { return Http2Peer::get("/", {{std::move(name), std::move(value)}}); }

// Each is refused with 4xx or reset, and never reaches a handler.
std::vector<Smuggled> corpus() {
  auto twice = Http2Peer::get("/");
  twice.push_back({":path", "/other"});
  auto late = with("x", "y");
  late.push_back({":authority", "b.example"});
  return {
      {"CVE-2026-33186: :path without its slash", changed(":path", "svc/Method")},
      {"absolute :path", changed(":path", "http://b.example/")},
      {"empty :path", changed(":path", "")},
      {"'*' for GET", changed(":path", "*")},
      {"CVE-2021-32779: fragment", changed(":path", "/public#/private")},
      {"dot segments", changed(":path", "/public/../private")},
      {"CVE-2022-31629 kin: ..;", changed(":path", "/public/..;/private")},
      {"encoded slash", changed(":path", "/a%2fb")},
      {"backslash", changed(":path", "/a\\b")},
      {"request line in :path", changed(":path", "/ HTTP/1.1\r\nHost: b\r\n\r\nGET /x")},
      {"space in :path", changed(":path", "/a b")},
      {"CVE-2021-33193: space in :method", changed(":method", "GET /x HTTP/1.1")},
      {"line break in :method", changed(":method", "GET\r\n")},
      {"line break in :authority", changed(":authority", "a\r\nx: y")},
      {"user in :authority", changed(":authority", "a.example@b.example")},
      {"unknown :scheme", changed(":scheme", "http://b.example/x?")},
      {"no :method", without(Http2Peer::get("/"), ":method")},
      {"no :path", without(Http2Peer::get("/"), ":path")},
      {"no :scheme", without(Http2Peer::get("/"), ":scheme")},
      {"no host at all", without(Http2Peer::get("/"), ":authority")},
      {"pseudo header twice", twice},
      {"pseudo header after a field", late},
      {"unknown pseudo header", with(":evil", "x")},
      {"response pseudo header", with(":status", "200")},
      {":authority and Host differ", with("host", "b.example")},
      {"upper case name", with("X-Upper", "1")},
      {"transfer-encoding (H2.TE)", with("transfer-encoding", "chunked")},
      {"connection", with("connection", "keep-alive")},
      {"keep-alive", with("keep-alive", "1")},
      {"proxy-connection", with("proxy-connection", "keep-alive")},
      {"upgrade (h2c smuggling)", with("upgrade", "h2c")},
      {"te other than trailers", with("te", "gzip")},
      {"te with trailers and more", with("te", "trailers, chunked")},
      {"content-length of a request without body (H2.CL)", with("content-length", "5")},
      {"content-length twice", Http2Peer::get("/", {{"content-length", "0"}, {"content-length", "0"}})},
      {"content-length that is no number", with("content-length", "+0")},
      {"content-length list", with("content-length", "0, 0")},
      {"CR LF in a value", with("x", "a\r\nTransfer-Encoding: chunked")},
      {"LF in a value", with("x", "a\nb: c")},
      {"NUL in a value", with("x", std::string("a\0b", 3))},
      {"CR LF in a name", with("x\r\ny", "z")},
      {"colon in a name", with("x:y", "z")},
      {"space in a name", with("transfer-encoding ", "chunked")},
      {"empty name", with("", "z")},
      {"space around a value", with("x", " y")},
      {"CONNECT", without(without(changed(":method", "CONNECT"), ":path"), ":scheme")},
      {"TRACE", changed(":method", "TRACE")},
      {":protocol without CONNECT", [] { auto f = Http2Peer::get("/"); f.insert(f.begin(), {":protocol", "websocket"}); return f; }()},
  };
}

TEST_F(Http2Attack, what_can_be_read_in_two_ways_is_refused) {
  TestServer server(handler);
  for (const auto& [what, fields] : corpus()) {
    Http2Peer peer(server.port());
    peer.open();
    const auto& seen = peer.ask_for(fields);
    EXPECT_TRUE((seen.status >= 400 && seen.status <= 501) || seen.reset || peer.goaway) << what << " got " << seen.status;
    EXPECT_EQ(handled, 0) << what;
    handled = 0;
  }
}

TEST_F(Http2Attack, a_body_that_contradicts_its_length_never_looks_whole) {
  TestServer server(handler);
  for (const std::string_view body : {"four", "toolong"}) {
    Http2Peer peer(server.port());
    peer.open();
    const auto id = peer.ask(peer.post("/", {{"content-length", "5"}}), kEndHeaders);
    peer.data(id, body, kEndStream);
    const auto& seen = peer.answer(id);
    EXPECT_TRUE(seen.reset == kProtocolError) << body << seen.status << seen.body;
  }
}

TEST_F(Http2Attack, trailers_may_not_frame_route_or_authenticate) {
  TestServer server(handler);
  for (const auto& evil : FieldList{{"content-length", "1"}, {"transfer-encoding", "chunked"}, {"host", "b"}, {"authorization", "x"}, {":path", "/x"}, {"X", "y"}, {"x", "a\nb"}}) {
    Http2Peer peer(server.port());
    peer.open();
    const auto id = peer.ask(peer.post("/"), kEndHeaders);
    peer.data(id, "body");
    peer.send(frame(kHeaders, kEndHeaders | kEndStream, id, hpack({evil})));
    EXPECT_TRUE(peer.answer(id).reset) << evil.first;
  }
}

TEST_F(Http2Attack, rapid_reset) {   // CVE-2023-44487
  TestServer server(handler);
  Http2Peer peer(server.port());
  peer.open();
  for (int i = 0; i < 2000 && !peer.goaway; ++i) {
    const auto id = peer.ask(peer.get("/hold"));
    if (!peer.send(frame(kRst, 0, id, number(8, 4)))) break;
  }
  EXPECT_TRUE(peer.closed() || peer.goaway);
  EXPECT_EQ(peer.goaway, kCalm);
  EXPECT_LE(held, 100);   // who was reset counts until its handler has ended
  hold = false;
  EXPECT_TRUE(server.sink.has("too many resets"));
}

TEST_F(Http2Attack, made_you_reset) {   // CVE-2025-8671: our own resets, for its errors
  TestServer server(handler);
  Http2Peer peer(server.port());
  peer.open();
  for (int i = 0; i < 2000; ++i) {
    const auto id = peer.ask(peer.get("/hold"));
    if (!peer.send(frame(kWindowUpdate, 0, id, number(0x7fffffff, 4)))) break;
    if (i % 50 == 49 && !peer.ping()) break;
  }
  peer.closed();
  EXPECT_EQ(peer.goaway, kCalm);
  EXPECT_LE(held, 100);
  hold = false;
}

TEST_F(Http2Attack, continuation_flood) {   // CVE-2024-27316
  TestServer server(handler);
  Http2Peer peer(server.port());
  peer.open();
  const auto id = peer.ask(peer.get("/"), 0);
  for (int i = 0; i < 1000; ++i)
    if (!peer.send(frame(kContinuation, 0, id, hpack({{"x", "y"}})))) break;
  peer.closed();
  EXPECT_EQ(peer.goaway, kCalm);
  EXPECT_EQ(handled, 0);
}

TEST_F(Http2Attack, floods_of_frames_that_do_nothing) {
  struct Flood {
    const char* what;
    std::string frame;
  };
  const Flood floods[] = {{"SETTINGS (CVE-2019-9515)", frame(kSettings, 0, 0)},
                          {"PING (CVE-2019-9512)", frame(kPing, 0, 0, "12345678")},
                          {"PRIORITY (CVE-2019-9513)", frame(kPriority, 0, 1, number(3, 4) + "x")},
                          {"WINDOW_UPDATE (CVE-2019-9511)", frame(kWindowUpdate, 0, 0, number(1, 4))},
                          {"empty DATA (CVE-2019-9518)", frame(kData, 0, 1)},
                          {"padding only DATA", frame(kData, kPadded, 1, std::string(1, '\x03') + std::string(3, '\0'))}};
  TestServer server(handler);
  for (const auto& [what, one] : floods) {
    Http2Peer peer(server.port());
    peer.open();
    peer.ask(peer.post("/"), kEndHeaders);
    std::string many;
    for (int i = 0; i < 500; ++i) many += one;
    for (int i = 0; i < 40 && peer.send(many); ++i) {}
    peer.closed();
    EXPECT_EQ(peer.goaway, kCalm) << what;
  }
}

TEST_F(Http2Attack, unknown_frames_are_skipped) {   // RFC 9113 §5.5; they make us do nothing
  TestServer server(handler);
  Http2Peer peer(server.port());
  peer.open();
  for (int i = 0; i < 2000; ++i) peer.send(frame(0xfa, 0, 0, "x"));
  EXPECT_EQ(peer.ask_for(peer.get("/")).status, 200);
}

TEST_F(Http2Attack, hpack_bomb) {   // one entry of the table, named by one byte each: 4 KiB a time
  TestServer server(handler);
  Http2Peer peer(server.port());
  peer.open();
  const std::string entry = std::string("\x40") + hpack_text("x-bomb") + hpack_text(std::string(3900, 'b'));
  const auto id = peer.ask(peer.get("/"), 0);
  peer.send(frame(kContinuation, 0, id, entry));
  peer.send(frame(kContinuation, kEndHeaders, id, std::string(16000, '\xbe')));
  EXPECT_EQ(peer.answer(id).status, 431);
  EXPECT_EQ(peer.ask_for(peer.get("/")).status, 200);
  EXPECT_EQ(handled, 1);
}

TEST_F(Http2Attack, heads_are_bounded_in_bytes_and_fields) {
  TestServer server(handler);
  Http2Peer peer(server.port());
  peer.open();
  EXPECT_EQ(peer.ask_for(peer.get("/", FieldList(101, {"x", "y"}))).status, 431);
  FieldList crumbs(400, {"cookie", "a=b"});
  EXPECT_EQ(peer.ask_for(peer.get("/", crumbs)).status, 200);
  crumbs.resize(1000, {"cookie", "a=b"});
  EXPECT_EQ(peer.ask_for(peer.get("/", crumbs)).status, 431);
  EXPECT_EQ(peer.ask_for(peer.get("/" + std::string(9000, 'a'))).status, 414);
}

// The "bomb" of 2026: many large heads that stay because no answer can leave. All heads of a connection are bounded.
TEST_F(Http2Attack, held_heads_are_bounded_per_connection) {
  TestServer server(handler);
  Http2Peer peer(server.port());
  peer.open();
  for (int i = 0; i < 60; ++i) peer.ask(peer.get("/hold", {{"x", std::string(14000, 'x')}}));
  peer.settle();
  int refused = 0;
  for (const auto& [id, seen] : peer.seen) refused += seen.reset == kRefused;
  EXPECT_GT(refused, 10);
  EXPECT_LT(held, 50);
  hold = false;
}

TEST_F(Http2Attack, more_streams_than_allowed) {
  auto options = quick_options();
  options.http2.streams_max = 5;
  TestServer server(handler, options);
  Http2Peer peer(server.port());
  peer.open();
  peer.settle();
  for (int i = 0; i < 6; ++i) peer.ask(peer.get("/hold"));
  peer.closed();
  EXPECT_TRUE(peer.goaway);
  EXPECT_LE(held, 5);
  hold = false;
}

TEST_F(Http2Attack, who_does_not_read_is_not_served_without_end) {   // CVE-2019-9517
  auto options = quick_options();
  options.write_timeout = 100ms;
  TestServer server(handler, options);
  Http2Peer peer(server.port());
  peer.open(number(4, 2) + number(0x7fffffff, 4));
  peer.window(0, 0x7fff0000);
  const std::string body(200'000, 'z');
  for (int i = 0; i < 200; ++i) {
    const auto id = peer.ask(peer.post("/"), kEndHeaders);
    bool sent = true;
    for (std::size_t at = 0; at < body.size() && sent; at += 16000) sent = peer.send(frame(kData, 0, id, body.substr(at, 16000)));
    if (!sent || !peer.send(frame(kData, kEndStream, id))) break;
  }
  peer.closed();
  while (server.server->connections() > 0) std::this_thread::yield();
}

TEST_F(Http2Attack, garbage_is_a_goaway_and_the_end) {
  TestServer server(handler);
  const std::string openings[] = {std::string(kPreface) + frame(kData, 0, 0, "x"), std::string(kPreface) + frame(kHeaders, kEndHeaders, 2, "x"),
                                  std::string(kPreface) + frame(kSettings, 0, 0) + frame(kHeaders, kEndHeaders, 1, "\xff\xff\xff\xff\xff\xff\xff\xff"),
                                  std::string(kPreface) + std::string(100, '\xff'), std::string(kPreface) + frame(kSettings, 0, 0) + frame(5, 4, 1, "abcdefgh")};
  for (const auto& opening : openings) {
    Http2Peer peer(server.port());
    peer.send(opening);
    EXPECT_TRUE(peer.closed());
    EXPECT_TRUE(peer.goaway);
  }
  EXPECT_EQ(handled, 0);
}

}  // namespace
}  // namespace gatehouse::net
