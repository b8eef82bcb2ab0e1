// The gateway's way out: one Upstream per configured peer, its idle connections in the pool of each loop.
#include <atomic>

#include "net/client.h"
#include "net/http2_client_exchange.h"
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
  Task<std::unique_ptr<UpstreamExchange>> open(SteadyTime until, Address client) override {
    return PeerExchange::open(peer_, until, std::move(client));
  }
  std::unique_ptr<UpstreamExchange> reopen(const Executor& loop) override { return PeerExchange::reopen(peer_, loop); }
  OutboundCounts counts() const override { return peer_->counters->now(); }

 private:
  std::shared_ptr<const Peer> peer_;
};

class Http2Upstream final : public Upstream {
 public:
  explicit Http2Upstream(std::shared_ptr<const Http2Target> peer) : peer_(std::move(peer)) {}
  Task<std::unique_ptr<UpstreamExchange>> open(SteadyTime until, Address) override { return Http2Exchange::open(peer_, until); }
  OutboundCounts counts() const override { return peer_->peer->counters->now(); }

 private:
  std::shared_ptr<const Http2Target> peer_;
};

}  // namespace

std::unique_ptr<Upstream> make_upstream(Resolver& resolver, PeerRules rules, ClientTls tls, UpstreamOptions options) {
  options.tls = std::move(tls);
  return make_upstream(resolver, std::move(rules), std::move(options));
}

std::unique_ptr<Upstream> make_upstream(Resolver& resolver, PeerRules rules, UpstreamOptions options) {
  auto peer = std::make_shared<Peer>();
  const auto trust = options.url.tls ? std::optional(std::move(options.tls)) : std::nullopt;
  const bool http1 = options.protocol == UpstreamProtocol::http1 || (options.protocol == UpstreamProtocol::automatic && !options.url.tls);
  std::shared_ptr<Connector> to_http2;
  if (!http1) to_http2 = std::make_shared<Connector>(resolver, rules, trust, options.protocol == UpstreamProtocol::h2 ? Offer::http2 : Offer::either, options.address);
  peer->connector = std::make_shared<Connector>(resolver, std::move(rules), trust, Offer::http1, options.address);
  peer->counters = std::make_shared<Counters>();
  peer->url = std::move(options.url);
  peer->lane = new_lane();
  peer->proxy_protocol = options.proxy_protocol;
  peer->pool = {.idle_max = options.idle_max, .in_use_max = options.connections_max, .idle_timeout = options.idle_timeout};
  peer->connect_timeout = options.connect_timeout;
  peer->read_timeout = options.read_timeout;
  peer->write_timeout = options.write_timeout;
  if (http1) return std::make_unique<PooledUpstream>(std::move(peer));
  auto both = std::make_shared<Http2Target>();
  both->peer = std::move(peer);
  both->connector = std::move(to_http2);
  both->protocol = options.protocol;
  both->sessions_max = options.sessions_max;
  both->times = {.write_timeout = options.write_timeout, .ping_after = options.ping_after, .ping_patience = options.ping_patience};
  return std::make_unique<Http2Upstream>(std::move(both));
}

}  // namespace gatehouse::net
