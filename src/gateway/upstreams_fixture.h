// Pools of targets that exist in name only, for tests of who is chosen.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "gateway/upstreams.h"

namespace gatehouse::gateway {

class NamedUpstream final : public net::Upstream {
 public:
  Task<std::unique_ptr<net::UpstreamExchange>> open(std::chrono::steady_clock::time_point, net::Address) override {
    co_return failure(Fault::upstream, "nobody is there");
  }
};
inline std::unique_ptr<net::Upstream> named_upstream(net::UpstreamOptions) { return std::make_unique<NamedUpstream>(); }

inline std::string letter(std::size_t i) { return std::string(1 + i / 26, static_cast<char>('a' + i % 26)); }

// Targets a, b, c …
inline PoolConfig pool_of(std::size_t targets, Balance balance = Balance::round_robin) {
  PoolConfig config;
  config.name = "app";
  config.balance = balance;
  for (std::size_t i = 0; i < targets; ++i) config.targets.emplace_back("http://" + letter(i));
  return config;
}

struct Pools : testing::Test {
  ManualClock clock;
  PoolNeeds needs{.hash = {.k0 = 1, .k1 = 2}, .draws = 3};

  std::shared_ptr<UpstreamPool> make(const PoolConfig& config) {
    auto made = UpstreamPool::make(config, clock, named_upstream, needs);
    if (!made) throw std::runtime_error(made.error().message());
    return *std::move(made);
  }
  // How often each is chosen by turns that end at once.
  static std::map<std::string, int> shares(UpstreamPool& pool, int turns,
                                           const std::vector<const Target*>& tried = {}) {
    std::map<std::string, int> chosen;
    for (int i = 0; i < turns; ++i) {
      auto turn = pool.turn({.hash = 0, .tried = tried});
      ++chosen[turn ? (*turn)->authority() : "nobody"];
    }
    return chosen;
  }
  static Turn turn_at(UpstreamPool& pool, std::string_view authority) {
    for (int i = 0; i < 1000; ++i)
      if (auto turn = pool.turn(); turn && (*turn)->authority() == authority) return *std::move(turn);
    ADD_FAILURE() << authority << " is never chosen";
    return {};
  }
  static void fail_at(UpstreamPool& pool, std::string_view authority, int times = 3) {
    for (int i = 0; i < times; ++i) turn_at(pool, authority).failed(Mishap::connect);
  }
};

}  // namespace gatehouse::gateway
