// The outbound HTTP/2 connections of one loop, by lane. Finds one with room for another stream, or makes one; while one is
// being made, the others who want it wait for it. Belongs to the loop (an Asio service). Internal to net.
#pragma once

#include <boost/asio/execution_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/single_flight.h"
#include "net/http2_client_session.h"
#include "net/peer_exchange.h"

namespace gatehouse::net {

// A peer that may speak HTTP/2.
struct Http2Target {
  std::shared_ptr<const Peer> peer;          // connector, address, timeouts; its lane is also the lane of the sessions
  std::shared_ptr<Connector> connector;      // that offers HTTP/2
  UpstreamProtocol protocol = UpstreamProtocol::h2;
  std::size_t sessions_max = 8;              // per loop
  Http2ClientTimes times;
};

class Http2ClientPool final : public boost::asio::execution_context::service {
 public:
  using key_type = Http2ClientPool;
  static inline boost::asio::execution_context::id id;

  static Http2ClientPool& of(const Executor& loop);
  explicit Http2ClientPool(boost::asio::execution_context& context);
  ~Http2ClientPool() override;

  struct Found {
    std::shared_ptr<Http2ClientSession> session;   // null: the peer chose HTTP/1.1, and a connection waits in the ConnectionPool
    bool fresh = false;
  };
  Task<Found> find(std::shared_ptr<const Http2Target> peer, SteadyTime until);

 private:
  struct Lane {
    std::vector<std::shared_ptr<Http2ClientSession>> sessions;
    SingleFlight connecting;
    std::optional<Error> failed;       // of the last attempt
    std::uint64_t attempts = 0;
    SteadyTime http1_until{};          // the peer chose HTTP/1.1 not long ago
    std::chrono::milliseconds idle_timeout{60000};
  };
  void shutdown() override;
  std::shared_ptr<Http2ClientSession> take(Lane& lane);
  Task<Found> connect(std::shared_ptr<const Http2Target> peer, std::shared_ptr<Lane> lane, SteadyTime until);
  void arm();
  void tick();
  void sweep(SteadyTime now);

  std::unordered_map<std::string, std::shared_ptr<Lane>> lanes_;
  std::unique_ptr<boost::asio::steady_timer> timer_;
  bool armed_ = false, closed_ = false;
};

}  // namespace gatehouse::net
