// The outbound connections of one loop: the idle ones, for reuse, and a watch over the deadlines of those in use.
// Belongs to the loop (an Asio service) and dies with it. Knows nothing of HTTP nor of how connections are made.
#pragma once

#include <boost/asio/execution_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "net/client_connection.h"

namespace gatehouse::net {

class ConnectionPool final : public boost::asio::execution_context::service {
 public:
  using key_type = ConnectionPool;
  static inline boost::asio::execution_context::id id;

  struct Limits {
    std::size_t idle_max = 64, in_use_max = 4096;
    std::chrono::milliseconds idle_timeout{60000};
  };

  static ConnectionPool& of(const Executor& loop);
  explicit ConnectionPool(boost::asio::execution_context& context);
  ~ConnectionPool() override;

  // Takes a place in the lane (a peer of one owner); false when in_use_max are taken. Each true is paid back by leave().
  bool enter(std::string_view lane, const Limits& limits);
  void leave(std::string_view lane);
  // The idle connection used last, if a sound one is there; watched from now on.
  std::unique_ptr<ClientConnection> take(std::string_view lane, const Limits& limits);
  void give(std::string_view lane, const Limits& limits, std::unique_ptr<ClientConnection> connection);

  // Deadlines are looked at every kTick while any connection is watched: no timer is set or moved per operation.
  void watch(ClientConnection& connection);
  void unwatch(ClientConnection& connection);

 private:
  struct Lane {
    std::vector<std::unique_ptr<ClientConnection>> idle;   // the last one was used last
    std::chrono::milliseconds idle_timeout{};
    std::size_t in_use = 0;
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };

  void shutdown() override;
  Lane& lane_of(std::string_view lane);
  void arm();
  void tick();
  void sweep(SteadyTime now);

  std::unordered_map<std::string, Lane, Hash, std::equal_to<>> lanes_;
  const std::string* last_name_ = nullptr;   // the lane asked for last: an exchange asks for the same one four times
  Lane* last_ = nullptr;
  std::vector<ClientConnection*> watched_;
  std::unique_ptr<boost::asio::steady_timer> timer_;
  std::size_t idle_ = 0;   // over all lanes
  bool armed_ = false, closed_ = false;
  SteadyTime swept_{};
};

}  // namespace gatehouse::net
