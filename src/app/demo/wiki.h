// A legacy application for the demo: a small wiki from before single sign-on. It knows its users only by the headers that
// somebody in front of it sets (X-Remote-User and friends) and believes them blindly; that is why a gateway guards it.
// Keeps its pages in memory. Knows nothing of Gatehouse.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "core/clock.h"
#include "net/exchange.h"

namespace gatehouse::app::demo {

inline constexpr std::size_t kWikiPagesMax = 200;
inline constexpr std::size_t kWikiTextMax = 32 * 1024;   // bytes of one page

class Wiki final : public net::Handler {
 public:
  explicit Wiki(const Clock& clock);
  boost::asio::awaitable<void> handle(net::Exchange& exchange) override;

 private:
  struct Page {
    std::string text, author;
    Timestamp changed;
  };
  net::Reply show(const net::Request& request, const std::string& name);
  net::Reply show_me(const net::Request& request) const;
  Task<net::Reply> save(net::Exchange& exchange, std::string name);
  std::string page_list() const;
  const Clock& clock_;
  mutable std::mutex mutex_;
  std::map<std::string, Page> pages_;
};

}  // namespace gatehouse::app::demo
