#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "core/spawn.h"
#include "net/client.h"
#include "net/fixed_resolver.h"
#include "net/scripted_peer.h"
#include "net/steady.h"

namespace gatehouse::net {
namespace {

using std::chrono::milliseconds;
constexpr std::string_view kHello = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

struct HttpClientTest : testing::Test {
  FixedResolver resolver;
  std::unique_ptr<HttpClient> client = make_http_client(resolver, PeerRules::anyone(), ClientTls());

  HttpClientTest() { resolver.set("peer.test", {"127.0.0.1"}); }

  static Outbound to(std::uint16_t port, std::string_view target = "/") {
    Outbound request;
    request.url = *Url::parse(fmt::format("http://peer.test:{}{}", port, target));
    request.total_timeout = milliseconds(3000);
    return request;
  }
  static Outbound post(std::uint16_t port, std::string body) {
    auto request = to(port);
    request.method = Method::post;
    request.body = std::move(body);
    return request;
  }
  Result<Answer> ask(Outbound request) { return run(client->send(std::move(request))); }

  static Task<std::vector<Answer>> ask_often(HttpClient* client, Outbound request, int times) {
    std::vector<Answer> answers;
    for (int i = 0; i < times; ++i) {
      GH_CO_TRY(auto answer, co_await client->send(request));
      answers.push_back(std::move(answer));
    }
    co_return answers;
  }
  Result<Answer> ask_one_that_says(std::string_view text, Method method = Method::get) {
    ScriptedPeer peer([text](auto& talk) {
      talk.head();
      talk.send(text);
    });
    auto request = to(peer.port());
    request.method = method;
    return ask(std::move(request));
  }
};

TEST_F(HttpClientTest, sends_what_was_asked_and_returns_what_was_said) {
  std::string head, body;
  ScriptedPeer peer([&](auto& talk) {
    head = talk.head();
    body = talk.read(3);
    talk.send("HTTP/1.1 201 Created\r\nX-One: 1\r\nContent-Length: 5\r\n\r\nhello");
    talk.hang();
  });
  auto request = post(peer.port(), "a=b");
  request.url = *Url::parse(fmt::format("http://peer.test:{}/token?x=%20", peer.port()));
  request.headers.emplace_back("Accept", "application/json");
  const auto answer = ask(std::move(request));
  ASSERT_TRUE(answer) << answer.error().message();
  EXPECT_EQ(answer->status, 201);
  EXPECT_EQ(answer->header("x-one"), "1");
  EXPECT_EQ(answer->header("x-two"), std::nullopt);
  EXPECT_EQ(answer->body, "hello");
  EXPECT_EQ(head, fmt::format("POST /token?x=%20 HTTP/1.1\r\nHost: peer.test:{}\r\nAccept: application/json\r\n"
                              "User-Agent: Gatehouse/0.1.0\r\nContent-Length: 3\r\n\r\n", peer.port()));
  EXPECT_EQ(body, "a=b");
}

TEST_F(HttpClientTest, control_characters_never_reach_the_wire) {
  ScriptedPeer peer([](auto& talk) { talk.hang(); });
  const std::pair<std::string, std::string> bad[] = {
      {"X", "a\r\nEvil: 1"}, {"X", std::string("a\0b", 3)}, {"X\r\nEvil", "1"}, {"", "1"}, {"X Y", "1"},
      {"Host", "other.test"}, {"content-length", "7"}, {"Transfer-Encoding", "chunked"}, {"Connection", "close"}};
  for (const auto& field : bad) {
    auto request = to(peer.port());
    request.headers.push_back(field);
    const auto answer = ask(std::move(request));
    ASSERT_FALSE(answer) << field.first;
    EXPECT_EQ(answer.error().fault(), Fault::internal);
  }
  EXPECT_EQ(peer.connections(), 0);
}

TEST_F(HttpClientTest, one_connection_serves_many_requests) {
  ScriptedPeer peer([](auto& talk) {
    while (!talk.head().empty()) talk.send(kHello);
  });
  const auto answers = run(ask_often(client.get(), to(peer.port()), 10));
  ASSERT_TRUE(answers) << answers.error().message();
  EXPECT_EQ(peer.connections(), 1);
  EXPECT_EQ(client->counts().exchanges, 10);
  EXPECT_EQ(client->counts().connects, 1);
  EXPECT_EQ(client->counts().reuses, 9);
  EXPECT_EQ(resolver.asked(), 1);
}

TEST_F(HttpClientTest, loops_do_not_share_connections) {
  ScriptedPeer peer([](auto& talk) {
    while (!talk.head().empty()) talk.send(kHello);
  });
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 3; ++i)
      threads.emplace_back([&] { EXPECT_TRUE(run(ask_often(client.get(), to(peer.port()), 20))); });
  }
  EXPECT_EQ(peer.connections(), 3);
}

TEST_F(HttpClientTest, an_answer_that_ends_the_connection_is_not_followed_by_reuse) {
  ScriptedPeer peer([](auto& talk) {
    talk.head();
    talk.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
    talk.hang();
  });
  ASSERT_TRUE(run(ask_often(client.get(), to(peer.port()), 3)));
  EXPECT_EQ(peer.connections(), 3);
}

TEST_F(HttpClientTest, bytes_after_an_answer_are_not_taken_for_the_next_one) {
  ScriptedPeer peer([](auto& talk) {
    talk.head();
    talk.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
    talk.hang();
  });
  const auto answers = run(ask_often(client.get(), to(peer.port()), 2));
  ASSERT_TRUE(answers);
  EXPECT_EQ(answers->at(1).body, "ok");
  EXPECT_EQ(peer.connections(), 2);
}

TEST_F(HttpClientTest, bytes_that_nobody_asked_for_spoil_an_idle_connection) {
  std::atomic<bool> said = false;
  ScriptedPeer peer([&](auto& talk) {
    talk.head();
    talk.send(kHello);
    if (talk.number() == 1) talk.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
    said = true;
    talk.hang();
  });
  const auto twice = [](HttpClient* out, Outbound request, std::atomic<bool>* ready) -> Task<Answer> {
    GH_CO_DO(co_await out->send(request));
    while (!*ready) std::this_thread::yield();
    std::this_thread::sleep_for(milliseconds(5));   // longer than an idle connection is trusted
    co_return co_await out->send(request);
  };
  const auto answer = run(twice(client.get(), to(peer.port()), &said));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->body, "hello");
  EXPECT_EQ(peer.connections(), 2);
}

TEST_F(HttpClientTest, a_stale_connection_is_replaced_for_an_idempotent_request_only) {
  // The connection dies when the second request arrives on it: nobody could have known before.
  ScriptedPeer peer([](auto& talk) {
    talk.head();
    talk.send(kHello);
    talk.head();
    if (talk.number() > 1) talk.send(kHello);
  });
  const auto answers = run(ask_often(client.get(), to(peer.port()), 3));
  ASSERT_TRUE(answers) << answers.error().message();
  EXPECT_EQ(peer.connections(), 2);
  EXPECT_EQ(client->counts().retries, 1);
}

TEST_F(HttpClientTest, a_request_with_effects_is_not_sent_twice) {
  std::atomic<int> requests = 0;
  ScriptedPeer peer([&](auto& talk) {
    talk.head();
    ++requests;
    talk.send(kHello);
    talk.head();
    ++requests;
  });
  const auto answers = run(ask_often(client.get(), post(peer.port(), ""), 2));
  ASSERT_FALSE(answers);
  EXPECT_EQ(answers.error().fault(), Fault::upstream);
  EXPECT_EQ(requests, 2);
  EXPECT_EQ(client->counts().retries, 0);
}

TEST_F(HttpClientTest, a_fresh_connection_that_dies_is_a_failure) {
  ScriptedPeer peer([](auto& talk) { talk.head(); });
  const auto answer = ask(to(peer.port()));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().fault(), Fault::upstream);
  EXPECT_EQ(peer.connections(), 1);
}

TEST_F(HttpClientTest, a_silent_peer_costs_no_more_than_the_deadline) {
  ScriptedPeer peer([](auto& talk) { talk.hang(); });
  auto request = to(peer.port());
  request.total_timeout = milliseconds(80);
  const auto begin = steady_now();
  const auto answer = ask(std::move(request));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().fault(), Fault::upstream);
  EXPECT_EQ(answer.error().code(), "timeout");
  EXPECT_TRUE(answer.error().message().contains("peer.test"));
  EXPECT_GE(steady_now() - begin, milliseconds(80));
  EXPECT_LT(steady_now() - begin, milliseconds(1500));
}

TEST_F(HttpClientTest, a_peer_that_drips_is_cut_off_at_the_total_deadline) {
  ScriptedPeer peer([](auto& talk) {
    talk.head();
    talk.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
    while (talk.send(".")) std::this_thread::sleep_for(milliseconds(10));
  });
  auto request = to(peer.port());
  request.total_timeout = milliseconds(150);
  const auto answer = ask(std::move(request));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code(), "timeout");
}

TEST_F(HttpClientTest, a_full_backlog_ends_at_the_connect_deadline) {
  // A listener that never accepts: Linux drops the connection requests once its queue (backlog 0 holds one) is full.
  boost::asio::io_context loop;
  boost::asio::ip::tcp::acceptor listener(loop);
  const boost::asio::ip::tcp::endpoint any(boost::asio::ip::address_v4::loopback(), 0);
  listener.open(any.protocol());
  listener.bind(any);
  listener.listen(0);
  std::vector<boost::asio::ip::tcp::socket> filling;
  for (int i = 0; i < 4; ++i) {
    auto& socket = filling.emplace_back(loop);
    socket.open(any.protocol());
    socket.non_blocking(true);
    const auto at = listener.local_endpoint();
    ::connect(socket.native_handle(), at.data(), static_cast<socklen_t>(at.size()));   // in progress for ever
  }
  auto request = to(listener.local_endpoint().port());
  request.connect_timeout = milliseconds(100);
  const auto answer = ask(std::move(request));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code(), "timeout");
  EXPECT_TRUE(answer.error().message().contains("could not be reached in time")) << answer.error().message();
}

TEST_F(HttpClientTest, the_next_address_is_tried_when_one_is_dead) {
  ScriptedPeer peer([](auto& talk) {
    talk.head();
    talk.send(kHello);
  });
  resolver.set("peer.test", {"127.0.0.77", "::1", "127.0.0.1"});
  const auto answer = ask(to(peer.port()));
  ASSERT_TRUE(answer) << answer.error().message();
  EXPECT_EQ(answer->body, "hello");
}

TEST_F(HttpClientTest, an_unknown_host_is_an_upstream_failure) {
  auto request = to(80);
  request.url.host = "nowhere.test";
  const auto answer = ask(std::move(request));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().fault(), Fault::upstream);
}

TEST_F(HttpClientTest, answers_over_the_cap_are_refused) {
  ScriptedPeer announced([](auto& talk) {
    talk.head();
    talk.send("HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n");
    talk.hang();
  });
  ScriptedPeer chunked([](auto& talk) {
    talk.head();
    talk.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 11; ++i) talk.send("64\r\n" + std::string(100, 'x') + "\r\n");
    talk.hang();
  });
  ScriptedPeer exact([](auto& talk) {
    talk.head();
    talk.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + std::string(1000, 'x'));
  });
  for (const auto port : {announced.port(), chunked.port()}) {
    auto request = to(port);
    request.answer_max = 1000;
    const auto answer = ask(std::move(request));
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().fault(), Fault::upstream);
    EXPECT_TRUE(answer.error().message().contains("more than 1000 bytes"));
  }
  auto request = to(exact.port());
  request.answer_max = 1000;
  EXPECT_TRUE(ask(std::move(request)));
}

TEST_F(HttpClientTest, what_is_no_answer_is_refused) {
  const std::string table[] = {
      "SSH-2.0-OpenSSH_9.2\r\n", "garbage\r\n\r\n", "HTTP/1.1 OK\r\n\r\n", "HTTP/1.1 200 OK\nX: 1\n\n", "HTTP/3.0 200 OK\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n",
      "HTTP/1.1 200 OK\r\nX: " + std::string(64 * 1024, 'x') + "\r\n\r\n", "HTTP/1.1 101 Switching Protocols\r\n\r\n", ""};
  for (const auto& text : table) {
    const auto answer = ask_one_that_says(text);
    ASSERT_FALSE(answer) << text.substr(0, 60);
    EXPECT_EQ(answer.error().fault(), Fault::upstream);
  }
}

TEST_F(HttpClientTest, truncated_answers_are_failures) {
  for (const auto* text : {"HTTP/1.1 200 OK\r\nContent-Le", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
                           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
                           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"}) {
    const auto answer = ask_one_that_says(text);
    ASSERT_FALSE(answer) << text;
    EXPECT_TRUE(answer.error().message().contains("closed the connection")) << answer.error().message();
  }
}

TEST_F(HttpClientTest, every_framing_is_read) {
  EXPECT_EQ(ask_one_that_says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n")->body, "hello");
  EXPECT_EQ(ask_one_that_says("HTTP/1.1 200 OK\r\n\r\nuntil the end")->body, "until the end");
  EXPECT_EQ(ask_one_that_says("HTTP/1.0 200 OK\r\n\r\nold")->body, "old");
  EXPECT_EQ(ask_one_that_says("HTTP/1.1 204 No Content\r\n\r\n")->body, "");
  EXPECT_EQ(ask_one_that_says("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")->body, "ok");
  const auto head = ask_one_that_says("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", Method::head);
  ASSERT_TRUE(head);
  EXPECT_EQ(head->header("Content-Length"), "1000");
  EXPECT_EQ(head->body, "");
}

TEST_F(HttpClientTest, endless_interim_answers_are_cut_off) {
  std::string text;
  for (int i = 0; i < 50; ++i) text += "HTTP/1.1 100 Continue\r\n\r\n";
  EXPECT_FALSE(ask_one_that_says(text + std::string(kHello)));
}

TEST_F(HttpClientTest, an_early_answer_counts_although_the_body_was_not_taken) {
  ScriptedPeer peer([](auto& talk) {
    talk.head();
    talk.send("HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 4\r\n\r\nmuch");
  });
  const auto answer = ask(post(peer.port(), std::string(20'000'000, 'x')));
  ASSERT_TRUE(answer) << answer.error().message();
  EXPECT_EQ(answer->status, 413);
}

TEST_F(HttpClientTest, redirects_are_answers) {
  const auto answer = ask_one_that_says("HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 302);
  EXPECT_EQ(client->counts().exchanges, 1);
}

TEST_F(HttpClientTest, public_names_at_private_addresses_are_refused_before_a_byte_is_sent) {
  ScriptedPeer peer([](auto& talk) { talk.hang(); });
  client = make_http_client(resolver, PeerRules::public_only(), ClientTls());
  for (const auto* address : {"127.0.0.1", "10.0.0.8", "169.254.169.254", "::1", "::ffff:127.0.0.1", "fd00::1", "0.0.0.0"}) {
    resolver.set("peer.test", {address});
    const auto answer = ask(to(peer.port()));
    ASSERT_FALSE(answer) << address;
    EXPECT_EQ(answer.error().fault(), Fault::denied);
  }
  EXPECT_EQ(peer.connections(), 0);
  EXPECT_EQ(client->counts().refusals, 7);
}

TEST_F(HttpClientTest, the_rules_see_addresses_written_in_the_url_too) {
  ScriptedPeer peer([](auto& talk) { talk.hang(); });
  client = make_http_client(resolver, PeerRules::public_only(), ClientTls());
  resolver.set("127.0.0.1", {"127.0.0.1"});
  auto request = to(peer.port());
  request.url.host = "127.0.0.1";
  EXPECT_EQ(ask(std::move(request)).error().fault(), Fault::denied);
  EXPECT_EQ(peer.connections(), 0);
}

TEST_F(HttpClientTest, an_allowed_host_is_reached) {
  ScriptedPeer peer([](auto& talk) {
    talk.head();
    talk.send(kHello);
  });
  auto rules = PeerRules::public_only();
  rules.allow_host(fmt::format("peer.test:{}", peer.port()));
  client = make_http_client(resolver, rules, ClientTls());
  EXPECT_TRUE(ask(to(peer.port())));
}

TEST_F(HttpClientTest, a_rebound_name_is_checked_again_with_every_connection) {
  ScriptedPeer peer([](auto& talk) {
    talk.head();
    talk.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
  });
  auto rules = PeerRules::public_only();
  ASSERT_TRUE(rules.allow_network("127.0.0.1/32"));
  client = make_http_client(resolver, rules, ClientTls());
  EXPECT_TRUE(ask(to(peer.port())));
  resolver.set("peer.test", {"127.0.0.2"});
  EXPECT_EQ(ask(to(peer.port())).error().fault(), Fault::denied);
  resolver.set("peer.test", {"127.0.0.2", "127.0.0.1"});   // only the address that passed is connected to
  EXPECT_TRUE(ask(to(peer.port())));
  EXPECT_EQ(peer.connections(), 2);
}

TEST_F(HttpClientTest, a_peer_that_keeps_failing_is_left_alone_for_a_while) {
  std::atomic<bool> well = false;
  ScriptedPeer peer([&](auto& talk) {
    talk.head();
    if (well) talk.send(kHello);
  });
  client = make_http_client(resolver, PeerRules::anyone(), ClientTls(), BreakerOptions{.failures = 3, .pause = milliseconds(200)});
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(ask(to(peer.port())));
  EXPECT_EQ(peer.connections(), 3);
  const auto refused = ask(to(peer.port()));
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().message().contains("several times in a row"));
  EXPECT_EQ(peer.connections(), 3);
  EXPECT_EQ(client->counts().short_circuits, 1);

  well = true;
  std::this_thread::sleep_for(milliseconds(250));
  EXPECT_TRUE(ask(to(peer.port())));
  EXPECT_TRUE(ask(to(peer.port())));
}

TEST_F(HttpClientTest, other_peers_are_not_punished) {
  ScriptedPeer ill([](auto& talk) { talk.head(); });
  ScriptedPeer well([](auto& talk) {
    talk.head();
    talk.send(kHello);
  });
  client = make_http_client(resolver, PeerRules::anyone(), ClientTls(), BreakerOptions{.failures = 1, .pause = milliseconds(60000)});
  EXPECT_FALSE(ask(to(ill.port())));
  EXPECT_TRUE(ask(to(well.port())));
}

}  // namespace
}  // namespace gatehouse::net
