// Our client asks our server, through our server as a small proxy: both halves at once, on several loops.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <thread>

#include "core/spawn.h"
#include "net/client.h"
#include "net/fixed_resolver.h"
#include "net/server_fixture.h"

namespace gatehouse::net {
namespace {

using namespace testing_net;
using Body = UpstreamExchange::Body;
using boost::asio::awaitable;

awaitable<void> echo(Exchange& exchange) {
  auto body = co_await exchange.read_all(1024 * 1024);
  auto reply = Reply::text(body ? 200 : 400, body ? *std::move(body) : "");
  (void)co_await exchange.reply(std::move(reply));
}

Task<void> relay(Upstream* upstream, Exchange* exchange) {
  const auto& request = exchange->request();
  GH_CO_TRY(const auto out, co_await upstream->open());
  auto head = out->spare();
  fmt::format_to(std::back_inserter(head), "{} {} HTTP/1.1\r\nHost: echo\r\n", request.method_name, request.target());
  if (request.has_body) head.append("Transfer-Encoding: chunked\r\n");
  head.append("\r\n");
  GH_CO_DO(co_await out->send_head(std::move(head), "", request.has_body ? Body::follows : Body::ends));
  while (request.has_body) {
    GH_CO_TRY(const auto piece, co_await exchange->read_some());
    GH_CO_DO(co_await out->send_chunk(piece, piece.empty() ? Body::ends : Body::follows));
    if (piece.empty()) break;
  }
  GH_CO_TRY(const auto* const answer, co_await out->read_head(request.method));
  Reply reply;
  reply.status = answer->status;
  GH_CO_DO(co_await exchange->start(std::move(reply), std::nullopt));
  for (;;) {
    GH_CO_TRY(const auto piece, co_await out->read_some());
    if (piece.empty()) break;
    GH_CO_DO(co_await exchange->send(piece));
  }
  co_return co_await exchange->finish();
}

struct BothHalvesTest : testing::Test {
  static constexpr int kClients = 4, kRequests = 100;

  FixedResolver resolver;
  FnHandler echo_handler = FnHandler(echo);
  TestServer origin = TestServer(echo_handler);
  std::unique_ptr<Upstream> upstream;
  FnHandler proxy_handler = FnHandler([this](Exchange& exchange) -> awaitable<void> {
    const auto relayed = co_await relay(upstream.get(), &exchange);
    EXPECT_TRUE(relayed) << (relayed ? "" : relayed.error().message());
  });
  std::unique_ptr<TestServer> proxy;
  std::unique_ptr<HttpClient> client;

  BothHalvesTest() {
    resolver.set("echo", {"127.0.0.1"});
    resolver.set("proxy", {"127.0.0.1"});
    UpstreamOptions options;
    options.url = *Url::parse(fmt::format("http://echo:{}", origin.port()));
    upstream = make_upstream(resolver, PeerRules::anyone(), ClientTls(), std::move(options));
    proxy = std::make_unique<TestServer>(proxy_handler);
    client = make_http_client(resolver, PeerRules::anyone(), ClientTls());
  }

  static Task<int> ask_often(HttpClient* client, std::uint16_t port, int who) {
    int right = 0;
    for (int i = 0; i < kRequests; ++i) {
      Outbound request;
      request.method = Method::post;
      request.url = *Url::parse(fmt::format("http://proxy:{}/{}/{}", port, who, i));
      request.body = fmt::format("{}-{} ", who, i) + std::string(static_cast<std::size_t>(i) * 997, 'x');
      const auto expected = request.body;
      GH_CO_TRY(const auto answer, co_await client->send(std::move(request)));
      right += answer.status == 200 && answer.body == expected ? 1 : 0;
    }
    co_return right;
  }
};

TEST_F(BothHalvesTest, every_client_gets_its_own_answers_over_few_connections) {
  std::vector<std::jthread> threads;
  for (int who = 0; who < kClients; ++who)
    threads.emplace_back([this, who] {
      const auto right = run(ask_often(client.get(), proxy->port(), who));
      ASSERT_TRUE(right) << right.error().message();
      EXPECT_EQ(*right, kRequests);
    });
  threads.clear();
  EXPECT_EQ(client->counts().connects, kClients);
  EXPECT_EQ(upstream->counts().exchanges, kClients * kRequests);
  EXPECT_LE(upstream->counts().connects, 2 * kClients);   // two loops, at most kClients requests at once
  EXPECT_EQ(upstream->counts().failures, 0);
}

}  // namespace
}  // namespace gatehouse::net
