// The gateway's way out: one Upstream per configured peer, its idle connections in the pool of each loop.
#include <atomic>

#include "net/client.h"
#include "net/peer_exchange.h"

namespace gatehouse::net {

namespace {

// No two owners share connections: their rules and trust may differ.
std::string new_lane() {
  static std::atomic<std::uint64_t> last = 0;
  return "upstream-" + std::to_string(++last);
}

class PooledUpstream final : public Upstream {
 public:
  explicit PooledUpstream(std::shared_ptr<const Peer> peer) : peer_(std::move(peer)) {}
  Task<std::unique_ptr<UpstreamExchange>> open() override { return PeerExchange::open(peer_, SteadyTime::max()); }
  std::unique_ptr<UpstreamExchange> reopen(const Executor& loop) override { return PeerExchange::reopen(peer_, loop); }
  OutboundCounts counts() const override { return peer_->counters->now(); }

 private:
  std::shared_ptr<const Peer> peer_;
};

}  // namespace

std::unique_ptr<Upstream> make_upstream(Resolver& resolver, PeerRules rules, ClientTls tls, UpstreamOptions options) {
  auto peer = std::make_shared<Peer>();
  const auto trust = options.url.tls ? std::optional(std::move(tls)) : std::nullopt;
  peer->connector = std::make_shared<Connector>(resolver, std::move(rules), trust);
  peer->counters = std::make_shared<Counters>();
  peer->url = std::move(options.url);
  peer->lane = new_lane();
  peer->pool = {.idle_max = options.idle_max, .in_use_max = options.connections_max, .idle_timeout = options.idle_timeout};
  peer->connect_timeout = options.connect_timeout;
  peer->read_timeout = options.read_timeout;
  peer->write_timeout = options.write_timeout;
  return std::make_unique<PooledUpstream>(std::move(peer));
}

}  // namespace gatehouse::net
