// Requests that are sent again, and those that must not be; deadlines; clients that go. On real sockets: each upstream
// runs a script and counts what reached it.
#include "gateway/attempt.h"

#include <gtest/gtest.h>

#include <future>
#include <set>

#include "gateway/gateway_fixture.h"
#include "net/scripted_peer.h"
#include "oauth/client/fake_issuer.h"

namespace gatehouse::gateway {
namespace {

using net::ScriptedPeer;
using std::chrono::milliseconds;
using Talk = ScriptedPeer::Talk;

// What one application saw of its requests.
struct Log {
  std::mutex mutex;
  std::vector<std::string> bodies;  // of each request that came whole
  void add(std::string body) {
    const std::lock_guard lock(mutex);
    bodies.push_back(std::move(body));
  }
  std::vector<std::string> all() {
    const std::lock_guard lock(mutex);
    return bodies;
  }
};

std::string body_of(Talk& talk, const std::string& head) {
  const auto at = head.find("Content-Length: ");
  if (at != std::string::npos) return talk.read(static_cast<std::size_t>(std::stoul(head.substr(at + 16))));
  if (head.find("Transfer-Encoding: chunked") == std::string::npos) return {};
  std::string whole;
  while (!whole.ends_with("0\r\n\r\n")) {
    const auto more = talk.read(1);
    if (more.empty()) return {};
    whole += more;
  }
  return whole;
}

std::string ok(std::string_view body) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

// Reads each request whole, notes it and answers with `text`; hangs up instead when there is none.
ScriptedPeer::Script answering(Log& log, std::string text) {
  return [&log, text](Talk& talk) {
    for (std::string head; !(head = talk.head()).empty();) {
      log.add(body_of(talk, head));
      if (text.empty()) return;
      talk.send(text);
    }
  };
}

struct AttemptTest : testing::Test {
  House house;
  oauth::client::FakeIssuer issuer{house.clock};
  Config config;

  AttemptTest() {
    PoolConfig pool;
    pool.name = "app";
    config.pools.push_back(pool);
    RouteConfig route;
    route.host = "a.test";
    route.policy = "public";
    route.upstream = "app";
    route.retry.backoff = route.retry.backoff_max = milliseconds(1);
    config.routes.push_back(route);
  }
  RetryRules& rules() { return config.routes[0].retry; }
  Timeouts& timeouts() { return config.routes[0].timeouts; }
  static std::string at(const ScriptedPeer& peer) { return "http://127.0.0.1:" + std::to_string(peer.port()); }
  void open(std::vector<std::string> targets) {
    config.pools[0].targets.assign(targets.begin(), targets.end());
    house.open(house.needs(issuer), config);
  }
  HttpAnswer ask(std::string_view method, std::string_view body = {}, const std::vector<std::string>& lines = {}) {
    return house.ask(std::string(method) + " /", "a.test", lines, body);
  }
};

TEST_F(AttemptTest, a_get_that_met_a_hang_up_is_asked_of_another_target) {
  Log first, second;
  ScriptedPeer dying(answering(first, "")), healthy(answering(second, ok("fine")));
  open({at(dying), at(healthy)});
  for (int i = 0; i < 4; ++i) {
    const auto answer = ask("GET");
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, "fine");
  }
  EXPECT_GE(first.all().size(), 1u);
  EXPECT_EQ(second.all().size(), 4u);
}

TEST_F(AttemptTest, a_post_is_never_carried_out_twice) {
  Log first, second;
  ScriptedPeer dying(answering(first, "")), also_dying(answering(second, ""));
  rules().attempts = 5;
  open({at(dying), at(also_dying)});
  for (int i = 0; i < 4; ++i) EXPECT_EQ(ask("POST", "pay " + std::to_string(i)).status, 502);
  auto seen = first.all();
  for (auto& body : second.all()) seen.push_back(body);
  std::ranges::sort(seen);
  EXPECT_EQ(seen, (std::vector<std::string>{"pay 0", "pay 1", "pay 2", "pay 3"}));
}

TEST_F(AttemptTest, a_post_that_reached_nobody_goes_elsewhere) {
  Log log;
  ScriptedPeer healthy(answering(log, ok("paid")));
  open({"http://127.0.0.1:1", at(healthy)});
  for (int i = 0; i < 4; ++i) EXPECT_EQ(ask("POST", "pay").status, 200);
  EXPECT_EQ(log.all().size(), 4u);
}

TEST_F(AttemptTest, whoever_says_so_has_post_sent_again_with_its_body) {
  Log first, second;
  ScriptedPeer dying(answering(first, "")), healthy(answering(second, ok("stored")));
  rules().methods.set(static_cast<std::size_t>(net::Method::post));
  open({at(dying), at(healthy)});
  EXPECT_EQ(ask("POST", "note").status, 200);
  RawClient client(house.port());
  client.send("POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
  EXPECT_EQ(client.read().status, 200);
  client.send("POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
  EXPECT_EQ(client.read().status, 200);
  EXPECT_GE(first.all().size(), 1u);
  const auto arrived = second.all();
  ASSERT_EQ(arrived.size(), 3u);
  EXPECT_EQ(arrived[0], "note");
  for (const auto i : {1u, 2u}) {  // in whatever pieces
    EXPECT_TRUE(arrived[i].contains("abc")) << arrived[i];
    EXPECT_TRUE(arrived[i].contains("de")) << arrived[i];
  }
}

TEST_F(AttemptTest, a_body_that_is_not_held_is_not_sent_again) {
  Log first, second;
  ScriptedPeer dying(answering(first, "")), also_dying(answering(second, ""));
  rules().body_max = 1000;
  rules().attempts = 4;
  open({at(dying), at(also_dying)});
  EXPECT_EQ(ask("PUT", std::string(1001, 'x')).status, 502);
  EXPECT_EQ(first.all().size() + second.all().size(), 1u);
  EXPECT_EQ(ask("PUT", std::string(1000, 'x')).status, 502);
  EXPECT_EQ(first.all().size() + second.all().size(), 5u);
}

TEST_F(AttemptTest, nothing_is_sent_again_after_the_first_byte_of_an_answer) {
  Log first;
  ScriptedPeer cutting([&](Talk& talk) {
    talk.head();
    first.add("");
    talk.send("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nonly this");
  });
  open({at(cutting)});
  const auto answer = ask("GET");
  EXPECT_EQ(answer.status, 200);
  EXPECT_LT(answer.body.size(), 100'000u);
  EXPECT_EQ(first.all().size(), 1u);
}

TEST_F(AttemptTest, an_answer_that_is_as_good_as_none_is_asked_for_elsewhere) {
  Log first, second;
  ScriptedPeer busy(answering(first, "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy")),
      idle(answering(second, ok("fine")));
  rules().statuses = {503};
  open({at(busy), at(idle)});
  for (int i = 0; i < 4; ++i) EXPECT_EQ(ask("GET").body, "fine");
  EXPECT_GE(first.all().size(), 1u);
  EXPECT_GE(second.all().size(), 4u);
}

TEST_F(AttemptTest, the_last_answer_is_told_as_it_is) {
  Log log;
  ScriptedPeer busy(answering(log, "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\nX-Why: load\r\n\r\nbusy"));
  rules().statuses = {503};
  rules().attempts = 3;
  open({at(busy)});
  const auto answer = ask("GET");
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.body, "busy");
  EXPECT_EQ(answer.header("X-Why"), "load");
  EXPECT_EQ(log.all().size(), 3u);
  EXPECT_EQ(ask("POST", "x").status, 503);
  EXPECT_EQ(log.all().size(), 4u);
}

TEST_F(AttemptTest, who_says_later_than_the_deadline_is_not_asked_again) {
  Log log;
  ScriptedPeer busy(
      answering(log, "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\nRetry-After: 3600\r\n\r\nbusy"));
  rules().statuses = {503};
  rules().attempts = 3;
  open({at(busy)});
  EXPECT_EQ(ask("GET").header("Retry-After"), "3600");
  EXPECT_EQ(log.all().size(), 1u);
}

TEST_F(AttemptTest, every_target_that_is_away_is_counted_once) {
  config.pools[0].ejection.failures = 2;
  rules().attempts = 1;
  open({"http://127.0.0.1:1", "http://127.0.0.1:2"});
  EXPECT_EQ(ask("GET").status, 502);
  std::set<std::string> in_service;
  const auto snapshot = house.gateway().snapshot();
  for (int i = 0; i < 4; ++i) {
    const auto turn = snapshot->pools().at("app")->turn();
    if (turn) in_service.insert((*turn)->authority());
  }
  EXPECT_EQ(in_service.size(), 2u);
}

TEST_F(AttemptTest, a_connection_that_was_closed_while_it_was_idle_is_no_failure_for_a_get) {
  Log log;
  ScriptedPeer peer([&](Talk& talk) {  // the second request on each connection meets a hang-up
    auto head = talk.head();
    if (head.empty()) return;
    log.add(body_of(talk, head));
    talk.send(ok("one"));
    if (!(head = talk.head()).empty()) log.add(body_of(talk, head));
  });
  rules().attempts = 1;  // it is not even a retry
  open({at(peer)});
  for (int i = 0; i < 6; ++i) EXPECT_EQ(ask("GET").status, 200) << i;
}

TEST_F(AttemptTest, a_silent_target_ends_its_try_and_all_tries_end_with_the_deadline) {
  Log log;
  ScriptedPeer silent([](Talk& talk) { talk.hang(); }), healthy(answering(log, ok("fine")));
  rules().on_timeout = true;
  timeouts().per_try = milliseconds(50);
  open({at(silent), at(healthy)});
  for (int i = 0; i < 4; ++i) EXPECT_EQ(ask("GET").body, "fine");
  EXPECT_GE(silent.connections(), 1);
}

TEST_F(AttemptTest, the_total_deadline_is_over_all_tries) {
  ScriptedPeer silent([](Talk& talk) { talk.hang(); });
  rules().on_timeout = true;
  rules().attempts = 10;
  timeouts().total = milliseconds(150);
  timeouts().per_try = milliseconds(50);
  open({at(silent)});
  EXPECT_EQ(ask("GET").status, 504);
  EXPECT_LE(silent.connections(), 4);
}

TEST_F(AttemptTest, a_first_byte_may_take_so_long_and_the_next_as_long_as_it_wants) {
  ScriptedPeer silent([](Talk& talk) { talk.hang(); });
  timeouts().first_byte = milliseconds(50);
  open({at(silent)});
  EXPECT_EQ(ask("GET").status, 504);
}

TEST_F(AttemptTest, an_answer_that_stops_is_cut) {
  ScriptedPeer peer([](Talk& talk) {
    talk.head();
    talk.send("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nbegun");
    talk.hang();
  });
  timeouts().idle = milliseconds(50);
  open({at(peer)});
  const auto answer = ask("GET");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "begun");
}

TEST_F(AttemptTest, the_deadline_of_a_grpc_call_is_kept_and_told_as_one) {
  ScriptedPeer silent([](Talk& talk) { talk.hang(); });
  open({at(silent)});
  const auto answer = ask("POST", "12345", {"Content-Type: application/grpc", "grpc-timeout: 50m"});
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.header("Grpc-Status"), "4");
}

TEST_F(AttemptTest, the_upstream_is_told_who_connects) {
  std::mutex mutex;
  std::vector<std::string> heads;
  ScriptedPeer peer([&](Talk& talk) {
    const auto head = talk.head();
    const std::lock_guard lock(mutex);
    heads.push_back(head);
    talk.send(ok("fine"));
  });
  config.pools[0].proxy_protocol = net::ProxyProtocol::v1;
  open({at(peer)});
  for (int i = 0; i < 2; ++i) EXPECT_EQ(ask("GET").body, "fine");
  const std::lock_guard lock(mutex);
  ASSERT_EQ(heads.size(), 2u);
  for (const auto& head : heads) EXPECT_TRUE(head.starts_with("PROXY TCP4 127.0.0.1 127.0.0.1 ")) << head;
}

TEST_F(AttemptTest, many_clients_on_one_connection_are_not_announced_as_one) {
  config.pools[0].proxy_protocol = net::ProxyProtocol::v2;
  config.pools[0].protocol = net::UpstreamProtocol::h2;
  config.pools[0].targets = {"http://127.0.0.1:1"};
  const auto built = Snapshot::build(house.needs(issuer), config, {});
  ASSERT_FALSE(built);
  EXPECT_TRUE(built.error().message().contains("PROXY")) << built.error().message();
}

// ---- The client goes.

// Tells when the gateway has let go of it.
struct Forsaken {
  std::promise<void> asked, left;
  ScriptedPeer peer{[this](Talk& talk) {
    talk.head();
    asked.set_value();
    talk.hang();
    left.set_value();
  }};
};

TEST_F(AttemptTest, the_upstream_hears_when_the_client_has_gone) {
  Forsaken slow;
  open({at(slow.peer)});
  {
    RawClient client(house.port());
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    slow.asked.get_future().wait();
  }
  EXPECT_EQ(slow.left.get_future().wait_for(std::chrono::seconds(10)), std::future_status::ready);
}

TEST_F(AttemptTest, the_next_request_is_no_goodbye) {
  std::promise<void> asked, go;
  auto gone = go.get_future().share();
  ScriptedPeer slow([&, gone](Talk& talk) {
    talk.head();
    asked.set_value();
    gone.wait();
    talk.send(ok("first"));
    talk.head();
    talk.send(ok("second"));
  });
  open({at(slow)});
  RawClient client(house.port());
  client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
  asked.get_future().wait();
  client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
  client.shut();
  std::this_thread::sleep_for(milliseconds(300));  // several looks at the client
  go.set_value();
  EXPECT_EQ(client.read().body, "first");
  EXPECT_EQ(client.read().body, "second");
}

}  // namespace
}  // namespace gatehouse::gateway
