#include <fmt/format.h>
#include <gtest/gtest.h>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <mutex>

#include "core/spawn.h"
#include "net/client.h"
#include "net/fixed_resolver.h"
#include "net/scripted_peer.h"

namespace gatehouse::net {
namespace {

using std::chrono::milliseconds;
using Body = UpstreamExchange::Body;
constexpr std::string_view kGet = "GET / HTTP/1.1\r\nHost: app\r\n\r\n";
constexpr std::string_view kHello = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

boost::asio::awaitable<void> pause(milliseconds time) {
  boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor, time);
  co_await timer.async_wait(boost::asio::use_awaitable);
}

Task<std::string> read_all(UpstreamExchange* exchange) {
  std::string body;
  for (;;) {
    GH_CO_TRY(const auto piece, co_await exchange->read_some());
    if (piece.empty()) co_return body;
    body.append(piece);
  }
}

Task<std::string> get(Upstream* upstream) {
  GH_CO_TRY(const auto exchange, co_await upstream->open());
  auto head = exchange->spare();
  head = kGet;
  GH_CO_DO(co_await exchange->send_head(std::move(head), "", Body::ends));
  GH_CO_DO(co_await exchange->read_head(Method::get));
  co_return co_await read_all(exchange.get());
}

struct UpstreamTest : testing::Test {
  FixedResolver resolver;
  UpstreamTest() { resolver.set("app", {"127.0.0.1"}); }

  UpstreamOptions options(std::uint16_t port) {
    UpstreamOptions options;
    options.url = *Url::parse(fmt::format("http://app:{}", port));
    options.connect_timeout = options.read_timeout = options.write_timeout = milliseconds(2000);
    return options;
  }
  std::unique_ptr<Upstream> upstream(UpstreamOptions wanted) { return make_upstream(resolver, PeerRules::anyone(), ClientTls(), std::move(wanted)); }
  std::unique_ptr<Upstream> upstream(std::uint16_t port) { return upstream(options(port)); }
};

void serve_hello(ScriptedPeer::Talk& talk) {
  while (!talk.head().empty()) talk.send(kHello);
}

TEST_F(UpstreamTest, exchanges_reuse_the_connection_used_last) {
  ScriptedPeer peer(serve_hello);
  const auto out = upstream(peer.port());
  const auto scenario = [](Upstream* up) -> Task<void> {
    for (int i = 0; i < 50; ++i) {
      GH_CO_TRY(const auto body, co_await get(up));
      EXPECT_EQ(body, "hello");
    }
    co_return Result<void>();
  };
  ASSERT_TRUE(run(scenario(out.get())));
  EXPECT_EQ(peer.connections(), 1);
  EXPECT_EQ(out->counts().reuses, 49);
}

TEST_F(UpstreamTest, what_is_there_needs_no_waiting) {
  ScriptedPeer peer(serve_hello);
  const auto out = upstream(peer.port());
  const auto scenario = [](Upstream* up) -> Task<void> {
    const auto loop = co_await boost::asio::this_coro::executor;
    EXPECT_EQ(up->reopen(loop), nullptr);
    GH_CO_TRY(const auto body, co_await get(up));
    EXPECT_EQ(body, "hello");
    const auto exchange = up->reopen(loop);
    EXPECT_NE(exchange, nullptr);
    if (!exchange) co_return Result<void>();
    EXPECT_EQ(exchange->at_hand(), std::nullopt);
    EXPECT_EQ(up->reopen(loop), nullptr);   // the only idle one is in use
    GH_CO_DO(co_await exchange->send_head(std::string(kGet), "", Body::ends));
    GH_CO_DO(co_await exchange->read_head(Method::get));
    std::string whole;
    while (whole.size() < 5) {
      GH_CO_TRY(const auto piece, co_await exchange->read_some());
      whole += piece;
      if (piece.empty()) break;
    }
    EXPECT_EQ(whole, "hello");
    EXPECT_EQ(exchange->at_hand(), "");
    co_return Result<void>();
  };
  ASSERT_TRUE(run(scenario(out.get())));
  EXPECT_EQ(peer.connections(), 1);
  EXPECT_EQ(out->counts().exchanges, 2);
  EXPECT_EQ(out->counts().reuses, 1);
}

TEST_F(UpstreamTest, an_address_stands_for_the_host_which_stays_the_name) {
  ScriptedPeer peer(serve_hello);
  auto wanted = options(peer.port());
  wanted.url.host = "app.nowhere";
  EXPECT_FALSE(run(get(upstream(wanted).get())));
  wanted.address = "127.0.0.1";
  const int asked = resolver.asked();
  EXPECT_EQ(run(get(upstream(wanted).get())).value(), "hello");
  EXPECT_EQ(resolver.asked(), asked);
  const auto strict = make_upstream(resolver, PeerRules::public_only(), wanted);
  const auto refused = run(get(strict.get()));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().fault(), Fault::denied) << "rules look at the address, wherever it is from";
}

// The end of the stream is the end of the answer, and comes with its last bytes.
TEST_F(UpstreamTest, an_answer_that_ends_with_the_connection_is_whole) {
  ScriptedPeer peer([](ScriptedPeer::Talk& talk) {
    if (!talk.head().empty()) talk.send("HTTP/1.1 200 OK\r\n\r\nhello");
  });
  auto patient = options(peer.port());
  patient.read_timeout = std::chrono::hours(1);
  const auto out = upstream(patient);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(run(get(out.get())).value_or("failed"), "hello");
}

TEST_F(UpstreamTest, idle_connections_are_bounded_in_number_and_age) {
  ScriptedPeer peer(serve_hello);
  auto wanted = options(peer.port());
  wanted.idle_max = 1;
  wanted.idle_timeout = milliseconds(30);
  const auto out = upstream(wanted);
  const auto scenario = [](Upstream* up) -> Task<void> {
    for (int i = 0; i < 2; ++i) {   // two at once, of which one is kept
      GH_CO_TRY(auto one, co_await up->open());
      GH_CO_TRY(auto two, co_await up->open());
      for (auto* exchange : {one.get(), two.get()}) {
        GH_CO_DO(co_await exchange->send_head(std::string(kGet), "", Body::ends));
        GH_CO_DO(co_await exchange->read_head(Method::get));
        GH_CO_DO(co_await read_all(exchange));
      }
    }
    co_await pause(milliseconds(50));
    GH_CO_DO(co_await get(up));
    co_return Result<void>();
  };
  ASSERT_TRUE(run(scenario(out.get())));
  EXPECT_EQ(out->counts().connects, 2 + 1 + 1);
}

TEST_F(UpstreamTest, exchanges_at_once_are_bounded) {
  ScriptedPeer peer(serve_hello);
  auto wanted = options(peer.port());
  wanted.connections_max = 2;
  const auto out = upstream(wanted);
  const auto scenario = [](Upstream* up) -> Task<void> {
    GH_CO_TRY(auto one, co_await up->open());
    GH_CO_TRY(auto two, co_await up->open());
    const auto three = co_await up->open();
    EXPECT_FALSE(three);
    if (!three) EXPECT_EQ(three.error().fault(), Fault::limited);
    two.reset();
    GH_CO_DO(co_await up->open());
    co_return Result<void>();
  };
  ASSERT_TRUE(run(scenario(out.get())));
}

TEST_F(UpstreamTest, an_unfinished_exchange_spoils_its_connection) {
  const std::string big = "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + std::string(1000000, 'x');
  ScriptedPeer peer([&](auto& talk) {
    while (!talk.head().empty()) talk.send(big);
  });
  const auto out = upstream(peer.port());
  const auto scenario = [](Upstream* up) -> Task<void> {
    for (int i = 0; i < 3; ++i) {
      GH_CO_TRY(const auto exchange, co_await up->open());
      GH_CO_DO(co_await exchange->send_head(std::string(kGet), "", Body::ends));
      GH_CO_DO(co_await exchange->read_head(Method::get));
      GH_CO_DO(co_await exchange->read_some());   // and no further
    }
    co_return Result<void>();
  };
  ASSERT_TRUE(run(scenario(out.get())));
  EXPECT_EQ(peer.connections(), 3);
}

TEST_F(UpstreamTest, an_answer_to_half_a_request_spoils_the_connection) {
  ScriptedPeer peer(serve_hello);   // answers as soon as it has the head
  const auto out = upstream(peer.port());
  const auto scenario = [](Upstream* up) -> Task<void> {
    for (int i = 0; i < 3; ++i) {
      GH_CO_TRY(const auto exchange, co_await up->open());
      GH_CO_DO(co_await exchange->send_head("POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 10\r\n\r\n", "half", Body::follows));
      GH_CO_DO(co_await exchange->read_head(Method::post));
      GH_CO_DO(co_await read_all(exchange.get()));
    }
    co_return Result<void>();
  };
  ASSERT_TRUE(run(scenario(out.get())));
  EXPECT_EQ(peer.connections(), 3);
}

TEST_F(UpstreamTest, a_large_body_streams_and_the_head_stays_readable) {
  std::string body(3'000'000, ' ');
  for (std::size_t i = 0; i < body.size(); ++i) body[i] = static_cast<char>('a' + i % 26);
  ScriptedPeer peer([&](auto& talk) {
    while (!talk.head().empty()) talk.send(fmt::format("HTTP/1.1 200 OK\r\nX-Kept: still here\r\nContent-Length: {}\r\n\r\n", body.size()) + body);
  });
  const auto out = upstream(peer.port());
  const auto scenario = [](Upstream* up) -> Task<std::string> {
    GH_CO_TRY(const auto exchange, co_await up->open());
    GH_CO_DO(co_await exchange->send_head(std::string(kGet), "", Body::ends));
    GH_CO_TRY(const auto* const head, co_await exchange->read_head(Method::get));
    auto read = co_await read_all(exchange.get());
    EXPECT_EQ(head->fields.only("x-kept"), "still here");
    co_return read;
  };
  EXPECT_EQ(*run(scenario(out.get())), body);
}

TEST_F(UpstreamTest, chunks_with_trailers_arrive_however_they_are_cut) {
  const std::string answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n5\r\nhello\r\n7\r\n, world\r\n0\r\nX-Sum: 42\r\n\r\n";
  for (std::size_t cut = 1; cut < answer.size(); cut += 3) {
    ScriptedPeer peer([&](auto& talk) {
      talk.head();
      talk.send(answer.substr(0, cut));
      std::this_thread::sleep_for(milliseconds(2));
      talk.send(answer.substr(cut));
      talk.hang();
    });
    const auto out = upstream(peer.port());
    const auto scenario = [](Upstream* up) -> Task<void> {
      GH_CO_TRY(const auto exchange, co_await up->open());
      GH_CO_DO(co_await exchange->send_head(std::string(kGet), "", Body::ends));
      GH_CO_DO(co_await exchange->read_head(Method::get));
      GH_CO_TRY(const auto body, co_await read_all(exchange.get()));
      EXPECT_EQ(body, "hello, world");
      EXPECT_EQ(exchange->trailers().size(), 1);
      if (!exchange->trailers().empty()) EXPECT_EQ(exchange->trailers()[0].second, "42");
      co_return Result<void>();
    };
    ASSERT_TRUE(run(scenario(out.get()))) << cut;
  }
}

TEST_F(UpstreamTest, request_bodies_go_out_as_written) {
  std::string seen;
  const std::string rest = "5\r\nfirst\r\n6\r\nsecond\r\n3\r\nend\r\n0\r\n\r\n";
  ScriptedPeer peer([&](auto& talk) {
    talk.head();
    seen = talk.read(rest.size());
    talk.send(kHello);
    serve_hello(talk);
  });
  const auto out = upstream(peer.port());
  const auto scenario = [](Upstream* up) -> Task<void> {
    {
      GH_CO_TRY(const auto exchange, co_await up->open());
      GH_CO_DO(co_await exchange->send_head("POST / HTTP/1.1\r\nHost: app\r\nTransfer-Encoding: chunked\r\n\r\n", "5\r\nfirst\r\n", Body::follows));
      GH_CO_DO(co_await exchange->send_chunk("second", Body::follows));
      GH_CO_DO(co_await exchange->send_chunk("", Body::follows));   // no chunk at all: an empty one would end the body
      GH_CO_DO(co_await exchange->send_chunk("end", Body::ends));
      GH_CO_DO(co_await exchange->read_head(Method::post));
      GH_CO_DO(co_await read_all(exchange.get()));
    }
    GH_CO_DO(co_await get(up));
    co_return Result<void>();
  };
  ASSERT_TRUE(run(scenario(out.get())));
  EXPECT_EQ(seen, rest);
  EXPECT_EQ(peer.connections(), 1);
}

TEST_F(UpstreamTest, a_stale_connection_is_replaced_with_head_and_body) {
  std::string body;
  ScriptedPeer peer([&](auto& talk) {
    talk.head();
    if (talk.number() > 1) body = talk.read(4);
    talk.send(kHello);
    if (talk.number() == 1) talk.head();
  });
  const auto out = upstream(peer.port());
  const auto scenario = [](Upstream* up) -> Task<void> {
    GH_CO_DO(co_await get(up));
    GH_CO_TRY(const auto exchange, co_await up->open());
    GH_CO_DO(co_await exchange->send_head("PUT / HTTP/1.1\r\nHost: app\r\nContent-Length: 4\r\n\r\n", "data", Body::ends));
    GH_CO_DO(co_await exchange->read_head(Method::put));
    co_return Result<void>();
  };
  ASSERT_TRUE(run(scenario(out.get())));
  EXPECT_EQ(body, "data");
  EXPECT_EQ(out->counts().retries, 1);
}

TEST_F(UpstreamTest, a_stale_connection_fails_a_request_with_effects) {
  ScriptedPeer peer([](auto& talk) {
    talk.head();
    talk.send(kHello);
    talk.head();
  });
  const auto out = upstream(peer.port());
  const auto scenario = [](Upstream* up) -> Task<void> {
    GH_CO_DO(co_await get(up));
    GH_CO_TRY(const auto exchange, co_await up->open());
    GH_CO_DO(co_await exchange->send_head("POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 4\r\n\r\n", "data", Body::ends));
    const auto head = co_await exchange->read_head(Method::post);
    EXPECT_FALSE(head);
    co_return Result<void>();
  };
  ASSERT_TRUE(run(scenario(out.get())));
  EXPECT_EQ(peer.connections(), 1);
}

TEST_F(UpstreamTest, a_connection_closed_while_idle_is_noticed_before_use) {
  ScriptedPeer peer([](auto& talk) {
    talk.head();
    talk.send(kHello);
  });
  const auto out = upstream(peer.port());
  const auto scenario = [](Upstream* up) -> Task<void> {
    GH_CO_DO(co_await get(up));
    co_await pause(milliseconds(30));
    GH_CO_TRY(const auto exchange, co_await up->open());
    GH_CO_DO(co_await exchange->send_head("POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 0\r\n\r\n", "", Body::ends));
    GH_CO_DO(co_await exchange->read_head(Method::post));
    co_return Result<void>();
  };
  ASSERT_TRUE(run(scenario(out.get())));
  EXPECT_EQ(peer.connections(), 2);
  EXPECT_EQ(out->counts().retries, 0);
}

TEST_F(UpstreamTest, silence_ends_at_the_read_deadline_and_progress_moves_it) {
  ScriptedPeer peer([](auto& talk) {
    talk.head();
    talk.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n");
    for (int i = 0; i < 6; ++i) {
      std::this_thread::sleep_for(milliseconds(40));
      talk.send("x");
    }
    talk.hang();
  });
  auto wanted = options(peer.port());
  wanted.read_timeout = milliseconds(120);
  const auto out = upstream(wanted);
  const auto scenario = [](Upstream* up) -> Task<int> {
    GH_CO_TRY(const auto exchange, co_await up->open());
    GH_CO_DO(co_await exchange->send_head(std::string(kGet), "", Body::ends));
    GH_CO_DO(co_await exchange->read_head(Method::get));
    int pieces = 0;
    for (;;) {
      const auto piece = co_await exchange->read_some();
      if (!piece) {
        EXPECT_EQ(piece.error().code(), "timeout");
        co_return pieces;
      }
      ++pieces;
    }
  };
  EXPECT_EQ(run(scenario(out.get())).value(), 6);
}

TEST_F(UpstreamTest, a_peer_that_does_not_read_ends_at_the_write_deadline) {
  std::atomic<bool> done = false;
  ScriptedPeer peer([&](auto&) {
    while (!done) std::this_thread::sleep_for(milliseconds(5));
  });
  auto wanted = options(peer.port());
  wanted.write_timeout = milliseconds(100);
  const auto out = upstream(wanted);
  const std::string piece(8'000'000, 'x');
  const auto scenario = [](Upstream* up, const std::string* bytes) -> Task<void> {
    GH_CO_TRY(const auto exchange, co_await up->open());
    GH_CO_DO(co_await exchange->send_head("PUT / HTTP/1.1\r\nHost: app\r\nContent-Length: 16000000\r\n\r\n", *bytes, Body::follows));
    co_return co_await exchange->send_body(*bytes, Body::ends);
  };
  const auto sent = run(scenario(out.get(), &piece));
  done = true;
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code(), "timeout");
}

TEST_F(UpstreamTest, a_tunnel_carries_raw_bytes_both_ways_and_is_never_reused) {
  ScriptedPeer peer([](auto& talk) {
    talk.head();
    talk.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nearly");
    talk.send("echo " + talk.read(4));
  });
  const auto out = upstream(peer.port());
  const auto scenario = [](Upstream* up) -> Task<std::string> {
    std::string seen;
    {
      GH_CO_TRY(const auto exchange, co_await up->open());
      GH_CO_DO(co_await exchange->send_head("GET /ws HTTP/1.1\r\nHost: app\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", "", Body::ends));
      GH_CO_TRY(const auto* const head, co_await exchange->read_head(Method::get));
      EXPECT_EQ(head->status, 101);
      GH_CO_DO(co_await exchange->send_body("ping", Body::follows));
      for (;;) {
        GH_CO_TRY(const auto bytes, co_await exchange->read_raw());
        if (bytes.empty()) break;
        seen.append(bytes);
      }
    }
    GH_CO_DO(co_await up->open());
    co_return seen;
  };
  EXPECT_EQ(run(scenario(out.get())).value(), "earlyecho ping");
  EXPECT_EQ(out->counts().reuses, 0);
}

TEST_F(UpstreamTest, the_answer_may_be_read_while_the_request_is_still_being_sent) {
  ScriptedPeer peer([](auto& talk) {
    talk.head();
    talk.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 3; ++i) talk.send("4\r\n" + talk.read(4) + "\r\n");
    talk.send("0\r\n\r\n");
    talk.hang();
  });
  const auto out = upstream(peer.port());
  const auto scenario = [](Upstream* up) -> Task<std::string> {
    GH_CO_TRY(const auto exchange, co_await up->open());
    GH_CO_DO(co_await exchange->send_head("POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 12\r\n\r\n", "", Body::follows));
    GH_CO_DO(co_await exchange->read_head(Method::post));
    std::string seen;
    for (const std::string_view part : {"one.", "two.", "3333"}) {
      GH_CO_DO(co_await exchange->send_body(part, part == "3333" ? Body::ends : Body::follows));
      GH_CO_TRY(const auto piece, co_await exchange->read_some());
      seen.append(piece);
    }
    co_return seen;
  };
  EXPECT_EQ(run(scenario(out.get())).value(), "one.two.3333");
}

TEST_F(UpstreamTest, an_early_refusal_can_be_read_although_the_body_was_not_taken) {
  ScriptedPeer peer([](auto& talk) {
    talk.head();
    talk.send("HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 4\r\n\r\nmuch");
  });
  const auto out = upstream(peer.port());
  const std::string body(20'000'000, 'x');
  const auto scenario = [](Upstream* up, const std::string* bytes) -> Task<std::string> {
    GH_CO_TRY(const auto exchange, co_await up->open());
    const auto sent = co_await exchange->send_head("POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 20000000\r\n\r\n", *bytes, Body::ends);
    EXPECT_FALSE(sent);
    GH_CO_TRY(const auto* const head, co_await exchange->read_head(Method::post));
    EXPECT_EQ(head->status, 413);
    co_return co_await read_all(exchange.get());
  };
  EXPECT_EQ(run(scenario(out.get(), &body)).value(), "much");
}

TEST_F(UpstreamTest, a_limit_ends_what_waits_and_lasts_for_one_exchange) {
  std::atomic<int> asked = 0;
  ScriptedPeer peer([&](auto& talk) {
    while (!talk.head().empty())
      if (++asked % 2 == 1) talk.send(kHello);
  });
  const auto out = upstream(peer.port());
  const auto scenario = [](Upstream* up) -> Task<void> {
    for (const bool first_byte : {false, true}) {
      EXPECT_EQ(co_await get(up), "hello");
      GH_CO_TRY(const auto exchange, co_await up->open());
      ExchangeLimits limits;
      if (first_byte) limits.first_byte = milliseconds(20);
      else limits.until = std::chrono::steady_clock::now() + milliseconds(20);
      exchange->limit(limits);
      GH_CO_DO(co_await exchange->send_head(std::string(kGet), "", Body::ends));
      const auto head = co_await exchange->read_head(Method::get);
      EXPECT_EQ(head ? "" : head.error().code(), "timeout");
    }
    co_return Result<void>();
  };
  ASSERT_TRUE(run(scenario(out.get())));
  EXPECT_EQ(peer.connections(), 2);   // what ran out of time is closed, what did not is used again
}

TEST_F(UpstreamTest, an_exchange_is_untouched_until_a_byte_was_written) {
  ScriptedPeer peer([](auto& talk) { talk.head(); });
  const auto out = upstream(peer.port());
  const auto scenario = [](Upstream* up) -> Task<void> {
    GH_CO_TRY(const auto exchange, co_await up->open());
    EXPECT_TRUE(exchange->untouched());
    GH_CO_DO(co_await exchange->send_head(std::string(kGet), "", Body::ends));
    EXPECT_FALSE(exchange->untouched());
    EXPECT_FALSE(co_await exchange->read_head(Method::get));
    EXPECT_FALSE(exchange->untouched());
    co_return Result<void>();
  };
  ASSERT_TRUE(run(scenario(out.get())));
}

TEST_F(UpstreamTest, whoever_aborts_ends_the_wait) {
  std::atomic<int> left = 0;
  ScriptedPeer peer([&](auto& talk) {
    talk.hang();
    ++left;
  });
  const auto out = upstream(peer.port());
  const auto scenario = [](Upstream* up) -> Task<void> {
    GH_CO_TRY(const auto exchange, co_await up->open());
    GH_CO_DO(co_await exchange->send_head(std::string(kGet), "", Body::ends));
    const auto loop = co_await boost::asio::this_coro::executor;
    const auto leave = [](UpstreamExchange* waiting) -> boost::asio::awaitable<void> {
      co_await pause(milliseconds(20));
      waiting->abort();
    };
    spawn(loop, leave(exchange.get()));
    EXPECT_FALSE(co_await exchange->read_head(Method::get));
    co_return Result<void>();
  };
  ASSERT_TRUE(run(scenario(out.get())));
  while (left == 0) std::this_thread::yield();
}

TEST_F(UpstreamTest, a_proxy_header_comes_first_and_its_connection_serves_nobody_else) {
  std::mutex mutex;
  std::vector<std::string> seen;
  ScriptedPeer peer([&](auto& talk) {
    const auto head = talk.head();
    const std::lock_guard lock(mutex);
    seen.push_back(head.substr(0, head.find("\r\n")));
    talk.send(kHello);
    if (!talk.head().empty()) seen.emplace_back("used again");
  });
  auto wanted = options(peer.port());
  wanted.proxy_protocol = ProxyProtocol::v1;
  const auto out = upstream(std::move(wanted));
  const auto scenario = [](Upstream* up) -> Task<void> {
    for (const auto* ip : {"192.0.2.1", "192.0.2.2", ""}) {
      Address client{.ip = ip, .port = 4711};
      const auto loop = co_await boost::asio::this_coro::executor;
      EXPECT_EQ(up->reopen(loop), nullptr);
      GH_CO_TRY(const auto exchange, co_await up->open(std::chrono::steady_clock::time_point::max(), std::move(client)));
      GH_CO_DO(co_await exchange->send_head(std::string(kGet), "", Body::ends));
      GH_CO_DO(co_await exchange->read_head(Method::get));
      EXPECT_EQ(co_await read_all(exchange.get()), "hello");
    }
    co_return Result<void>();
  };
  ASSERT_TRUE(run(scenario(out.get())));
  const auto port = std::to_string(peer.port());
  const std::lock_guard lock(mutex);
  EXPECT_EQ(seen, (std::vector<std::string>{"PROXY TCP4 192.0.2.1 127.0.0.1 4711 " + port, "PROXY TCP4 192.0.2.2 127.0.0.1 4711 " + port, "PROXY UNKNOWN"}));
}

TEST_F(UpstreamTest, tls_begins_behind_the_proxy_header) {
  std::string seen;
  ScriptedPeer peer([&](auto& talk) { seen = talk.read(16 + 12 + 2); });
  auto wanted = options(peer.port());
  wanted.url = *Url::parse(fmt::format("https://app:{}", peer.port()));
  wanted.proxy_protocol = ProxyProtocol::v2;
  const auto out = upstream(std::move(wanted));
  const auto scenario = [](Upstream* up) -> Task<void> {
    Address client{.ip = "192.0.2.1", .port = 4711};
    EXPECT_FALSE(co_await up->open(std::chrono::steady_clock::time_point::max(), std::move(client)));
    co_return Result<void>();
  };
  ASSERT_TRUE(run(scenario(out.get())));
  ASSERT_EQ(seen.size(), 30u);
  EXPECT_TRUE(seen.starts_with("\r\n\r\n") && seen.ends_with("\x16\x03"));   // RFC 8446 §5.1: a handshake record
}

TEST_F(UpstreamTest, exchanges_may_outlive_their_upstream) {
  ScriptedPeer peer(serve_hello);
  auto out = upstream(peer.port());
  const auto scenario = [](std::unique_ptr<Upstream>* up) -> Task<std::string> {
    GH_CO_TRY(const auto exchange, co_await (*up)->open());
    up->reset();
    GH_CO_DO(co_await exchange->send_head(std::string(kGet), "", Body::ends));
    GH_CO_DO(co_await exchange->read_head(Method::get));
    co_return co_await read_all(exchange.get());
  };
  EXPECT_EQ(run(scenario(&out)).value(), "hello");
}

TEST_F(UpstreamTest, a_loop_may_end_in_the_middle_of_an_exchange) {
  ScriptedPeer peer([](auto& talk) { talk.hang(); });
  const auto out = upstream(peer.port());
  boost::asio::io_context loop(1);
  const auto scenario = [](Upstream* up) -> boost::asio::awaitable<void> {
    EXPECT_TRUE(co_await get(up));   // never gets so far
  };
  spawn(loop.get_executor(), scenario(out.get()));
  loop.run_for(milliseconds(50));
  EXPECT_EQ(peer.connections(), 1);
}

}  // namespace
}  // namespace gatehouse::net
