// What keeps a proxied request cheap, and must not show: reads that wait after a short read, answers that are only lent.
#include <gtest/gtest.h>

#include "net/http2_peer.h"

namespace gatehouse::net {
namespace {

using namespace testing_net;
using namespace std::chrono_literals;

constexpr std::size_t kLarge = 8 * 1024 * 1024;   // more than the kernel takes at once

bool keeps(const Field& field, const void*) { return field.name != "X-Inner"; }

boost::asio::awaitable<void> lend(Exchange& exchange) {
  std::string body(exchange.request().path == "/large" ? kLarge : 5, 'a');
  Fields fields;
  fields.add({.name = "X-Shown", .value = "yes"});
  fields.add({.name = "X-Inner", .value = "no"});
  fields.add({.name = "Transfer-Encoding", .value = "chunked", .id = Header::transfer_encoding});
  const Borrowed answer{.status = 203, .fields = fields, .keep = keeps, .by = nullptr, .body = body};
  auto whole = exchange.relay(answer);
  EXPECT_TRUE(whole.has_value());
  body.assign(body.size(), 'b');   // nothing is borrowed any more
  fields.clear();
  if (whole && !*whole) (void)co_await exchange.relayed();
  EXPECT_FALSE(exchange.relay(answer).has_value());   // a request is answered once
}

std::string ask(std::string_view method, std::string_view path) {
  return std::string(method) + " " + std::string(path) + " HTTP/1.1\r\nHost: a.example\r\n\r\n";
}

TEST(Relay, an_answer_that_is_lent_looks_like_any_other) {
  FnHandler handler(lend);
  TestServer server(handler);
  RawClient client(server.port());
  for (int i = 0; i < 3; ++i) {
    client.send(ask("GET", "/"));
    const auto answer = client.read_answer();
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 203 ")) << answer;
    EXPECT_TRUE(answer.ends_with("\r\n\r\naaaaa")) << answer;
    EXPECT_NE(answer.find("X-Shown: yes\r\n"), std::string::npos);
    EXPECT_NE(answer.find("\r\nDate: "), std::string::npos);
    EXPECT_EQ(answer.find("X-Inner"), std::string::npos);
    EXPECT_EQ(answer.find("Transfer-Encoding"), std::string::npos);   // framing is the connection's own
  }
  client.send(ask("HEAD", "/") + ask("GET", "/"));
  EXPECT_NE(client.read_until("\r\n\r\n").find("Content-Length: 5"), std::string::npos);
  EXPECT_TRUE(client.read_answer().ends_with("aaaaa"));
}

TEST(Relay, what_the_client_does_not_take_at_once_is_kept_for_it) {
  FnHandler handler(lend);
  TestServer server(handler);
  RawClient client(server.port());
  client.send(ask("GET", "/large"));
  const auto head = client.read_until("\r\n\r\n");
  EXPECT_NE(head.find("Content-Length: 8388608"), std::string::npos) << head;
  EXPECT_EQ(client.read_exactly(kLarge), std::string(kLarge, 'a'));
  client.send(ask("GET", "/"));
  EXPECT_TRUE(client.read_answer().ends_with("aaaaa"));
}

TEST(Relay, over_http2_it_looks_the_same_and_waits_for_the_window) {
  FnHandler handler(lend);
  TestServer server(handler);
  Http2Peer peer(server.port());
  peer.open();
  for (int i = 0; i < 3; ++i) {
    const auto& seen = peer.ask_for(peer.get("/"));
    EXPECT_EQ(seen.status, 203);
    EXPECT_EQ(seen.body, "aaaaa");
    EXPECT_EQ(seen.field("x-shown"), "yes");
    EXPECT_EQ(seen.field("content-length"), "5");
    EXPECT_FALSE(seen.field("date").empty());
    EXPECT_EQ(seen.field("x-inner"), "");
    EXPECT_EQ(seen.field("transfer-encoding"), "");
  }
  auto head = peer.get("/");
  head.front().second = "HEAD";
  const auto& empty = peer.ask_for(head);
  EXPECT_EQ(empty.field("content-length"), "5");
  EXPECT_EQ(empty.body, "");
  EXPECT_EQ(peer.ask_for(peer.get("/large")).body, std::string(kLarge, 'a'));
}

// The end of the stream comes with the last bytes: no event of its own tells of it, and the idle timeout is far away.
TEST(Relay, a_client_that_says_all_and_leaves_is_noticed) {
  FnHandler handler(lend);
  auto options = quick_options();
  options.idle_timeout = options.head_timeout = 1h;
  TestServer server(handler, options);
  for (int i = 0; i < 20; ++i) {
    RawClient client(server.port());
    client.send(ask("GET", "/"));
    client.half_close();
    EXPECT_TRUE(client.read_answer().ends_with("aaaaa"));
    EXPECT_TRUE(client.closed_by_peer());
  }
}

}  // namespace
}  // namespace gatehouse::net
