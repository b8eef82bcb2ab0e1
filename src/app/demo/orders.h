// A plain JSON API for the demo: orders, kept in memory. It checks no token itself; the gateway in front of it does, and
// tells it who calls. Knows nothing of Gatehouse.
//   GET /orders   GET /orders/{id}   POST /orders {"item": "...", "quantity": 1}
#pragma once

#include <map>
#include <mutex>
#include <string>

#include "core/clock.h"
#include "core/json.h"
#include "net/exchange.h"

namespace gatehouse::app::demo {

inline constexpr std::size_t kOrdersMax = 1000;
inline constexpr std::size_t kOrderBodyMax = 16 * 1024;

class Orders final : public net::Handler {
 public:
  explicit Orders(const Clock& clock);
  boost::asio::awaitable<void> handle(net::Exchange& exchange) override;

 private:
  struct Order {
    std::string item, ordered_by;
    std::int64_t quantity = 0;
    Timestamp at;
  };
  static json::object shape(std::int64_t id, const Order& order);
  net::Reply list() const;
  net::Reply one(std::string_view id) const;
  Task<net::Reply> create(net::Exchange& exchange);
  const Clock& clock_;
  mutable std::mutex mutex_;
  std::map<std::int64_t, Order> orders_;
  std::int64_t next_ = 1;
};

}  // namespace gatehouse::app::demo
