// HTTP/2 through real sockets: what a handler sees and what the client gets. Attacks: http2_attack_test.cpp.
#include <gtest/gtest.h>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "net/http2_peer.h"

namespace gatehouse::net {
namespace {

using namespace testing_net;
using Answer = boost::asio::awaitable<void>;

Answer show(Exchange& exchange) {
  const auto& r = exchange.request();
  std::string text = std::string(r.method_name) + " " + std::string(r.scheme()) + " " + r.authority + " " + r.target() + " " +
                     std::to_string(r.major_version) + "." + std::to_string(r.minor_version) + "\n";
  for (const auto& field : r.fields.all()) text.append(field.name).append(": ").append(field.value).append("\n");
  auto reply = Reply::text(200, text).with("X-Request-Id", r.id).with("Keep-Alive", "no");
  (void)co_await exchange.reply(std::move(reply));
}

Answer echo(Exchange& exchange) {
  auto body = co_await exchange.read_all(10 << 20);
  auto text = body ? *body : body.error().message();
  for (const auto& [name, value] : exchange.trailers()) text += "|" + name + "=" + value;
  auto reply = Reply::text(body ? 200 : 400, std::move(text));
  (void)co_await exchange.reply(std::move(reply));
}

Answer pass_on(Exchange& exchange) {
  for (;;) {
    auto piece = co_await exchange.read_some();
    if (!piece || piece->empty() || !co_await exchange.send(*piece)) break;
  }
  std::vector<std::pair<std::string, std::string>> trailers{{"Digest", "x"}};
  (void)co_await exchange.finish(std::move(trailers));
}

Answer pipe(Exchange& exchange) {
  exchange.close_after();   // of the stream alone: an answer that overtakes its request is nothing special here
  (void)co_await exchange.start(Reply::text(200, ""), std::nullopt);
  co_await pass_on(exchange);
}

Answer tunnel(Exchange& exchange) {
  if (exchange.request().upgrade == Upgrade::none) co_return;
  auto head = Reply::empty(101).with("Sec-WebSocket-Accept", "x").with("Sec-WebSocket-Protocol", "chat");
  (void)co_await exchange.start_tunnel(std::move(head));
  co_await pass_on(exchange);
}

constexpr std::size_t kLarge = 8 << 20;
Answer large(Exchange& exchange) {
  const std::string piece(64 * 1024, 'x');
  (void)co_await exchange.start(Reply::text(200, ""), kLarge);
  for (std::size_t sent = 0; sent < kLarge; sent += piece.size())
    if (!co_await exchange.send(piece)) co_return;
  (void)co_await exchange.finish();
}

Answer early(Exchange& exchange) {
  auto reply = Reply::text(403, "no\n");
  (void)co_await exchange.reply(std::move(reply));
}

Answer wrong_length(Exchange& exchange, std::size_t said) {
  (void)co_await exchange.start(Reply::text(200, ""), said);
  (void)co_await exchange.send("half");
  (void)co_await exchange.finish();
}

Answer closing(Exchange& exchange) {
  auto reply = Reply::text(200, "last\n").with("Connection", "close");
  (void)co_await exchange.reply(std::move(reply));
}

Answer slow(Exchange& exchange) {
  boost::asio::steady_timer timer(exchange.executor(), 100ms);
  co_await timer.async_wait(boost::asio::use_awaitable);
  auto reply = Reply::text(200, "slow\n");
  (void)co_await exchange.reply(std::move(reply));
}

Answer bug(Exchange&) {
  throw std::logic_error("a broken invariant");
  co_return;
}

Answer bad_header(Exchange& exchange) {
  auto evil = Reply::text(200, "").with("Set-Cookie", "a=b\r\nX: y");
  const auto sent = co_await exchange.reply(std::move(evil));
  auto reply = Reply::text(200, sent ? "sent" : "kept back");
  (void)co_await exchange.reply(std::move(reply));
}

struct Http2Test : testing::Test {
  std::atomic<int> failed_sends = 0;
  FnHandler handler = FnHandler([this](Exchange& exchange) -> Answer {
    const auto& path = exchange.request().path;
    if (path == "/echo") return echo(exchange);
    if (path == "/pipe") return pipe(exchange);
    if (path == "/tunnel") return tunnel(exchange);
    if (path == "/large") return large(exchange);
    if (path == "/early") return early(exchange);
    if (path == "/short") return wrong_length(exchange, 10);
    if (path == "/long") return wrong_length(exchange, 2);
    if (path == "/closing") return closing(exchange);
    if (path == "/slow") return slow(exchange);
    if (path == "/bug") return bug(exchange);
    if (path == "/bad-header") return bad_header(exchange);
    if (path == "/endless") return endless(exchange);
    if (path == "/nothing") return [](Exchange&) -> Answer { co_return; }(exchange);
    return show(exchange);
  });
  Answer endless(Exchange& exchange) {
    (void)co_await exchange.start(Reply::text(200, ""), std::nullopt);
    const std::string piece(32 * 1024, 'x');
    while (co_await exchange.send(piece)) {}
    ++failed_sends;
  }
};

TEST_F(Http2Test, a_request_is_the_same_as_over_http1) {
  TestServer server(handler);
  Http2Peer peer(server.port());
  peer.open();
  const auto& seen = peer.ask_for(peer.get("/a/%7eb?c=d", {{"x-one", "1"}, {"cookie", "a=b"}, {"cookie", "c=d"}, {"te", "trailers"}}));
  EXPECT_EQ(seen.status, 200);
  EXPECT_EQ(seen.body, "GET http a.example /a/~b?c=d 2.0\nx-one: 1\nte: trailers\ncookie: a=b; c=d\nhost: a.example\n");
  EXPECT_EQ(seen.field("content-type"), "text/plain; charset=utf-8");
  EXPECT_EQ(seen.field("content-length"), std::to_string(seen.body.size()));
  EXPECT_EQ(seen.field("keep-alive"), "");
  EXPECT_EQ(seen.field("x-request-id").size(), 20U);
  EXPECT_FALSE(seen.field("date").empty());
}

TEST_F(Http2Test, plain_http1_is_still_served_beside_it) {
  TestServer server(handler);
  RawClient client(server.port());
  client.send("P");
  client.send("OST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi");
  EXPECT_TRUE(client.read_answer().ends_with("hi"));
  RawClient late(server.port());
  late.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  late.read_answer();
  late.send(kPreface);   // too late
  EXPECT_TRUE(late.read_until("\r\n\r\n").starts_with("HTTP/1.1 505"));
}

TEST_F(Http2Test, switched_off_the_preface_is_a_request_like_any_other) {
  auto options = quick_options();
  options.http2.enabled = false;
  TestServer server(handler, options);
  RawClient client(server.port());
  client.send(kPreface);
  EXPECT_TRUE(client.read_until("\r\n\r\n").starts_with("HTTP/1.1 505"));
}

TEST_F(Http2Test, a_preface_in_pieces_is_one) {
  TestServer server(handler);
  Http2Peer peer(server.port());
  for (const char c : kPreface) peer.send(std::string_view(&c, 1));
  peer.send(frame(kSettings, 0, 0));
  EXPECT_EQ(peer.ask_for(peer.get("/")).status, 200);
}

TEST_F(Http2Test, streams_do_not_wait_for_each_other) {
  TestServer server(handler);
  Http2Peer peer(server.port());
  peer.open();
  const auto waiting = peer.ask(peer.post("/echo"), kEndHeaders);
  EXPECT_EQ(peer.ask_for(peer.get("/")).status, 200);
  EXPECT_FALSE(peer.seen[waiting].ended);
  peer.data(waiting, "body", kEndStream);
  EXPECT_EQ(peer.answer(waiting).body, "body");
}

TEST_F(Http2Test, bodies_and_trailers_flow_both_ways) {
  TestServer server(handler);
  Http2Peer peer(server.port());
  peer.open();
  const auto id = peer.ask(peer.post("/echo", {{"content-length", "6"}}), kEndHeaders);
  peer.data(id, "one");
  peer.data(id, std::string("\x02") + "two" + std::string(2, '\0'), kPadded);
  peer.send(frame(kHeaders, kEndHeaders | kEndStream, id, hpack({{"x-sum", "6"}})));
  EXPECT_EQ(peer.answer(id).body, "onetwo|x-sum=6");

  const auto piped = peer.ask(peer.post("/pipe"), kEndHeaders);
  peer.read_while([&] { return peer.seen[piped].status == 0; });
  EXPECT_EQ(peer.seen[piped].status, 200);   // the answer has begun before the request ends
  peer.data(piped, "first");
  peer.read_while([&] { return peer.seen[piped].body.empty(); });
  EXPECT_EQ(peer.seen[piped].body, "first");
  peer.data(piped, "", kEndStream);
  const FieldList trailers{{"digest", "x"}};
  EXPECT_EQ(peer.answer(piped).trailers, trailers);
}

TEST_F(Http2Test, a_large_body_needs_no_more_than_its_window) {
  TestServer server(handler);
  Http2Peer peer(server.port());
  peer.open();
  const auto id = peer.ask(peer.post("/pipe"), kEndHeaders);
  peer.settle();
  const auto window = Http2Options().stream_window;
  for (std::size_t sent = 0; sent < kLarge;) {
    const auto size = std::min<std::size_t>({16384, kLarge - sent, window + peer.given[id] - sent});
    if (size == 0) {
      ASSERT_TRUE(peer.read_frame());
      continue;
    }
    peer.data(id, std::string(size, 'y'));
    sent += size;
  }
  peer.data(id, "", kEndStream);
  EXPECT_EQ(peer.answer(id).body, std::string(kLarge, 'y'));
}

TEST_F(Http2Test, nothing_is_sent_beyond_the_clients_window) {
  TestServer server(handler);
  Http2Peer peer(server.port());
  peer.credits = false;
  peer.open();
  const auto id = peer.ask(peer.get("/large"));
  peer.settle();
  peer.settle();
  EXPECT_EQ(peer.seen[id].body.size(), 65535U);
  peer.window(0, 1000);
  peer.settle();
  EXPECT_EQ(peer.seen[id].body.size(), 65535U);
  peer.window(id, 500);
  peer.read_while([&] { return peer.seen[id].body.size() < 66035; });
  EXPECT_EQ(peer.seen[id].body.size(), 66035U);
  peer.credits = true;
  peer.window(0, kLarge);
  peer.window(id, kLarge);
  EXPECT_EQ(peer.answer(id).body.size(), kLarge);
}

TEST_F(Http2Test, head_and_continue_are_as_over_http1) {
  TestServer server(handler);
  Http2Peer peer(server.port());
  peer.open();
  auto fields = peer.get("/");
  fields[0].second = "HEAD";
  const auto& seen = peer.ask_for(fields);
  EXPECT_TRUE(seen.ended);
  EXPECT_EQ(seen.body, "");
  EXPECT_NE(seen.field("content-length"), "0");

  const auto waits = peer.ask(peer.post("/echo", {{"expect", "100-continue"}}), kEndHeaders);
  peer.read_while([&] { return peer.seen[waits].early.empty(); });
  EXPECT_EQ(peer.seen[waits].early, std::vector{100});
  peer.data(waits, "go", kEndStream);
  EXPECT_EQ(peer.answer(waits).body, "go");
  const auto refused = peer.ask(peer.post("/early", {{"expect", "100-continue"}}), kEndHeaders);
  EXPECT_EQ(peer.answer(refused).status, 403);
  EXPECT_TRUE(peer.seen[refused].early.empty());
  EXPECT_EQ(peer.ask_for(peer.post("/echo", {{"expect", "magic"}})).status, 417);
}

TEST_F(Http2Test, an_early_answer_tells_the_client_to_stop_sending) {
  TestServer server(handler);
  Http2Peer peer(server.port());
  peer.open();
  const auto id = peer.ask(peer.post("/early"), kEndHeaders);
  peer.read_while([&] { return !peer.seen[id].reset; });
  EXPECT_EQ(peer.seen[id].status, 403);
  EXPECT_TRUE(peer.seen[id].ended);
  EXPECT_EQ(peer.seen[id].reset, 0U);
  EXPECT_EQ(peer.ask_for(peer.get("/")).status, 200);
}

TEST_F(Http2Test, half_answers_and_bugs_reset_the_stream_and_no_other) {
  TestServer server(handler);
  Http2Peer peer(server.port());
  peer.open();
  for (const auto* path : {"/short", "/long", "/bug"}) {
    const auto& seen = peer.ask_for(peer.get(path));
    EXPECT_EQ(seen.reset, 2U) << path;
    EXPECT_FALSE(seen.ended) << path;
  }
  EXPECT_TRUE(server.sink.has("a broken invariant"));
  EXPECT_EQ(peer.ask_for(peer.get("/nothing")).status, 500);
  const auto& evil = peer.ask_for(peer.get("/bad-header"));
  EXPECT_EQ(evil.body, "kept back");
  EXPECT_EQ(evil.field("set-cookie"), "");
}

TEST_F(Http2Test, when_the_client_resets_sending_fails) {
  TestServer server(handler);
  Http2Peer peer(server.port());
  peer.credits = false;
  peer.open();
  const auto id = peer.ask(peer.get("/endless"));
  peer.read_while([&] { return peer.seen[id].body.empty(); });
  peer.send(frame(kRst, 0, id, number(8, 4)));
  while (failed_sends == 0) ASSERT_TRUE(peer.ping());
  {
    Http2Peer gone(server.port());
    gone.open();
    gone.credits = false;
    const auto other = gone.ask(gone.get("/endless"));
    gone.read_while([&] { return gone.seen[other].body.empty(); });
  }
  while (failed_sends == 1) ASSERT_TRUE(peer.ping());
}

TEST_F(Http2Test, extended_connect_is_a_tunnel) {
  TestServer server(handler);
  Http2Peer peer(server.port());
  peer.open();
  auto fields = peer.get("/tunnel", {{"sec-websocket-version", "13"}});
  fields[0].second = "CONNECT";
  fields.insert(fields.begin() + 1, {":protocol", "websocket"});
  const auto id = peer.ask(fields, kEndHeaders);
  peer.read_while([&] { return peer.seen[id].status == 0 && !peer.seen[id].reset; });
  EXPECT_EQ(peer.seen[id].status, 200);
  EXPECT_EQ(peer.seen[id].field("sec-websocket-accept"), "");
  EXPECT_EQ(peer.seen[id].field("sec-websocket-protocol"), "chat");
  peer.data(id, "ping");
  peer.read_while([&] { return peer.seen[id].body.empty(); });
  EXPECT_EQ(peer.seen[id].body, "ping");
  peer.data(id, "", kEndStream);
  EXPECT_TRUE(peer.answer(id).ended);
  EXPECT_FALSE(peer.seen[id].reset);
  fields[1].second = "tcp";
  EXPECT_EQ(peer.answer(peer.ask(fields, kEndHeaders)).status, 501);
}

TEST_F(Http2Test, connection_close_is_a_goaway_that_loses_nothing) {
  TestServer server(handler);
  Http2Peer peer(server.port());
  peer.open();
  const auto running = peer.ask(peer.get("/slow"));
  EXPECT_EQ(peer.ask_for(peer.get("/closing")).body, "last\n");
  EXPECT_EQ(peer.answer(running).body, "slow\n");
  EXPECT_TRUE(peer.closed());
  EXPECT_EQ(peer.goaway, 0U);
  EXPECT_EQ(peer.last_stream, 3U);
}

TEST_F(Http2Test, stopping_lets_streams_end) {
  auto server = std::make_unique<TestServer>(handler);
  Http2Peer peer(server->port());
  peer.open();
  const auto id = peer.ask(peer.get("/slow"));
  peer.settle();
  server->runtime.stop();
  EXPECT_EQ(peer.answer(id).body, "slow\n");
  EXPECT_TRUE(peer.closed());
  EXPECT_EQ(peer.goaway, 0U);
}

TEST_F(Http2Test, each_phase_has_its_deadline) {
  auto options = quick_options();
  options.head_timeout = options.body_timeout = options.idle_timeout = options.write_timeout = 60ms;
  TestServer server(handler, options);
  Http2Peer mute(server.port());
  mute.open();
  EXPECT_TRUE(mute.closed());
  EXPECT_EQ(mute.goaway, 0U);

  Http2Peer dripping(server.port());
  dripping.open();
  dripping.ask(dripping.get("/"), 0);   // no END_HEADERS
  EXPECT_TRUE(dripping.closed());

  Http2Peer body(server.port());
  body.open();
  EXPECT_EQ(body.answer(body.ask(body.post("/echo"), kEndHeaders)).status, 408);

  Http2Peer starving(server.port());
  starving.open(number(4, 2) + number(0, 4));   // INITIAL_WINDOW_SIZE 0
  const auto id = starving.ask(starving.get("/"));
  EXPECT_EQ(starving.answer(id).status, 200);
  EXPECT_EQ(starving.seen[id].reset, 8U);   // CANCEL
  EXPECT_TRUE(starving.closed());           // and then it was idle
}

}  // namespace
}  // namespace gatehouse::net
