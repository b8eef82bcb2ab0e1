// Against a real redis-server that the test starts, stops and kills: the same promises as in memory, and what happens when it
// is gone.
#include "store/redis.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "core/spawn.h"
#include "store/backends.h"

namespace gatehouse::store {
namespace {

int free_port() {
  const int probe = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  EXPECT_EQ(::bind(probe, reinterpret_cast<sockaddr*>(&at), size), 0);
  ::getsockname(probe, reinterpret_cast<sockaddr*>(&at), &size);
  ::close(probe);
  return ntohs(at.sin_port);
}

class RedisServer {
 public:
  RedisServer() : port_(free_port()), folder_(make_temporary_folder()) { start(); }
  ~RedisServer() {
    kill();
    std::filesystem::remove_all(folder_);
  }
  void start() {
    const auto port = std::to_string(port_);
    process_ = ::fork();
    if (process_ == 0) {
      ::execlp("redis-server", "redis-server", "--port", port.c_str(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir",
               folder_.c_str(), "--requirepass", "open-sesame", "--logfile", "redis.log", "--databases", "4", nullptr);
      ::_exit(127);
    }
  }
  void kill() {
    if (process_ <= 0) return;
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
    process_ = 0;
  }
  void freeze() { ::kill(process_, SIGSTOP); }
  void thaw() { ::kill(process_, SIGCONT); }
  RedisOptions options() const {
    RedisOptions options;
    options.port = port_;
    options.password = Secret("open-sesame");
    options.database = 2;
    options.timeout = Millis(2000);   // this machine may be busy
    options.pause_min = Millis(10);
    options.pause_max = Millis(50);
    return options;
  }

 private:
  int port_;
  std::string folder_;
  pid_t process_ = 0;
};

// Until it answers; the test's own time limit is the bound.
void wait_until_up(KeyValue& store) {
  while (!run(store.get("ping"))) std::this_thread::sleep_for(Millis(10));
}

const Rate kBucket{Rate::Way::bucket, 5, Seconds(3600), 5};
const Rate kWindow{Rate::Way::window, 5, Seconds(86'400), 0};

struct RedisTest : testing::Test {
  RedisServer server;
  std::unique_ptr<KeyValue> redis = redis_key_value(server.options(), silent_log());
  ManualClock clock;
  std::unique_ptr<KeyValue> memory = memory_key_value(clock);
  void SetUp() override { wait_until_up(*redis); }
};

TEST_F(RedisTest, keeps_and_forgets_as_memory_does) {
  for (auto* store : {redis.get(), memory.get()}) {
    EXPECT_EQ(run(store->get("a")).value(), std::nullopt);
    ASSERT_TRUE(run(store->put("a", std::string("x\0\r\ny", 5), Seconds(60))));
    EXPECT_EQ(run(store->get("a")).value(), std::string("x\0\r\ny", 5));
    EXPECT_FALSE(run(store->add("a", "z", Seconds(60))).value());
    EXPECT_TRUE(run(store->add("b", "z", Seconds(60))).value());
    EXPECT_FALSE(run(store->add("b", "z", Seconds(60))).value());
    ASSERT_TRUE(run(store->remove("a")));
    EXPECT_EQ(run(store->get("a")).value(), std::nullopt);
  }
}

TEST_F(RedisTest, counts_as_memory_does) {
  for (auto* store : {redis.get(), memory.get()})
    for (const auto& rate : {kBucket, kWindow}) {
      const std::string key = rate.way == Rate::Way::bucket ? "bucket" : "window";
      for (int i = 4; i >= 0; --i) {
        const auto taken = run(store->take(key, rate));
        ASSERT_TRUE(taken) << taken.error().message();
        EXPECT_TRUE(taken->allowed);
        EXPECT_EQ(taken->remaining, i);
        EXPECT_GT(taken->reset, Millis(0));
      }
      const auto refused = run(store->take(key, rate));
      ASSERT_TRUE(refused);
      EXPECT_FALSE(refused->allowed);
      EXPECT_EQ(refused->remaining, 0);
      EXPECT_GT(refused->retry_after, Millis(0));
    }
}

TEST_F(RedisTest, two_who_share_it_get_together_what_one_would) {
  const auto other = redis_key_value(server.options(), silent_log());
  wait_until_up(*other);
  const Rate rate{Rate::Way::bucket, 100, Seconds(86'400), 100};
  std::atomic<int> passed = 0, failed = 0;
  {
    std::vector<std::jthread> threads;
    for (auto* store : {redis.get(), other.get(), redis.get(), other.get()})
      threads.emplace_back([&, store] {
        for (int i = 0; i < 100; ++i) {
          const auto taken = run(store->take("shared", rate));
          if (!taken) ++failed;
          else if (taken->allowed) ++passed;
        }
      });
  }
  EXPECT_EQ(failed, 0);
  EXPECT_EQ(passed, 100);
}

TEST_F(RedisTest, scripts_are_sent_again_to_a_server_that_forgot_them) {
  EXPECT_TRUE(run(redis->take("k", kBucket)));
  server.kill();
  server.start();
  wait_until_up(*redis);
  EXPECT_EQ(run(redis->take("k", kBucket)).value().remaining, 4);
}

TEST_F(RedisTest, killed_in_the_middle_it_fails_and_comes_back) {
  server.kill();
  // The first may find out; from then on nobody waits for it.
  while (run(redis->get("a"))) {}
  EXPECT_EQ(run(redis->take("k", kBucket)).error().fault(), Fault::upstream);
  server.start();
  wait_until_up(*redis);
  EXPECT_TRUE(run(redis->take("k", kBucket)).value().allowed);
}

TEST_F(RedisTest, one_that_does_not_answer_is_given_up) {
  auto options = server.options();
  options.timeout = Millis(100);
  const auto hasty = redis_key_value(options, silent_log());
  wait_until_up(*hasty);
  server.freeze();
  EXPECT_EQ(run(hasty->take("k", kBucket)).error().fault(), Fault::upstream);
  server.thaw();
  wait_until_up(*hasty);
}

TEST_F(RedisTest, a_wrong_password_is_never_up) {
  auto options = server.options();
  options.password = Secret("wrong");
  const auto stranger = redis_key_value(options, silent_log());
  EXPECT_EQ(run(stranger->get("a")).error().fault(), Fault::upstream);
}

TEST(RedisUrl, names_a_place) {
  EXPECT_EQ(parse_redis_url("redis://cache.example.com").value().port, 6379);
  const auto all = parse_redis_url("redis://[::1]:7000/3").value();
  EXPECT_EQ(all.host, "::1");
  EXPECT_EQ(all.port, 7000);
  EXPECT_EQ(all.database, 3);
  EXPECT_EQ(parse_redis_url("unix:///run/redis.sock").value().host, "/run/redis.sock");
  for (const auto* wrong : {"redis://", "rediss://a", "redis://user:pass@a", "redis://a:0", "redis://a/x", "http://a", "unix://"})
    EXPECT_FALSE(parse_redis_url(wrong)) << wrong;
}

}  // namespace
}  // namespace gatehouse::store
