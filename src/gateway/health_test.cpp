#include "gateway/health.h"

#include <gtest/gtest.h>

#include <mutex>

#include "core/spawn.h"
#include "net/fixed_resolver.h"
#include "net/scripted_peer.h"

namespace gatehouse::gateway {
namespace {

using net::ScriptedPeer;

// p passed, f failed; where the state changes: '!'.
std::string told(const HealthCheck& check, std::string_view answers) {
  Health health;
  std::string out;
  for (const char c : answers) {
    out += c;
    const bool was = health.is_sick();
    const auto change = health.learn(check, c == 'p');
    EXPECT_EQ(change == Health::Change::none, was == health.is_sick());
    EXPECT_EQ(change == Health::Change::fell_sick, !was && health.is_sick());
    if (change != Health::Change::none) out += '!';
  }
  return out;
}

TEST(HealthTest, takes_some_answers_in_a_row_to_change_its_mind) {
  HealthCheck check;
  check.unhealthy_after = 3;
  check.healthy_after = 2;
  EXPECT_EQ(told(check, "ppffpffpfffp"), "ppffpffpfff!p");
  EXPECT_EQ(told(check, "fffpfpp"), "fff!pfpp!");
  EXPECT_EQ(told(check, "ffffffpppfff"), "fff!fffpp!pfff!");
  check.unhealthy_after = check.healthy_after = 1;
  EXPECT_EQ(told(check, "fpfp"), "f!p!f!p!");
}

TEST(HealthTest, speaks_the_protocol_of_grpc) {
  EXPECT_EQ(grpc_health_request(""), std::string("\0\0\0\0\0", 5));
  EXPECT_EQ(grpc_health_request("shop"), std::string("\0\0\0\0\x06\x0a\x04shop", 11));
  EXPECT_EQ(grpc_health_request(std::string(127, 's')).substr(0, 7), std::string("\0\0\0\0\x81\x0a\x7f", 7));
  EXPECT_TRUE(grpc_health_serves(std::string("\0\0\0\0\x02\x08\x01", 7)));
  for (const auto& other : {std::string(), std::string("\0\0\0\0\0", 5), std::string("\0\0\0\0\x02\x08\x02", 7),
                            std::string("\0\0\0\0\x02\x08", 6), std::string("\x01\0\0\0\x02\x08\x01", 7),
                            std::string("\0\0\0\0\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 16)})
    EXPECT_FALSE(grpc_health_serves(other)) << other.size();
}

struct HealthChecks : testing::Test {
  net::FixedResolver resolver;
  HealthCheck check;
  HealthChecks() {
    resolver.set("app", {"127.0.0.1"});
    check.kind = HealthCheck::Kind::http;
    check.path = "/healthz";
    check.timeout = std::chrono::milliseconds(2000);
  }
  Result<void> ask(std::uint16_t port) {
    net::UpstreamOptions options;
    options.url = net::Url::parse("http://app:" + std::to_string(port)).value();
    options.connect_timeout = options.read_timeout = options.write_timeout =
        std::chrono::seconds(60);  // the check has its own deadline
    options.idle_max = 0;
    const auto through = net::make_upstream(resolver, net::PeerRules::anyone(), std::move(options));
    return run(ask_health(*through, check, "app:" + std::to_string(port)));
  }
  std::string fault(std::uint16_t port) {
    const auto passed = ask(port);
    return passed ? "passed" : passed.error().message();
  }
};

TEST_F(HealthChecks, ask_for_a_path_and_carry_nothing_of_any_client) {
  std::mutex lock;
  std::string seen;
  ScriptedPeer peer([&](ScriptedPeer::Talk& talk) {
    auto head = talk.head();
    talk.send("HTTP/1.1 204 No Content\r\n\r\n");
    const std::lock_guard hold(lock);
    seen = std::move(head);
  });
  check.host = "inside.example";
  EXPECT_EQ(fault(peer.port()), "passed");
  const std::lock_guard hold(lock);
  EXPECT_EQ(seen,
            "GET /healthz HTTP/1.1\r\nHost: inside.example\r\nUser-Agent: gatehouse-health\r\nAccept: */*\r\n\r\n");
}

TEST_F(HealthChecks, judge_by_the_status) {
  ScriptedPeer peer([](ScriptedPeer::Talk& talk) {
    (void)talk.head();
    talk.send("HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone");
  });
  EXPECT_EQ(fault(peer.port()), "answered 404");
  check.statuses = {{200, 299}, {404, 404}};
  EXPECT_EQ(fault(peer.port()), "passed");
}

TEST_F(HealthChecks, that_only_connect_ask_nothing) {
  ScriptedPeer peer([](ScriptedPeer::Talk& talk) { talk.hang(); });
  check.kind = HealthCheck::Kind::tcp;
  EXPECT_EQ(fault(peer.port()), "passed");
  EXPECT_NE(fault(1), "passed") << "nobody listens there";
}

TEST_F(HealthChecks, end_at_their_deadline_however_slowly_the_answer_drips) {
  ScriptedPeer peer([](ScriptedPeer::Talk& talk) {
    (void)talk.head();
    const auto answer = "HTTP/1.1 200 OK\r\nX-Slow: " + std::string(10'000, 'x');
    for (const char c : answer) {
      if (!talk.send({&c, 1})) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  });
  check.timeout = std::chrono::milliseconds(50);
  EXPECT_EQ(fault(peer.port()), "no answer within 50 ms");
}

TEST_F(HealthChecks, use_a_connection_of_their_own_each_time) {
  ScriptedPeer peer([](ScriptedPeer::Talk& talk) {
    while (!talk.head().empty()) talk.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  });
  EXPECT_EQ(fault(peer.port()), "passed");
  EXPECT_EQ(fault(peer.port()), "passed");
  EXPECT_EQ(peer.connections(), 2);
}

}  // namespace
}  // namespace gatehouse::gateway
