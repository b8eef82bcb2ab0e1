#include "gateway/care.h"

#include <gtest/gtest.h>

#include <atomic>

#include "core/spawn.h"
#include "core/wake.h"
#include "net/fixed_resolver.h"
#include "net/scripted_peer.h"

namespace gatehouse::gateway {
namespace {

using net::ScriptedPeer;

struct CareTest : testing::Test {
  ManualClock clock;
  net::FixedResolver resolver;
  UpstreamCare care{resolver};
  std::atomic<bool> sick = false;
  std::atomic<int> checks = 0;
  ScriptedPeer peer{[this](ScriptedPeer::Talk& talk) {
    if (!talk.head().starts_with("GET /healthz ")) return;
    ++checks;
    talk.send(sick ? "HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n" : "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  }};
  std::unique_ptr<net::HttpClient> http = net::make_http_client(resolver, net::PeerRules::anyone(), net::ClientTls());

  std::shared_ptr<const Snapshot> snapshot(bool checked) {
    Config config;
    PoolConfig pool;
    pool.name = "app";
    pool.targets = {"http://app.internal:" + std::to_string(peer.port())};
    pool.resolve = Resolve::each;
    if (checked) pool.health.kind = HealthCheck::Kind::http;
    pool.health.path = "/healthz";
    pool.health.timeout = std::chrono::seconds(5);
    config.pools.push_back(pool);
    const MakeUpstream make = [this](net::UpstreamOptions options) {
      return net::make_upstream(resolver, net::PeerRules::anyone(), std::move(options));
    };
    return Snapshot::build({clock, *http, make}, config).value();
  }
  // Rounds, ten seconds by the clock between them, until the only target is as wanted.
  static Task<void> go(CareTest* self, std::shared_ptr<const Snapshot> snapshot, std::string name, std::string state) {
    const auto loop = co_await boost::asio::this_coro::executor;
    Wake wake(loop);
    const auto& pool = *snapshot->pools().at("app");
    for (int rounds = 0; rounds < 2000; ++rounds) {
      self->clock.advance(std::chrono::seconds(10));
      co_await self->care.round(snapshot);
      co_await wake.after(std::chrono::milliseconds(2));
      const auto all = pool.status();
      if (all.size() == 1 && all[0].name == name && all[0].state == state) co_return Result<void>();
    }
    co_return failure(Fault::internal, "never: " + name + " " + state);
  }
  void until(const std::shared_ptr<const Snapshot>& snapshot, const std::string& address, const std::string& state) {
    const auto url = "http://app.internal:" + std::to_string(peer.port());
    const auto done = run(go(this, snapshot, address.empty() ? url : url + " at " + address, state));
    EXPECT_TRUE(done) << done.error().message();
  }
};

TEST_F(CareTest, names_are_looked_up_and_followed) {
  const auto all = snapshot(false);
  until(all, "", "serving");
  resolver.set("app.internal", {"192.0.2.1"});
  until(all, "192.0.2.1", "serving");
  resolver.set("app.internal", {"192.0.2.2"});
  until(all, "192.0.2.2", "serving");
}

TEST_F(CareTest, checks_find_out_who_is_sick_and_who_is_well_again) {
  resolver.set("app.internal", {"127.0.0.1"});
  const auto all = snapshot(true);
  until(all, "127.0.0.1", "serving");
  sick = true;
  until(all, "127.0.0.1", "sick");
  EXPECT_GE(checks, 3);
  EXPECT_FALSE(all->pools().at("app")->turn());
  sick = false;
  until(all, "127.0.0.1", "serving");
  EXPECT_TRUE(all->pools().at("app")->turn());
}

}  // namespace
}  // namespace gatehouse::gateway
