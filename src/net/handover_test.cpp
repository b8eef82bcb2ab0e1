// A successor takes over listening sockets, and the one that leaves answers whoever is still there.
#include <fcntl.h>
#include <gtest/gtest.h>

#include "net/server_fixture.h"

namespace gatehouse::net {
namespace {

using namespace testing_net;

struct HandoverTest : testing::Test {
  FnHandler handler{[](Exchange& exchange) -> boost::asio::awaitable<void> {
    auto reply = Reply::text(200, "here");
    (void)co_await exchange.reply(std::move(reply));
  }};
  static std::string get() { return "GET / HTTP/1.1\r\nHost: a\r\n\r\n"; }
};

std::vector<int> copies(const std::vector<int>& sockets) {
  std::vector<int> copied;
  for (const int socket : sockets) copied.push_back(::fcntl(socket, F_DUPFD_CLOEXEC, 0));
  return copied;
}

TEST_F(HandoverTest, a_successor_accepts_what_waits_in_the_old_ones_queues) {
  auto old = std::make_unique<TestServer>(handler, quick_options(), 4);
  const auto port = old->port();
  auto options = quick_options();
  options.inherited = copies(old->server->sockets());
  ASSERT_EQ(options.inherited.size(), 4u);
  old->server->stop_accepting();
  old.reset();
  std::vector<std::unique_ptr<RawClient>> waiting;   // enough to meet every queue
  for (int i = 0; i < 40; ++i) {
    waiting.push_back(std::make_unique<RawClient>(port));
    waiting.back()->send(get());
  }
  TestServer successor(handler, options, 1);         // with fewer loops than there are sockets
  EXPECT_EQ(successor.port(), port);
  for (auto& client : waiting) EXPECT_EQ(client->read_answer().substr(0, 15), "HTTP/1.1 200 OK");
}

TEST_F(HandoverTest, several_loops_can_share_one_socket) {
  TestServer old(handler, quick_options(), 1);
  auto options = quick_options();
  options.inherited = copies(old.server->sockets());
  TestServer successor(handler, options, 3);
  old.server->stop_accepting();
  for (int i = 0; i < 20; ++i) {
    RawClient client(successor.port());
    client.send(get());
    EXPECT_EQ(client.read_answer().substr(0, 15), "HTTP/1.1 200 OK");
  }
}

TEST_F(HandoverTest, in_its_quiet_time_a_leaving_server_answers_idle_connections_once_more) {
  TestServer server(handler);
  RawClient idle(server.port());
  idle.send(get());
  EXPECT_EQ(idle.read_answer().find("Connection: close"), std::string::npos);
  server.runtime.stop(Farewell{.quiet = 1h, .grace = 2h});
  while (RawClient(server.port()).connected()) std::this_thread::sleep_for(1ms);   // the doors close soon
  idle.send(get());
  const auto last = idle.read_to_end();
  EXPECT_NE(last.find("here"), std::string::npos);
  EXPECT_NE(last.find("Connection: close"), std::string::npos);
  server.runtime.join();   // nobody is left: it does not wait for the quiet time to pass
}

}  // namespace
}  // namespace gatehouse::net
