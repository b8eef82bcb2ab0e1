// Looks after the pools of the gateway in the background: health checks and look-ups that are due, and what only ended
// requests have used. Decides nothing about a target: it asks, and tells the pool the answer.
#pragma once

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <memory>

#include "gateway/snapshot.h"
#include "net/client.h"

namespace gatehouse::gateway {

inline constexpr std::size_t kChecksAtOnceMax = 64;  // over all pools; those that are due wait for the next round
inline constexpr std::size_t kLookUpsAtOnceMax = 16;

class UpstreamCare {
 public:
  // The resolver must outlive the loop that rounds run on.
  explicit UpstreamCare(net::Resolver& resolver) : resolver_(resolver) {}
  // Begins what is due and returns; what it began goes on by itself on this loop. Not from two threads at once.
  boost::asio::awaitable<void> round(std::shared_ptr<const Snapshot> snapshot);

 private:
  using Count = std::shared_ptr<std::atomic<std::size_t>>;
  net::Resolver& resolver_;
  Count checks_ = std::make_shared<std::atomic<std::size_t>>(0),
        look_ups_ = std::make_shared<std::atomic<std::size_t>>(0);
};

}  // namespace gatehouse::gateway
