#include "gateway/pending.h"

#include <atomic>

namespace gatehouse::gateway {

namespace {

class LimitedUpstream final : public net::Upstream {
 public:
  LimitedUpstream(std::unique_ptr<net::Upstream> inner, std::uint32_t most) : inner_(std::move(inner)), most_(most) {}

  Task<std::unique_ptr<net::UpstreamExchange>> open(std::chrono::steady_clock::time_point until, net::Address client) override {
    const auto counter = pending_;  // shared: whoever waits may outlive us
    const Waiting waiting(*counter);
    if (waiting.before >= most_)
      co_return failure(Fault::limited, "as many requests wait for a connection as may wait");
    co_return co_await inner_->open(until, std::move(client));
  }
  std::unique_ptr<net::UpstreamExchange> reopen(const Executor& loop) override { return inner_->reopen(loop); }
  net::OutboundCounts counts() const override { return inner_->counts(); }

 private:
  struct Waiting {
    explicit Waiting(std::atomic<std::uint32_t>& among)
        : counter(among), before(counter.fetch_add(1, std::memory_order_relaxed)) {}
    ~Waiting() { counter.fetch_sub(1, std::memory_order_relaxed); }
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;
    std::atomic<std::uint32_t>& counter;
    std::uint32_t before;
  };
  std::unique_ptr<net::Upstream> inner_;
  std::uint32_t most_;
  std::shared_ptr<std::atomic<std::uint32_t>> pending_ = std::make_shared<std::atomic<std::uint32_t>>(0);
};

}  // namespace

std::unique_ptr<net::Upstream> limit_pending(std::unique_ptr<net::Upstream> inner, std::uint32_t most) {
  return std::make_unique<LimitedUpstream>(std::move(inner), most);
}

}  // namespace gatehouse::gateway
