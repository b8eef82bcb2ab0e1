#include "net/server.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fstream>
#include <map>
#include <thread>

#include "net/hosts.h"
#include "net/server_fixture.h"

namespace gatehouse::net {
namespace {

using namespace testing_net;
namespace asio = boost::asio;

// A small world of paths, each showing one ability of Exchange.
using Answer = asio::awaitable<void>;

Answer answer(Exchange& exchange, Reply reply) { (void)co_await exchange.reply(std::move(reply)); }

Answer echo(Exchange& exchange) {
  auto body = co_await exchange.read_all(1 << 20);
  auto reply = body ? Reply::text(200, *body) : Reply::text(400, body.error().message());
  for (const auto& [name, value] : exchange.trailers()) reply.with("Seen-" + name, value);
  co_await answer(exchange, std::move(reply));
}

Answer lazy(Exchange& exchange) {  // does not look at the body
  auto reply = Reply::text(200, "lazy");
  co_await answer(exchange, std::move(reply));
}

Answer count(Exchange& exchange) {
  std::uint64_t total = 0;
  for (;;) {
    auto piece = co_await exchange.read_some();
    if (!piece || piece->empty()) break;
    total += piece->size();
  }
  auto reply = Reply::text(200, std::to_string(total));
  co_await answer(exchange, std::move(reply));
}

Answer stream(Exchange& exchange) {
  (void)co_await exchange.start(Reply::text(200, ""), std::nullopt);
  (void)co_await exchange.send("one");
  (void)co_await exchange.send("two");
  std::vector<std::pair<std::string, std::string>> trailers{{"Digest", "x"}};
  (void)co_await exchange.finish(std::move(trailers));
}

Answer pass_on(Exchange& exchange) {
  for (;;) {
    auto piece = co_await exchange.read_some();
    if (!piece || piece->empty() || !co_await exchange.send(*piece)) break;
  }
  (void)co_await exchange.finish();
}

Answer pipe(Exchange& exchange) {  // answers while it reads
  (void)co_await exchange.start(Reply::text(200, ""), std::nullopt);
  co_await pass_on(exchange);
}

Answer upgrade(Exchange& exchange) {
  if (exchange.request().upgrade != Upgrade::websocket) co_return co_await answer(exchange, Reply::text(426, ""));
  auto head = Reply::empty(200).with("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  (void)co_await exchange.start_tunnel(std::move(head));
  co_await pass_on(exchange);
}

Answer large(Exchange& exchange) {
  const std::string piece(64 * 1024, 'x');
  (void)co_await exchange.start(Reply::text(200, ""), 64ULL * 1024 * 1024);
  for (int i = 0; i < 1024; ++i)
    if (!co_await exchange.send(piece)) co_return;
  (void)co_await exchange.finish();
}

Answer half(Exchange& exchange) {
  (void)co_await exchange.start(Reply::text(200, ""), std::nullopt);
  (void)co_await exchange.send("half");
}

Answer too_short(Exchange& exchange) {
  (void)co_await exchange.start(Reply::text(200, ""), 10);
  (void)co_await exchange.send("half");
  (void)co_await exchange.finish();
}

Answer nothing(Exchange&) { co_return; }

Answer throws(Exchange&) {
  throw std::runtime_error("a broken invariant");
  co_return;
}

Answer bad_header(Exchange& exchange) {
  auto evil = Reply::text(200, "").with("X-Evil", "a\r\nSet-Cookie: b=c");
  const auto sent = co_await exchange.reply(std::move(evil));
  auto reply = Reply::text(500, sent ? "sent" : "kept back");
  co_await answer(exchange, std::move(reply));
}

Answer slow(Exchange& exchange) {
  asio::steady_timer timer(co_await asio::this_coro::executor, 200ms);
  co_await timer.async_wait(asio::use_awaitable);
  auto reply = Reply::text(200, "slow");
  co_await answer(exchange, std::move(reply));
}

Answer never(Exchange&) {
  asio::steady_timer timer(co_await asio::this_coro::executor, 1h);
  co_await timer.async_wait(asio::use_awaitable);
}

Answer describe(Exchange& exchange) {
  const auto& request = exchange.request();
  auto reply = Reply::text(200, std::string(request.method_name) + " " + request.origin() + request.target() + " " + request.client.ip);
  co_await answer(exchange, std::move(reply));
}

Answer world(Exchange& exchange) {
  static const std::map<std::string, Answer (*)(Exchange&), std::less<>> places{
      {"/echo", echo},         {"/lazy", lazy},   {"/count", count}, {"/stream", stream},   {"/pipe", pipe},       {"/upgrade", upgrade},
      {"/large", large},       {"/half", half},   {"/short", too_short}, {"/nothing", nothing}, {"/throw", throws}, {"/bad-header", bad_header},
      {"/slow", slow},         {"/never", never},
  };
  const auto place = places.find(exchange.request().path);
  co_await (place == places.end() ? describe(exchange) : place->second(exchange));
}

std::string get(std::string_view path, std::string_view fields = "") {
  return "GET " + std::string(path) + " HTTP/1.1\r\nHost: a.example\r\n" + std::string(fields) + "\r\n";
}
std::string post(std::string_view path, std::string_view fields, std::string_view body = "") {
  return "POST " + std::string(path) + " HTTP/1.1\r\nHost: a.example\r\n" + std::string(fields) + "\r\n" + std::string(body);
}
std::string body_of(const std::string& answer) { return answer.substr(std::min(answer.find("\r\n\r\n") + 4, answer.size())); }
int status_of(const std::string& answer) { return answer.size() < 12 ? 0 : std::stoi(answer.substr(9, 3)); }

class ServerTest : public testing::Test {
 protected:
  FnHandler handler{world};
};

TEST_F(ServerTest, a_connection_serves_many_requests_and_many_at_once) {
  TestServer server(handler);
  RawClient client(server.port());
  for (int i = 0; i < 3; ++i) {
    client.send(get("/x?y=z"));
    const auto answer = client.read_answer();
    EXPECT_EQ(status_of(answer), 200);
    EXPECT_EQ(body_of(answer), "GET http://a.example/x?y=z 127.0.0.1");
    EXPECT_NE(answer.find("\r\nDate: "), std::string::npos);
    EXPECT_EQ(answer.find("Connection:"), std::string::npos);
  }
  client.send(get("/slow") + post("/echo", "Content-Length: 3\r\n", "abc") + post("/echo", "Transfer-Encoding: chunked\r\n", "2\r\nxy\r\n0\r\n\r\n") + get("/last"));
  EXPECT_EQ(body_of(client.read_answer()), "slow");
  EXPECT_EQ(body_of(client.read_answer()), "abc");
  EXPECT_EQ(body_of(client.read_answer()), "xy");
  EXPECT_EQ(body_of(client.read_answer()), "GET http://a.example/last 127.0.0.1");
}

TEST_F(ServerTest, heads_may_come_byte_by_byte_and_be_large) {
  TestServer server(handler);
  RawClient client(server.port());
  for (const char c : get("/tiny")) client.send(std::string_view(&c, 1));
  EXPECT_EQ(status_of(client.read_answer()), 200);
  client.send(get("/big", "X: " + std::string(20000, 'a') + "\r\n") + get("/after"));
  EXPECT_EQ(status_of(client.read_answer()), 200);
  EXPECT_EQ(body_of(client.read_answer()), "GET http://a.example/after 127.0.0.1");
}

TEST_F(ServerTest, versions_and_connection_fields_are_obeyed) {
  TestServer server(handler);
  RawClient old(server.port());
  old.send("GET / HTTP/1.0\r\nHost: a\r\n\r\n");
  EXPECT_NE(old.read_to_end().find("Connection: close"), std::string::npos);
  RawClient keep(server.port());
  keep.send("GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_NE(keep.read_answer().find("Connection: keep-alive"), std::string::npos);
  keep.send("GET /stream HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(body_of(keep.read_to_end()), "onetwo");  // no chunks for HTTP/1.0: the end of the connection ends it
  RawClient close(server.port());
  close.send(get("/", "Connection: close\r\n") + get("/ignored"));
  const auto answer = close.read_to_end();
  EXPECT_EQ(answer.find("ignored"), std::string::npos);
}

TEST_F(ServerTest, head_has_the_length_and_no_body) {
  TestServer server(handler);
  RawClient client(server.port());
  client.send("HEAD /lazy HTTP/1.1\r\nHost: a\r\n\r\nHEAD /stream HTTP/1.1\r\nHost: a\r\n\r\n" + get("/lazy"));
  EXPECT_NE(client.read_until("\r\n\r\n").find("Content-Length: 4"), std::string::npos);
  EXPECT_NE(client.read_until("\r\n\r\n").find("Transfer-Encoding: chunked"), std::string::npos);
  EXPECT_EQ(body_of(client.read_answer()), "lazy");
}

TEST_F(ServerTest, answers_stream_in_chunks_with_trailers) {
  TestServer server(handler);
  RawClient client(server.port());
  client.send(get("/stream"));
  EXPECT_EQ(body_of(client.read_until("0\r\nDigest: x\r\n\r\n")), "3\r\none\r\n3\r\ntwo\r\n0\r\nDigest: x\r\n\r\n");
  client.send(get("/lazy"));
  EXPECT_EQ(body_of(client.read_answer()), "lazy");
}

TEST_F(ServerTest, an_answer_may_start_before_the_body_ends) {
  TestServer server(handler);
  RawClient client(server.port());
  client.send(post("/pipe", "Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n") + post("/pipe", "Content-Length: 5\r\n", "he"));
  EXPECT_EQ(body_of(client.read_until("0\r\n\r\n")), "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
  EXPECT_EQ(body_of(client.read_until("he\r\n")), "2\r\nhe\r\n");
  client.send("llo" + get("/lazy"));
  EXPECT_EQ(client.read_until("0\r\n\r\n"), "3\r\nllo\r\n0\r\n\r\n");
  EXPECT_EQ(body_of(client.read_answer()), "lazy");
}

TEST_F(ServerTest, trailers_of_a_request_are_seen) {
  TestServer server(handler);
  RawClient client(server.port());
  client.send(post("/echo", "Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n0\r\nDigest: y\r\n\r\n"));
  EXPECT_NE(client.read_answer().find("Seen-Digest: y"), std::string::npos);
}

TEST_F(ServerTest, a_client_that_waits_is_told_to_go_on_only_when_the_body_is_wanted) {
  TestServer server(handler);
  RawClient client(server.port());
  client.send(post("/echo", "Expect: 100-continue\r\nContent-Length: 3\r\n"));
  EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("abc");
  EXPECT_EQ(body_of(client.read_answer()), "abc");
  client.send(post("/lazy", "Expect: 100-continue\r\nContent-Length: 3\r\n"));
  const auto answer = client.read_to_end();
  EXPECT_EQ(status_of(answer), 200);  // and closed: nobody can tell whether the body will come
  EXPECT_NE(answer.find("Connection: close"), std::string::npos);
}

TEST_F(ServerTest, an_unread_body_is_skipped_when_small_and_ends_the_connection_when_large) {
  TestServer server(handler);
  RawClient client(server.port());
  client.send(post("/lazy", "Content-Length: 5\r\n", "hello") + post("/lazy", "Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n") + get("/next"));
  EXPECT_EQ(body_of(client.read_answer()), "lazy");
  EXPECT_EQ(body_of(client.read_answer()), "lazy");
  EXPECT_EQ(body_of(client.read_answer()), "GET http://a.example/next 127.0.0.1");
  client.send(post("/lazy", "Content-Length: 5000000\r\n", std::string(100000, 'x')));
  const auto answer = client.read_to_end();
  EXPECT_EQ(status_of(answer), 200);
  EXPECT_NE(answer.find("Connection: close"), std::string::npos);
}

std::size_t resident_kib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmRSS:")) return std::stoul(line.substr(6));
  return 0;
}

TEST_F(ServerTest, large_bodies_pass_with_little_memory) {
  TestServer server(handler);
  const auto before = resident_kib();
  RawClient up(server.port());
  constexpr std::size_t kSize = 64 * 1024 * 1024;
  up.send(post("/count", "Content-Length: " + std::to_string(kSize) + "\r\n"));
  const std::string piece(1 << 20, 'x');
  for (std::size_t sent = 0; sent < kSize; sent += piece.size()) ASSERT_TRUE(up.send(piece));
  EXPECT_EQ(body_of(up.read_answer()), std::to_string(kSize));
  RawClient down(server.port());
  down.send(get("/large"));
  down.read_until("\r\n\r\n");
  std::size_t got = 0;
  while (got < kSize) {
    const auto part = down.read_exactly(std::min<std::size_t>(1 << 20, kSize - got));
    ASSERT_FALSE(part.empty());
    got += part.size();
  }
#if !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)  // these keep memory of their own
  EXPECT_LT(resident_kib(), before + 8 * 1024);
#else
  EXPECT_GT(before, 0U);
#endif
}

TEST_F(ServerTest, bodies_over_the_limit_are_413) {
  auto options = quick_options();
  options.limits.body = 1000;
  TestServer server(handler, options);
  RawClient known(server.port());
  known.send(post("/echo", "Content-Length: 1001\r\n"));
  EXPECT_EQ(status_of(known.read_to_end()), 413);
  RawClient chunked(server.port());
  chunked.send(post("/echo", "Transfer-Encoding: chunked\r\n", "3e8\r\n" + std::string(1000, 'x') + "\r\n1\r\nx\r\n0\r\n\r\n"));
  EXPECT_EQ(status_of(chunked.read_to_end()), 413);
}

TEST_F(ServerTest, slow_senders_are_answered_and_closed) {
  auto options = quick_options();
  options.head_timeout = options.idle_timeout = options.body_timeout = 100ms;
  TestServer server(handler, options);
  RawClient head(server.port()), body(server.port()), silent(server.port()), idle(server.port());
  head.send("GET / HTTP/1.1\r\nHost:");
  body.send(post("/echo", "Content-Length: 5\r\n", "he"));
  idle.send(get("/"));
  EXPECT_EQ(status_of(idle.read_answer()), 200);
  EXPECT_EQ(status_of(head.read_to_end()), 408);
  EXPECT_EQ(status_of(body.read_to_end()), 408);
  EXPECT_EQ(silent.read_to_end(), "");
  EXPECT_EQ(idle.read_to_end(), "");
}

TEST_F(ServerTest, trickling_bytes_do_not_stretch_the_deadline_of_a_head) {
  auto options = quick_options();
  options.head_timeout = 150ms;
  TestServer server(handler, options);
  RawClient client(server.port());
  client.send("GET / HTTP/1.1\r\nHost: a\r\n");
  // A deadline that each line stretched would never pass: the answer would be 431, for the field after the last one allowed.
  for (std::size_t i = 0; i <= kFieldsMax && client.send("X: y\r\n") && client.quiet_for(20ms); ++i) {}
  EXPECT_EQ(status_of(client.read_to_end()), 408);
}

TEST_F(ServerTest, a_reader_that_stalls_is_dropped) {
  auto options = quick_options();
  options.write_timeout = 100ms;
  TestServer server(handler, options);
  RawClient client(server.port());
  client.send(get("/large"));
  ASSERT_FALSE(client.read_exactly(100).empty());
  const auto began = std::chrono::steady_clock::now();
  while (server.server->connections() > 0 && std::chrono::steady_clock::now() - began < 3s) std::this_thread::sleep_for(10ms);
  EXPECT_EQ(server.server->connections(), 0U);
}

TEST_F(ServerTest, malformed_requests_are_refused_while_others_are_served) {
  TestServer server(handler);
  RawClient honest(server.port());
  const std::vector<std::pair<std::string, int>> bad{
      {"GET / HTTP/1.1\nHost: a\n\n", 400},
      {get("/", "Content-Length: 5\r\nContent-Length: 6\r\n"), 400},
      {post("/echo", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400},
      {post("/echo", "Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n"), 400},
      {get("/", "X: a\r\n b\r\n"), 400},
      {get("/../etc/passwd"), 400},
      {get("/%2e%2e/x"), 400},
      {get("/a%2fb"), 400},
      {get("/..;/x"), 400},
      {get("/x#y"), 400},
      {get("*"), 400},
      {get("http://b.example/x"), 400},
      {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a,b\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: user@a\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\n\r\n", 400},
      {"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", 501},
      {"TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 501},
      {"GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505},
      {get("/" + std::string(9000, 'a')), 414},
      {get("/", "X: " + std::string(40000, 'a') + "\r\n"), 431},
      {get("/", [] {
         std::string many;
         for (int i = 0; i < 200; ++i) many += "X: y\r\n";
         return many;
       }()), 431},
      {"\x16\x03\x01\x02\x00\x01", 400},
      {post("/echo", "Transfer-Encoding: chunked\r\n", "zz\r\n"), 400},
      {post("/echo", "Transfer-Encoding: chunked\r\n", "5;ext=1\r\nhello\r\n0\r\n\r\n"), 400},
  };
  for (const auto& [text, status] : bad) {
    RawClient client(server.port());
    client.send(text);
    const auto answer = client.read_to_end();
    EXPECT_EQ(status_of(answer), status) << text.substr(0, 80) << "\n" << answer;
    EXPECT_NE(answer.find("Connection: close"), std::string::npos) << text.substr(0, 80);
    honest.send(get("/ok"));
    ASSERT_EQ(status_of(honest.read_answer()), 200) << "after " << text.substr(0, 80);
  }
}

TEST_F(ServerTest, endless_headers_cost_no_memory) {
  TestServer server(handler);
  RawClient client(server.port());
  const std::string line = "X-Endless: " + std::string(1000, 'a') + "\r\n";
  client.send("GET / HTTP/1.1\r\nHost: a\r\n");
  for (int i = 0; i < 10000 && client.send(line); ++i) {}
  EXPECT_EQ(status_of(client.read_to_end()), 431);
}

TEST_F(ServerTest, the_canonical_request_has_one_host) {
  TestServer server(handler);
  RawClient client(server.port());
  client.send("GET http://A.Example.:80//x/%7ey HTTP/1.1\r\nHost: a.example\r\n\r\n");
  EXPECT_EQ(body_of(client.read_answer()), "GET http://a.example/x/~y 127.0.0.1");
  client.send("GET / HTTP/1.1\r\nHost: [::1]:8080\r\nX-Forwarded-For: 9.9.9.9\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil\r\n\r\n");
  EXPECT_EQ(body_of(client.read_answer()), "GET http://[::1]:8080/ 127.0.0.1");
}

TEST_F(ServerTest, only_a_trusted_proxy_is_believed) {
  auto options = quick_options();
  options.trusted_proxies = {"127.0.0.0/8", "10.0.0.0/8"};
  TestServer server(handler, options);
  RawClient client(server.port());
  client.send(get("/", "X-Forwarded-For: 6.6.6.6, 9.9.9.9, 10.1.2.3\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: b.example\r\n"));
  EXPECT_EQ(body_of(client.read_answer()), "GET https://b.example/ 9.9.9.9");
}

TEST_F(ServerTest, broken_handlers_do_not_look_whole) {
  TestServer server(handler);
  RawClient none(server.port());
  none.send(get("/nothing"));
  EXPECT_EQ(status_of(none.read_answer()), 500);
  RawClient half(server.port());
  half.send(get("/half"));
  EXPECT_EQ(half.read_to_end().find("0\r\n\r\n"), std::string::npos);
  RawClient too_short(server.port());
  too_short.send(get("/short"));
  EXPECT_LT(body_of(too_short.read_to_end()).size(), 10U);
  RawClient thrown(server.port());
  thrown.send(get("/throw"));
  EXPECT_EQ(thrown.read_to_end(), "");
  EXPECT_TRUE(server.sink.has("a broken invariant"));
  RawClient evil(server.port());
  evil.send(get("/bad-header"));
  const auto answer = evil.read_answer();
  EXPECT_EQ(answer.find("Set-Cookie"), std::string::npos);
  EXPECT_EQ(body_of(answer), "kept back");
}

constexpr auto kHandshake = "Connection: keep-alive, upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

TEST_F(ServerTest, only_a_whole_opening_handshake_may_become_a_tunnel) {
  TestServer server(handler);
  for (const std::string_view without : {"upgrade\r\n", "Upgrade: websocket\r\n", "Sec-WebSocket-Version: 13\r\n", "==\r\n"}) {
    std::string handshake = kHandshake;
    const auto at = handshake.find(without);
    handshake.replace(at, without.size(), without == "upgrade\r\n" || without == "==\r\n" ? "\r\n" : "");
    RawClient client(server.port());
    client.send(get("/upgrade", handshake));
    EXPECT_EQ(status_of(client.read_answer()), 426) << without;
  }
}

TEST_F(ServerTest, a_silent_tunnel_is_closed) {
  auto options = quick_options();
  options.tunnel_timeout = 50ms;
  TestServer server(handler, options);
  RawClient client(server.port());
  client.send(get("/upgrade", kHandshake));
  EXPECT_EQ(status_of(client.read_until("\r\n\r\n")), 101);
  EXPECT_TRUE(client.closed_by_peer());
}

TEST_F(ServerTest, an_upgrade_becomes_a_tunnel_after_101_and_not_before) {
  TestServer server(handler);
  RawClient client(server.port());
  client.send(get("/upgrade", kHandshake) + "early");
  const auto head = client.read_until("\r\n\r\n");
  EXPECT_EQ(status_of(head), 101);
  EXPECT_NE(head.find("Upgrade: websocket\r\nConnection: Upgrade\r\n"), std::string::npos);
  EXPECT_NE(head.find("Sec-WebSocket-Accept: "), std::string::npos);
  EXPECT_EQ(client.read_exactly(5), "early");
  client.send("late");
  EXPECT_EQ(client.read_exactly(4), "late");
  client.half_close();
  EXPECT_TRUE(client.closed_by_peer());
}

TEST_F(ServerTest, more_connections_than_allowed_are_closed_at_once) {
  auto options = quick_options();
  options.connections_max = 2;
  TestServer server(handler, options);
  RawClient one(server.port()), two(server.port());
  one.send(get("/"));
  two.send(get("/"));
  EXPECT_EQ(status_of(one.read_answer()), 200);
  EXPECT_EQ(status_of(two.read_answer()), 200);
  RawClient three(server.port());
  three.send(get("/"));
  EXPECT_EQ(three.read_to_end(), "");
  one.send(get("/"));
  EXPECT_EQ(status_of(one.read_answer()), 200);
}

TEST_F(ServerTest, without_file_descriptors_new_connections_wait_and_are_served_later) {
  TestServer server(handler);
  RawClient known(server.port());
  known.send(get("/"));
  ASSERT_EQ(status_of(known.read_answer()), 200);
  RawClient waiting(server.port(), RawClient::Connect::later);
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  const int next = ::dup(0);  // the lowest free number: nothing above it from here on
  ::close(next);
  const rlimit none{.rlim_cur = static_cast<rlim_t>(next), .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  waiting.connect(server.port());
  waiting.send(get("/lazy"));
  EXPECT_TRUE(server.sink.has("accept.failed"));
  known.send(get("/"));
  EXPECT_EQ(status_of(known.read_answer()), 200);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(body_of(waiting.read_answer()), "lazy");
}

TEST_F(ServerTest, stopping_lets_requests_end_and_closes_idle_connections) {
  auto options = quick_options();
  options.grace = 1h;   // whoever waits for its end does not come back in time for anybody
  TestServer server(handler, options);
  RawClient idle(server.port()), busy(server.port());
  idle.send(get("/"));
  idle.read_answer();
  busy.send(get("/slow"));
  std::this_thread::sleep_for(50ms);
  server.runtime.stop();
  EXPECT_EQ(idle.read_to_end(), "");
  const auto answer = busy.read_to_end();
  EXPECT_EQ(body_of(answer), "slow");
  EXPECT_NE(answer.find("Connection: close"), std::string::npos);
  server.runtime.join();
  EXPECT_FALSE(RawClient(server.port()).connected());
}

TEST_F(ServerTest, stopping_does_not_wait_longer_than_the_grace) {
  auto options = quick_options();
  options.grace = 100ms;
  TestServer server(handler, options);
  RawClient stuck(server.port());
  stuck.send(get("/never"));
  std::this_thread::sleep_for(50ms);
  server.runtime.stop();
  server.runtime.join();   // comes back although the request never ends
  EXPECT_EQ(stuck.read_to_end(), "");
}

TEST_F(ServerTest, a_taken_port_is_explained) {
  TestServer server(handler);
  auto options = quick_options();
  options.port = server.port();
  Runtime other(1);
  const auto clock = system_clock();
  const auto random = system_random();
  const auto second = Server::listen(other, options, handler, *clock, *random, silent_log());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().fault(), Fault::conflict);
  EXPECT_NE(second.error().message().find("is taken"), std::string::npos);
}

TEST_F(ServerTest, hosts_choose_the_handler) {
  FnHandler other([](Exchange& exchange) -> asio::awaitable<void> {
    auto reply = Reply::text(200, "other");
    (void)co_await exchange.reply(std::move(reply));
  });
  HostSwitch hosts;
  hosts.add("a.example", handler).add("b.example", other);
  TestServer server(hosts);
  RawClient client(server.port());
  client.send("GET /lazy HTTP/1.1\r\nHost: A.example:99\r\n\r\nGET / HTTP/1.1\r\nHost: b.example\r\n\r\nGET / HTTP/1.1\r\nHost: c.example\r\n\r\n");
  EXPECT_EQ(body_of(client.read_answer()), "lazy");
  EXPECT_EQ(body_of(client.read_answer()), "other");
  EXPECT_EQ(status_of(client.read_answer()), 421);
}

}  // namespace
}  // namespace gatehouse::net
