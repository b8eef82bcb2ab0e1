#include "app/demo/upstreams.h"

#include "app/demo/orders.h"
#include "app/demo/wiki.h"

namespace gatehouse::app::demo {

namespace {

// An application and the clock on its wall: guarded applications share nothing with the gateway.
template <class App>
class OnItsOwn final : public net::Handler {
 public:
  boost::asio::awaitable<void> handle(net::Exchange& exchange) override { return app_.handle(exchange); }

 private:
  std::unique_ptr<Clock> clock_ = system_clock();
  App app_{*clock_};
};

}  // namespace

std::unique_ptr<net::Handler> make_wiki() { return std::make_unique<OnItsOwn<Wiki>>(); }
std::unique_ptr<net::Handler> make_orders() { return std::make_unique<OnItsOwn<Orders>>(); }

}  // namespace gatehouse::app::demo
