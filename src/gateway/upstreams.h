// A pool of servers that do the same job: whom to ask next, and whom not to ask for a while. Passive only: it learns from
// what the requests themselves meet. Usable from any thread.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <vector>

#include "core/clock.h"
#include "gateway/config.h"
#include "net/client.h"

namespace gatehouse::gateway {

using MakeUpstream = std::function<std::unique_ptr<net::Upstream>(net::UpstreamOptions)>;

class Target {
 public:
  Target(std::unique_ptr<net::Upstream> upstream, std::string authority)
      : upstream_(std::move(upstream)), authority_(std::move(authority)) {}
  net::Upstream& upstream() { return *upstream_; }
  const std::string& authority() const { return authority_; }

 private:
  friend class UpstreamPool;
  std::unique_ptr<net::Upstream> upstream_;
  std::string authority_;
  std::atomic<int> failures_{0};
  std::atomic<std::int64_t> ejected_until_{0};   // milliseconds since 1970
};

class UpstreamPool {
 public:
  static Result<std::unique_ptr<UpstreamPool>> make(const PoolConfig& config, const Clock& clock, const MakeUpstream& make_upstream);

  // Round robin over the targets in service; nullptr when none is.
  Target* next();
  void succeeded(Target& target);
  void failed(Target& target);
  std::size_t size() const { return targets_.size(); }
  net::OutboundCounts counts() const;   // over all targets
  const std::string& name() const { return config_.name; }

 private:
  UpstreamPool(PoolConfig config, const Clock& clock) : config_(std::move(config)), clock_(clock) {}
  PoolConfig config_;
  const Clock& clock_;
  std::vector<std::unique_ptr<Target>> targets_;
  std::atomic<std::size_t> turn_{0};
};

}  // namespace gatehouse::gateway
