#include <fmt/format.h>
#include <gtest/gtest.h>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "core/beside.h"
#include "core/spawn.h"
#include "net/client.h"
#include "net/fixed_resolver.h"
#include "net/http2_client_exchange.h"
#include "net/scripted_http2.h"
#include "net/websocket.h"

namespace gatehouse::net {
namespace {

using std::chrono::milliseconds;
using Body = UpstreamExchange::Body;
using Exchanges = std::vector<std::unique_ptr<UpstreamExchange>>;
constexpr std::string_view kGet = "GET /a?b=c HTTP/1.1\r\nHost: app\r\nX-One: 1\r\nConnection: TE\r\nTE: trailers\r\n\r\n";
constexpr std::string_view kPost = "POST / HTTP/1.1\r\nHost: app\r\nTransfer-Encoding: chunked\r\n\r\n";
const Http2Lines kOk{{":status", "200"}};

std::string setting(std::uint32_t id, std::uint32_t value) { return http2_number(id, 2) + http2_number(value); }

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
  GH_CO_DO(co_await exchange->send_head(std::string(kGet), "", Body::ends));
  GH_CO_TRY(const auto* head, co_await exchange->read_head(Method::get));
  GH_CO_TRY(auto body, co_await read_all(exchange.get()));
  co_return fmt::format("{} {}", head->status, body);
}

struct Http2ClientTest : testing::Test {
  FixedResolver resolver;
  Http2ClientTest() { resolver.set("app", {"127.0.0.1"}); }
  UpstreamOptions options(const ScriptedPeer& peer) {
    UpstreamOptions options;
    options.url = *Url::parse(fmt::format("http://app:{}", peer.port()));
    options.connect_timeout = options.read_timeout = options.write_timeout = milliseconds(2000);
    options.protocol = UpstreamProtocol::h2;
    return options;
  }
  std::unique_ptr<Upstream> upstream(UpstreamOptions wanted) { return make_upstream(resolver, PeerRules::anyone(), ClientTls(), std::move(wanted)); }
  std::unique_ptr<Upstream> upstream(const ScriptedPeer& peer) { return upstream(options(peer)); }
  // What one GET against a peer with this script ends in.
  Result<std::string> outcome(const std::function<void(Http2Talk&)>& script, milliseconds read_timeout = milliseconds(2000)) {
    ScriptedPeer peer([&](auto& talk) {
      Http2Talk http2(talk);
      script(http2);
      talk.hang();
    });
    auto wanted = options(peer);
    wanted.read_timeout = read_timeout;
    const auto out = upstream(wanted);
    return run(get(out.get()));
  }
};

void serve_hello(ScriptedPeer::Talk& talk) {
  Http2Talk http2(talk);
  for (;;) {
    const auto request = http2.request();
    if (request.stream == 0) return;
    http2.head(request.stream, kOk);
    http2.data(request.stream, "hello", true);
  }
}

TEST_F(Http2ClientTest, a_request_head_becomes_a_header_list) {
  std::string key;
  const auto list = http2_request_of(kGet, "http", key);
  ASSERT_TRUE(list);
  const Http2HeaderList wanted{{":method", "GET"}, {":scheme", "http"}, {":authority", "app"}, {":path", "/a?b=c"}, {"x-one", "1"}, {"te", "trailers"}};
  EXPECT_EQ(*list, wanted);
  for (const auto* wrong : {"", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nno colon\r\n\r\n", "GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.1\r\n\r\nx\r\n\r\n", ": x\r\n\r\n"})
    EXPECT_FALSE(http2_request_of(wrong, "http", key)) << wrong;
}

TEST_F(Http2ClientTest, exchanges_share_one_connection) {
  ScriptedPeer peer(serve_hello);
  const auto out = upstream(peer);
  const auto scenario = [](Upstream* up) -> Task<void> {
    for (int i = 0; i < 50; ++i) {
      GH_CO_TRY(const auto answer, co_await get(up));
      EXPECT_EQ(answer, "200 hello");
    }
    co_return Result<void>();
  };
  ASSERT_TRUE(run(scenario(out.get())));
  EXPECT_EQ(peer.connections(), 1);
  EXPECT_EQ(out->counts().reuses, 49);
}

// The peer allows two at a time: more connections are made, and beyond their bound nobody waits in a queue without end.
TEST_F(Http2ClientTest, streams_are_limited_as_the_peer_says_and_connections_as_we_say) {
  ScriptedPeer peer([](auto& talk) {
    Http2Talk http2(talk, setting(3, 2));
    http2.hang();
  });
  auto wanted = options(peer);
  wanted.sessions_max = 2;
  const auto out = upstream(wanted);
  const auto scenario = [](Upstream* up) -> Task<void> {
    Exchanges open;
    for (int i = 0; i < 4; ++i) {
      GH_CO_TRY(auto exchange, co_await up->open());
      GH_CO_DO(co_await exchange->send_head(std::string(kGet), "", Body::ends));
      open.push_back(std::move(exchange));
    }
    const auto fifth = co_await up->open();
    EXPECT_EQ(fifth.error().fault(), Fault::limited);
    open.pop_back();
    GH_CO_DO(co_await up->open());
    co_return Result<void>();
  };
  ASSERT_TRUE(run(scenario(out.get())));
  EXPECT_EQ(peer.connections(), 2);
}

// What gRPC servers answer to a call that fails: head, trailers and the end at once, so that all of it may be there with the head.
TEST_F(Http2ClientTest, trailers_that_come_with_the_head_are_not_lost) {
  ScriptedPeer peer([&](auto& talk) {
    Http2Talk http2(talk);
    const auto request = http2.request();
    talk.send(http2_frame(Http2Talk::kHeaders, 4, request.stream, http2_lines(kOk)) + http2_frame(Http2Talk::kHeaders, 5, request.stream, http2_lines({{"grpc-status", "5"}})));
    talk.hang();
  });
  const auto out = upstream(peer);
  const auto scenario = [](Upstream* up) -> Task<std::string> {
    GH_CO_TRY(const auto exchange, co_await up->open());
    GH_CO_DO(co_await exchange->send_head(std::string(kGet), "", Body::ends));
    GH_CO_TRY(const auto* head, co_await exchange->read_head(Method::get));
    EXPECT_NE(head->framing, Framing::none) << "who answers without a body sends no trailers";
    GH_CO_DO(co_await read_all(exchange.get()));
    co_return exchange->trailers().empty() ? "" : exchange->trailers()[0].first + "=" + exchange->trailers()[0].second;
  };
  EXPECT_EQ(run(scenario(out.get())).value_or("failed"), "grpc-status=5");
}

TEST_F(Http2ClientTest, a_request_body_goes_out_with_its_trailers_and_the_answer_brings_some) {
  std::string body;
  std::map<std::string, std::string> late;
  ScriptedPeer peer([&](auto& talk) {
    Http2Talk http2(talk);
    const auto request = http2.request();
    while (true) {
      const auto frame = http2.next();
      if (frame.type == Http2Talk::kData) body += frame.payload;
      if (frame.type == Http2Talk::kHeaders || frame.type == -1) {
        const std::string block = frame.payload;
        late["flags"] = frame.ends() ? "ends" : "open";
        late["has"] = block.empty() ? "nothing" : "fields";
        break;
      }
    }
    http2.head(request.stream, kOk);
    http2.data(request.stream, "x");
    http2.head(request.stream, {{"grpc-status", "0"}}, true);
    talk.hang();
  });
  const auto out = upstream(peer);
  const auto scenario = [](Upstream* up) -> Task<std::string> {
    GH_CO_TRY(const auto exchange, co_await up->open());
    GH_CO_DO(co_await exchange->send_head(std::string(kPost), "", Body::follows));
    GH_CO_DO(co_await exchange->send_chunk("one", Body::follows));
    GH_CO_DO(co_await exchange->send_chunk("two", Body::follows));
    std::vector<std::pair<std::string, std::string>> trailers{{"X-Sum", "2"}};
    GH_CO_DO(co_await exchange->send_end(std::move(trailers)));
    GH_CO_DO(co_await exchange->read_head(Method::post));
    GH_CO_DO(co_await read_all(exchange.get()));
    EXPECT_EQ(exchange->trailers().size(), 1);
    co_return exchange->trailers().empty() ? "" : exchange->trailers()[0].first + "=" + exchange->trailers()[0].second;
  };
  EXPECT_EQ(run(scenario(out.get())).value_or("failed"), "grpc-status=0");
  EXPECT_EQ(body, "onetwo");
  EXPECT_EQ(late["flags"], "ends");
  EXPECT_EQ(late["has"], "fields");
}

// The peer gives no window beyond the first 64 KiB: the sender waits, and fails when nothing moves.
TEST_F(Http2ClientTest, a_body_waits_for_the_peers_window) {
  ScriptedPeer peer([](auto& talk) {
    Http2Talk http2(talk);
    const auto request = http2.request();
    std::size_t got = 0;
    while (got < 65535) got += http2.next(Http2Talk::kData).payload.size();
    http2.send(Http2Talk::kWindow, 0, 0, http2_number(100'000));
    http2.send(Http2Talk::kWindow, 0, request.stream, http2_number(100'000));
    while (got < 100'000) got += http2.next(Http2Talk::kData).payload.size();
    http2.head(request.stream, {{":status", "204"}}, true);
    talk.hang();
  });
  const auto out = upstream(peer);
  const auto scenario = [](Upstream* up) -> Task<int> {
    GH_CO_TRY(const auto exchange, co_await up->open());
    GH_CO_DO(co_await exchange->send_head(std::string(kPost), "", Body::follows));
    const std::string big(100'000, 'x');
    GH_CO_DO(co_await exchange->send_chunk(big, Body::ends));
    GH_CO_TRY(const auto* head, co_await exchange->read_head(Method::post));
    co_return head->status;
  };
  EXPECT_EQ(run(scenario(out.get())).value_or(0), 204);
}

TEST_F(Http2ClientTest, a_peer_that_never_opens_its_window_fails_in_time) {
  ScriptedPeer peer([](auto& talk) {
    Http2Talk http2(talk, setting(4, 0));
    http2.hang();
  });
  auto wanted = options(peer);
  wanted.write_timeout = milliseconds(100);
  const auto out = upstream(wanted);
  const auto scenario = [](Upstream* up) -> Task<void> {
    GH_CO_TRY(const auto exchange, co_await up->open());
    GH_CO_DO(co_await exchange->send_head(std::string(kPost), "", Body::follows));
    co_return co_await exchange->send_chunk("x", Body::ends);
  };
  const auto sent = run(scenario(out.get()));
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code(), "timeout");
}

// Nobody reads: the peer may send one window and no more, while another stream of the connection goes on.
TEST_F(Http2ClientTest, an_answer_that_nobody_reads_stops_at_its_window) {
  std::atomic<int> sent = 0;
  ScriptedPeer peer([&](auto& talk) {
    Http2Talk http2(talk);
    const auto slow = http2.request();
    http2.head(slow.stream, kOk);
    const std::string piece(16384, 'x');
    for (int i = 0; i < 16; ++i) {
      http2.data(slow.stream, piece);
      ++sent;
    }
    const auto other = http2.request();
    http2.head(other.stream, kOk);
    http2.data(other.stream, "hello", true);
    const auto window = http2.next(Http2Talk::kWindow);
    EXPECT_EQ(window.stream, slow.stream);
    http2.data(slow.stream, "end", true);
    talk.hang();
  });
  const auto out = upstream(peer);
  const auto scenario = [](Upstream* up) -> Task<std::size_t> {
    GH_CO_TRY(const auto slow, co_await up->open());
    GH_CO_DO(co_await slow->send_head(std::string(kGet), "", Body::ends));
    GH_CO_DO(co_await slow->read_head(Method::get));
    GH_CO_TRY(const auto answer, co_await get(up));
    EXPECT_EQ(answer, "200 hello");
    GH_CO_TRY(const auto body, co_await read_all(slow.get()));
    co_return body.size();
  };
  EXPECT_EQ(run(scenario(out.get())).value_or(0), 16U * 16384 + 3);
  EXPECT_EQ(sent, 16);
}

// RFC 9113 §6.8: streams above the last one were not looked at, and go out again elsewhere, whatever their method.
TEST_F(Http2ClientTest, what_a_goaway_left_out_is_sent_again_on_another_connection) {
  ScriptedPeer peer([](auto& talk) {
    if (talk.number() > 1) return serve_hello(talk);
    Http2Talk http2(talk);
    http2.request();
    http2.goaway(0);
    talk.hang();
  });
  const auto out = upstream(peer);
  const auto scenario = [](Upstream* up) -> Task<std::string> {
    GH_CO_TRY(const auto exchange, co_await up->open());
    GH_CO_DO(co_await exchange->send_head("POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 4\r\n\r\n", "body", Body::ends));
    GH_CO_DO(co_await exchange->read_head(Method::post));
    co_return co_await read_all(exchange.get());
  };
  EXPECT_EQ(run(scenario(out.get())).value_or("failed"), "hello");
  EXPECT_EQ(peer.connections(), 2);
}

TEST_F(Http2ClientTest, what_a_goaway_took_in_ends_on_its_connection) {
  ScriptedPeer peer([](auto& talk) {
    Http2Talk http2(talk);
    const auto request = http2.request();
    if (talk.number() == 1) http2.goaway(request.stream);
    http2.head(request.stream, kOk);
    http2.data(request.stream, fmt::format("{}", talk.number()), true);
    talk.hang();
  });
  const auto out = upstream(peer);
  EXPECT_EQ(run(get(out.get())).value_or("failed"), "200 1");
  EXPECT_EQ(run(get(out.get())).value_or("failed"), "200 2");
}

TEST_F(Http2ClientTest, a_refused_stream_is_tried_again_but_not_for_ever) {
  std::atomic<int> seen = 0;
  ScriptedPeer peer([&](auto& talk) {
    Http2Talk http2(talk);
    for (;;) {
      const auto request = http2.request();
      if (request.stream == 0) return;
      ++seen;
      http2.reset(request.stream, NGHTTP2_REFUSED_STREAM);
    }
  });
  const auto out = upstream(peer);
  const auto answer = run(get(out.get()));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().fault(), Fault::upstream);
  EXPECT_EQ(seen, 3);
}

TEST_F(Http2ClientTest, what_the_peer_refused_is_untouched_and_what_it_reset_is_not) {
  ScriptedPeer peer([](auto& talk) {
    Http2Talk http2(talk);
    for (const auto error : {NGHTTP2_REFUSED_STREAM, NGHTTP2_REFUSED_STREAM, NGHTTP2_REFUSED_STREAM, NGHTTP2_INTERNAL_ERROR}) http2.reset(http2.request().stream, error);
    talk.hang();
  });
  const auto out = upstream(peer);
  const auto scenario = [](Upstream* up) -> Task<void> {
    for (const bool refused : {true, false}) {
      GH_CO_TRY(const auto exchange, co_await up->open());
      EXPECT_TRUE(exchange->untouched());
      GH_CO_DO(co_await exchange->send_head("POST / HTTP/1.1\r\nHost: app\r\n\r\n", "", Body::ends));
      EXPECT_FALSE(exchange->untouched());
      EXPECT_FALSE(co_await exchange->read_head(Method::post));
      EXPECT_EQ(exchange->untouched(), refused);
    }
    co_return Result<void>();
  };
  ASSERT_TRUE(run(scenario(out.get())));
}

TEST_F(Http2ClientTest, a_limit_ends_what_waits) {
  ScriptedPeer peer([](auto& talk) {
    Http2Talk http2(talk);
    for (;;)
      if (http2.request().stream == 0) return;
  });
  const auto out = upstream(peer);
  const auto scenario = [](Upstream* up) -> Task<void> {
    for (const bool first_byte : {false, true}) {
      GH_CO_TRY(const auto exchange, co_await up->open());
      ExchangeLimits limits;
      if (first_byte) limits.first_byte = std::chrono::milliseconds(20);
      else limits.until = std::chrono::steady_clock::now() + std::chrono::milliseconds(20);
      exchange->limit(limits);
      GH_CO_DO(co_await exchange->send_head("GET / HTTP/1.1\r\nHost: app\r\n\r\n", "", Body::ends));
      const auto head = co_await exchange->read_head(Method::get);
      EXPECT_EQ(head ? "" : head.error().code(), "timeout");
    }
    co_return Result<void>();
  };
  ASSERT_TRUE(run(scenario(out.get())));
}

TEST_F(Http2ClientTest, a_reset_is_an_error_and_the_connection_lives_on) {
  ScriptedPeer peer([](auto& talk) {
    Http2Talk http2(talk);
    http2.reset(http2.request().stream, NGHTTP2_INTERNAL_ERROR);
    const auto request = http2.request();
    http2.head(request.stream, kOk);
    http2.data(request.stream, "ha");
    http2.reset(request.stream, NGHTTP2_CANCEL);
    talk.hang();
  });
  const auto out = upstream(peer);
  const auto scenario = [](Upstream* up) -> Task<void> {
    EXPECT_FALSE(co_await get(up));
    const auto half = co_await get(up);
    EXPECT_FALSE(half) << "half an answer is none";
    co_return Result<void>();
  };
  ASSERT_TRUE(run(scenario(out.get())));
  EXPECT_EQ(peer.connections(), 1);
}

TEST_F(Http2ClientTest, an_exchange_that_is_given_up_resets_its_stream_only) {
  std::uint32_t error = 0;
  ScriptedPeer peer([&](auto& talk) {
    Http2Talk http2(talk);
    const auto first = http2.request();
    http2.head(first.stream, kOk);
    const auto reset = http2.next(Http2Talk::kReset);
    error = reset.payload.empty() ? 0 : static_cast<unsigned char>(reset.payload[3]);
    const auto second = http2.request();
    http2.head(second.stream, kOk);
    http2.data(second.stream, "hello", true);
    talk.hang();
  });
  const auto out = upstream(peer);
  const auto scenario = [](Upstream* up) -> Task<std::string> {
    GH_CO_TRY(auto exchange, co_await up->open());
    GH_CO_DO(co_await exchange->send_head(std::string(kGet), "", Body::ends));
    GH_CO_DO(co_await exchange->read_head(Method::get));
    exchange.reset();
    co_return co_await get(up);
  };
  EXPECT_EQ(run(scenario(out.get())).value_or("failed"), "200 hello");
  EXPECT_EQ(error, NGHTTP2_CANCEL);
  EXPECT_EQ(peer.connections(), 1);
}

TEST_F(Http2ClientTest, an_abort_ends_who_waits) {
  ScriptedPeer peer([](auto& talk) {
    Http2Talk http2(talk);
    http2.hang();
  });
  const auto out = upstream(peer);
  const auto scenario = [](Upstream* up) -> Task<void> {
    GH_CO_TRY(const auto exchange, co_await up->open());
    GH_CO_DO(co_await exchange->send_head(std::string(kGet), "", Body::ends));
    boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor, milliseconds(20));
    timer.async_wait([&exchange](auto) { exchange->abort(); });
    const auto head = co_await exchange->read_head(Method::get);
    EXPECT_FALSE(head);
    if (!head) EXPECT_EQ(head.error().fault(), Fault::upstream);
    co_return Result<void>();
  };
  ASSERT_TRUE(run(scenario(out.get())));
}

TEST_F(Http2ClientTest, interim_answers_are_passed_over) {
  const auto answer = outcome([](Http2Talk& http2) {
    const auto id = http2.request().stream;
    http2.head(id, {{":status", "103"}, {"link", "</a>"}});
    http2.head(id, {{":status", "200"}, {"x-final", "1"}});
    http2.data(id, "x", true);
  });
  EXPECT_EQ(answer.value_or("failed"), "200 x");
}

TEST_F(Http2ClientTest, silence_has_an_end) {
  const auto answer = outcome([](Http2Talk& http2) { http2.request(); }, milliseconds(100));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code(), "timeout");
}

TEST_F(Http2ClientTest, a_peer_without_a_sign_of_life_is_given_up) {
  ScriptedPeer peer([](auto& talk) {
    Http2Talk http2(talk);
    EXPECT_EQ(http2.next(Http2Talk::kPing).type, Http2Talk::kPing);
    http2.hang();
  });
  auto wanted = options(peer);
  wanted.read_timeout = milliseconds(60'000);
  wanted.ping_after = wanted.ping_patience = milliseconds(50);
  const auto out = upstream(wanted);
  const auto answer = run(get(out.get()));
  ASSERT_FALSE(answer);
  EXPECT_NE(answer.error().message().find("no sign of life"), std::string::npos) << answer.error().message();
}

struct Hostile {
  const char* what;
  std::function<void(Http2Talk&)> script;
};
class HostilePeer : public Http2ClientTest, public testing::WithParamInterface<Hostile> {};

// CVE-2019-9512 (PING), CVE-2019-9515 (SETTINGS), CVE-2019-9518 (empty DATA), CVE-2024-27316 and CVE-2024-28182 (CONTINUATION), HPACK bombs, CVE-2023-44487 by a server (resets),
// and messages that are not HTTP: an end in bounded time and memory.
TEST_P(HostilePeer, is_given_up) {
  const auto answer = outcome(GetParam().script);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().fault(), Fault::upstream) << answer.error().message();
  EXPECT_NE(answer.error().code(), "timeout") << answer.error().message();
}

void flood(Http2Talk& http2, int type, int flags, std::uint32_t stream, std::string_view payload) {
  std::string many;
  for (int i = 0; i < 1000; ++i) many += http2_frame(type, flags, stream, payload);
  for (int i = 0; i < 100 && http2.raw(many); ++i) {}
}

INSTANTIATE_TEST_SUITE_P(
    Each, HostilePeer,
    testing::Values(Hostile{"ping_flood", [](Http2Talk& h) { h.request(); flood(h, 6, 0, 0, "12345678"); }},
                    Hostile{"ping_ack_flood", [](Http2Talk& h) { h.request(); flood(h, 6, 1, 0, "12345678"); }},
                    Hostile{"settings_flood", [](Http2Talk& h) { h.request(); flood(h, 4, 0, 0, setting(4, 65535)); }},
                    Hostile{"window_flood", [](Http2Talk& h) { h.request(); flood(h, 8, 0, 0, http2_number(1)); }},
                    Hostile{"empty_data_flood", [](Http2Talk& h) { const auto id = h.request().stream; h.head(id, kOk); flood(h, 0, 0, id, ""); }},
                    Hostile{"unknown_frame_flood", [](Http2Talk& h) { h.request(); flood(h, 77, 0, 0, "x"); }},
                    Hostile{"priority_flood", [](Http2Talk& h) { h.request(); flood(h, 2, 0, 1, std::string(5, '\0')); }},
                    Hostile{"continuation_flood", [](Http2Talk& h) { const auto id = h.request().stream; h.send(1, 0, id, http2_lines(kOk)); flood(h, 9, 0, id, http2_lines({{"a", "b"}})); }},
                    Hostile{"empty_continuation_flood", [](Http2Talk& h) { const auto id = h.request().stream; h.send(1, 0, id, http2_lines(kOk)); flood(h, 9, 0, id, ""); }},
                    Hostile{"interim_flood", [](Http2Talk& h) { const auto id = h.request().stream; flood(h, 1, 4, id, http2_lines({{":status", "103"}})); }}),
    [](const auto& info) { return info.param.what; });

INSTANTIATE_TEST_SUITE_P(
    Malformed, HostilePeer,
    testing::Values(Hostile{"large_head", [](Http2Talk& h) { const auto id = h.request().stream; h.head(id, {{":status", "200"}, {"a", std::string(15000, 'x')}, {"b", std::string(1000, 'x')}}); h.reset(id, 1); }},
                    Hostile{"many_fields", [](Http2Talk& h) { const auto id = h.request().stream; Http2Lines lines{{":status", "200"}}; for (int i = 0; i < 200; ++i) lines.emplace_back("a", "b"); h.head(id, lines); }},
                    Hostile{"hpack_bomb", [](Http2Talk& h) {
                              const auto id = h.request().stream;   // one entry of 4000 bytes, then named again and again by one byte each
                              std::string block = std::string(1, '\x88') + '\x40' + '\x01' + 'a' + '\x7f' + "\xa1\x1e" + std::string(4000, 'x');
                              block += std::string(10000, '\xbe');
                              h.send(1, 4, id, block);
                            }},
                    Hostile{"no_status", [](Http2Talk& h) { const auto id = h.request().stream; h.head(id, {{"a", "b"}}); }},
                    Hostile{"status_text", [](Http2Talk& h) { const auto id = h.request().stream; h.head(id, {{":status", "abc"}}); }},
                    Hostile{"status_twice", [](Http2Talk& h) { const auto id = h.request().stream; h.head(id, {{":status", "200"}, {":status", "200"}}); }},
                    Hostile{"upper_case_name", [](Http2Talk& h) { const auto id = h.request().stream; h.head(id, {{":status", "200"}, {"A", "b"}}); }},
                    Hostile{"line_break_in_value", [](Http2Talk& h) { const auto id = h.request().stream; h.head(id, {{":status", "200"}, {"a", "b\r\nset-cookie: c"}}); }},
                    Hostile{"nul_in_value", [](Http2Talk& h) { const auto id = h.request().stream; h.head(id, {{":status", "200"}, {"a", std::string("b\0c", 3)}}); }},
                    Hostile{"connection_field", [](Http2Talk& h) { const auto id = h.request().stream; h.head(id, {{":status", "200"}, {"connection", "close"}}); }},
                    Hostile{"coding_field", [](Http2Talk& h) { const auto id = h.request().stream; h.head(id, {{":status", "200"}, {"transfer-encoding", "chunked"}}); }},
                    Hostile{"longer_than_said", [](Http2Talk& h) { const auto id = h.request().stream; h.head(id, {{":status", "200"}, {"content-length", "1"}}); h.data(id, "toolong", true); }},
                    Hostile{"shorter_than_said", [](Http2Talk& h) { const auto id = h.request().stream; h.head(id, {{":status", "200"}, {"content-length", "9"}}); h.data(id, "short", true); }},
                    Hostile{"data_before_head", [](Http2Talk& h) { const auto id = h.request().stream; h.data(id, "x", true); }},
                    Hostile{"pseudo_trailer", [](Http2Talk& h) { const auto id = h.request().stream; h.head(id, kOk); h.data(id, "x"); h.head(id, {{":status", "200"}}, true); }},
                    Hostile{"interim_that_ends", [](Http2Talk& h) { const auto id = h.request().stream; h.head(id, {{":status", "100"}}, true); }},
                    Hostile{"push", [](Http2Talk& h) { const auto id = h.request().stream; h.send(5, 4, id, http2_number(2) + http2_lines({{":method", "GET"}})); }},
                    Hostile{"window_beyond_bounds", [](Http2Talk& h) { h.request(); h.send(8, 0, 0, http2_number(0x7fffffff)); }},
                    Hostile{"frame_too_large", [](Http2Talk& h) { h.request(); h.raw(http2_number(0xffffff, 3)); h.raw(std::string(6, '\0')); }},
                    Hostile{"http1", [](Http2Talk& h) { h.raw("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"); }}),
    [](const auto& info) { return info.param.what; });

TEST_F(Http2ClientTest, a_peer_of_http1_is_named_as_such_in_time) {
  ScriptedPeer peer([](auto& talk) { talk.send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"); talk.hang(); });
  const auto out = upstream(peer);
  const auto answer = run(get(out.get()));
  ASSERT_FALSE(answer);
  EXPECT_NE(answer.error().message().find("HTTP/2"), std::string::npos) << answer.error().message();
}

TEST_F(Http2ClientTest, many_wait_for_one_attempt_and_learn_its_failure) {
  ScriptedPeer peer([](auto& talk) { talk.hang(); });   // accepts and is silent
  auto wanted = options(peer);
  wanted.connect_timeout = milliseconds(100);
  const auto out = upstream(wanted);
  const auto scenario = [](Upstream* up) -> Task<void> {
    const auto one = [](Upstream* at) -> boost::asio::awaitable<void> { EXPECT_FALSE(co_await at->open()); };
    co_await run_beside(run_beside(one(up), one(up)), run_beside(one(up), one(up)));
    co_return Result<void>();
  };
  ASSERT_TRUE(run(scenario(out.get())));
  EXPECT_LE(peer.connections(), 2);
}

// RFC 8441 behind the seam of HTTP/1.1: the caller sees the 101 that it asked for.
TEST_F(Http2ClientTest, a_websocket_handshake_becomes_an_extended_connect) {
  std::map<std::string, std::string> seen;
  ScriptedPeer peer([&](auto& talk) {
    Http2Talk http2(talk, setting(8, 1));
    const auto request = http2.request();
    seen = request.lines;
    http2.head(request.stream, {{":status", "200"}, {"sec-websocket-protocol", "chat"}});
    const auto said = http2.next(Http2Talk::kData);
    http2.data(request.stream, "echo " + said.payload);
    while (!http2.next(Http2Talk::kData).ends()) {}
    http2.data(request.stream, "", true);
    talk.hang();
  });
  const auto out = upstream(peer);
  const auto scenario = [](Upstream* up) -> Task<std::string> {
    GH_CO_TRY(const auto exchange, co_await up->open());
    GH_CO_DO(co_await exchange->send_head("GET /chat HTTP/1.1\r\nHost: app\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                                          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", "", Body::ends));
    GH_CO_TRY(const auto* head, co_await exchange->read_head(Method::get));
    EXPECT_EQ(head->status, 101);
    EXPECT_EQ(head->fields.only("sec-websocket-accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    GH_CO_DO(co_await exchange->send_body("hi", Body::follows));
    GH_CO_TRY(const auto piece, co_await exchange->read_raw());
    std::string said(piece);
    GH_CO_DO(co_await exchange->end_raw());
    GH_CO_TRY(const auto end, co_await exchange->read_raw());
    EXPECT_TRUE(end.empty());
    co_return said;
  };
  EXPECT_EQ(run(scenario(out.get())).value_or("failed"), "echo hi");
  EXPECT_EQ(seen[":method"], "CONNECT");
  EXPECT_EQ(seen[":protocol"], "websocket");
  EXPECT_FALSE(seen.contains("sec-websocket-key"));
}

TEST_F(Http2ClientTest, a_peer_without_extended_connect_is_not_asked_for_it) {
  ScriptedPeer peer([](auto& talk) {
    Http2Talk http2(talk);
    http2.hang();
  });
  const auto out = upstream(peer);
  const auto scenario = [](Upstream* up) -> Task<void> {
    GH_CO_TRY(const auto exchange, co_await up->open());
    co_return co_await exchange->send_head("GET / HTTP/1.1\r\nHost: app\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", "", Body::ends);
  };
  EXPECT_FALSE(run(scenario(out.get())));
}

TEST(WebSocket, the_accept_of_the_rfc) { EXPECT_EQ(websocket_accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="); }

}  // namespace
}  // namespace gatehouse::net
