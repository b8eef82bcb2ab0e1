// One exchange on one outbound connection; what Upstream gives out and HttpClient is made of. Internal to net.
#pragma once

#include <memory>
#include <string>

#include "net/client.h"
#include "net/connection_pool.h"
#include "net/connector.h"
#include "net/http1.h"

namespace gatehouse::net {

// To whom, and how patiently. Shared by the exchanges with one peer.
struct Peer {
  std::shared_ptr<Connector> connector;
  std::shared_ptr<Counters> counters;
  Url url;
  std::string lane;   // the name of its connections in the loop's pool
  ConnectionPool::Limits pool;
  std::chrono::milliseconds connect_timeout, read_timeout, write_timeout;
  ProxyProtocol proxy_protocol = ProxyProtocol::none;
};

class PeerExchange final : public UpstreamExchange {
 public:
  // `until`: an instant that nothing of the exchange may pass, or SteadyTime::max().
  static Task<std::unique_ptr<UpstreamExchange>> open(std::shared_ptr<const Peer> peer, SteadyTime until, Address client);
  static Task<std::unique_ptr<UpstreamExchange>> open(std::shared_ptr<const Peer> peer, SteadyTime until) { return open(std::move(peer), until, Address()); }
  static std::unique_ptr<UpstreamExchange> reopen(std::shared_ptr<const Peer> peer, const Executor& loop);
  PeerExchange(std::shared_ptr<const Peer> peer, ConnectionPool& pool, SteadyTime until);   // has entered the lane
  ~PeerExchange() override;

  std::string spare() override;
  Task<void> send_head(std::string head, std::string_view first, Body body) override;
  Task<void> send_body(std::string_view bytes, Body body) override;
  Task<void> send_chunk(std::string_view data, Body body) override;
  Task<void> send_end(std::vector<std::pair<std::string, std::string>> trailers) override;
  Task<const Head*> read_head(Method to) override;
  Task<std::string_view> read_some() override;
  std::optional<std::string_view> at_hand() override;
  const std::vector<std::pair<std::string, std::string>>& trailers() const override { return decoder_.trailers(); }
  Task<std::string_view> read_raw() override;
  Task<void> end_raw() override;
  void limit(const ExchangeLimits& limits) override;
  bool untouched() const override { return untouched_; }
  void abort() override;

 private:
  Task<void> connect();
  Task<void> send_again();
  Task<void> send_pieces(ClientConnection::Pieces pieces, Body body);
  ClientConnection::Pieces request() const;
  bool stale(Errc code) const;
  bool clean() const;
  void drop();
  std::unexpected<Error> broken(std::string_view what, Errc code = {});

  std::shared_ptr<const Peer> peer_;
  ConnectionPool& pool_;
  std::unique_ptr<ClientConnection> connection_;
  SteadyTime until_;
  Address client_;
  std::chrono::milliseconds first_byte_, idle_;
  std::string_view first_;
  BodyDecoder decoder_;
  bool pooled_ = false;     // connection_ has served before, and gave no sign of life yet
  bool complete_ = false;   // the request is sent to its end
  bool answered_ = false;   // the final head has come
  bool broken_ = false;     // never to be used again
  bool untouched_ = true;   // not a byte was written
};

}  // namespace gatehouse::net
