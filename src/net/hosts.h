// Which handler serves which host: exact names, one default. Knows nothing of paths.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "net/exchange.h"

namespace gatehouse::net {

class HostSwitch final : public Handler {
 public:
  // Handlers are borrowed. `host` as in Request::host: lower case, no port.
  HostSwitch& add(std::string host, Handler& handler);
  HostSwitch& otherwise(Handler& handler);  // without it unknown hosts get 421
  boost::asio::awaitable<void> handle(Exchange& exchange) override;

 private:
  std::map<std::string, Handler*, std::less<>> hosts_;
  Handler* otherwise_ = nullptr;
};

}  // namespace gatehouse::net
