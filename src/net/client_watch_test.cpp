// A handler that waits for somebody else hears when its client has gone, over HTTP/1.1 and HTTP/2.
#include <gtest/gtest.h>

#include <atomic>

#include "core/wake.h"
#include "net/http2_peer.h"
#include "net/steady.h"

namespace gatehouse::net {
namespace {

using namespace testing_net;

class Waiting final : public ClientWatch {
 public:
  explicit Waiting(Exchange& exchange) : exchange_(exchange), wake_(exchange.executor()) {
    exchange.watch_client(this);
  }
  ~Waiting() { exchange_.watch_client(nullptr); }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;
  void client_gone() override {
    ++gone;
    wake_.wake();
  }
  boost::asio::awaitable<void> wait(std::chrono::milliseconds patience) {
    const auto until = steady_now() + patience;
    while (gone == 0 && steady_now() < until) co_await wake_.until(until);
  }
  int gone = 0;

 private:
  Exchange& exchange_;
  Wake wake_;
};

struct ClientWatchTest : testing::Test {
  std::atomic<int> waiting = 0, gone = 0, stayed = 0;
  // Waits half a second for /short, which is several looks at the client, and as long as a test has patience for all
  // else.
  FnHandler handler = FnHandler([this](Exchange& exchange) -> boost::asio::awaitable<void> {
    {
      Waiting watch(exchange);
      ++waiting;
      co_await watch.wait(exchange.request().path == "/short" ? 500ms : std::chrono::milliseconds(2 * kPatienceMs));
      EXPECT_LE(watch.gone, 1);
      if (watch.gone > 0) {
        ++gone;
        co_return;
      }
    }
    ++stayed;
    auto reply = Reply::text(200, "still here");
    (void)co_await exchange.reply(std::move(reply));
  });
  TestServer server = TestServer(handler);
  static bool becomes(const std::atomic<int>& count, int wanted) {
    const auto until = steady_now() + std::chrono::milliseconds(kPatienceMs);
    while (count != wanted && steady_now() < until) std::this_thread::sleep_for(5ms);
    return count == wanted;
  }
};

constexpr std::string_view kLong = "GET /long HTTP/1.1\r\nHost: a\r\n\r\n",
                           kShort = "GET /short HTTP/1.1\r\nHost: a\r\n\r\n";

TEST_F(ClientWatchTest, a_client_that_closes_has_gone) {
  {
    RawClient client(server.port());
    client.send(kLong);
    ASSERT_TRUE(becomes(waiting, 1));
  }
  EXPECT_TRUE(becomes(gone, 1));
}

TEST_F(ClientWatchTest, a_client_that_resets_has_gone_whatever_it_sent_before) {
  {
    RawClient client(server.port());
    client.send(std::string(kLong) + std::string(kLong));
    ASSERT_TRUE(becomes(waiting, 1));
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(client.fd(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  }
  EXPECT_TRUE(becomes(gone, 1));
}

TEST_F(ClientWatchTest, a_client_that_ends_its_direction_has_gone) {
  RawClient client(server.port());
  client.send(kLong);
  ASSERT_TRUE(becomes(waiting, 1));
  client.half_close();
  EXPECT_TRUE(becomes(gone, 1));
  EXPECT_TRUE(client.closed_by_peer());
}

TEST_F(ClientWatchTest, a_pipelined_request_is_no_goodbye) {
  RawClient together(server.port()), later(server.port());
  together.send(std::string(kShort) + std::string(kShort));
  later.send(kShort);
  ASSERT_TRUE(becomes(waiting, 2));
  later.send(kShort);
  together.half_close();
  later.half_close();
  for (auto* client : {&together, &later}) {
    EXPECT_TRUE(client->read_answer().ends_with("still here")) << "it waits for more than this answer";
    EXPECT_TRUE(client->closed_by_peer()) << "nothing follows the second request but the goodbye";
  }
  EXPECT_TRUE(becomes(gone, 2));
  EXPECT_EQ(stayed, 2);
}

TEST_F(ClientWatchTest, who_stays_is_answered) {
  RawClient client(server.port());
  for (int i = 1; i <= 2; ++i) {
    client.send(kShort);
    EXPECT_TRUE(client.read_answer().ends_with("still here"));
  }
  EXPECT_EQ(gone, 0);
}

TEST_F(ClientWatchTest, a_stop_that_waits_no_longer_is_a_goodbye) {
  RawClient client(server.port());
  client.send(kLong);
  ASSERT_TRUE(becomes(waiting, 1));
  server.runtime.stop();
  EXPECT_TRUE(becomes(gone, 1));
}

TEST_F(ClientWatchTest, a_stream_that_is_reset_has_gone_and_its_connection_stays) {
  Http2Peer peer(server.port());
  peer.open();
  const auto left = peer.ask(peer.get("/long"));
  const auto kept = peer.ask(peer.get("/short"));
  ASSERT_TRUE(becomes(waiting, 2));
  peer.send(frame(kRst, 0, left, number(8, 4)));
  EXPECT_TRUE(becomes(gone, 1));
  EXPECT_EQ(peer.answer(kept).body, "still here");
}

TEST_F(ClientWatchTest, streams_go_with_their_connection) {
  {
    Http2Peer peer(server.port());
    peer.open();
    peer.ask(peer.get("/long"));
    peer.ask(peer.get("/long"));
    ASSERT_TRUE(becomes(waiting, 2));
  }
  EXPECT_TRUE(becomes(gone, 2));
}

}  // namespace
}  // namespace gatehouse::net
