#include "net/hosts.h"

namespace gatehouse::net {

HostSwitch& HostSwitch::add(std::string host, Handler& handler) {
  hosts_.insert_or_assign(std::move(host), &handler);
  return *this;
}

HostSwitch& HostSwitch::otherwise(Handler& handler) {
  otherwise_ = &handler;
  return *this;
}

boost::asio::awaitable<void> HostSwitch::handle(Exchange& exchange) {
  const auto found = hosts_.find(exchange.request().host);
  auto* handler = found == hosts_.end() ? otherwise_ : found->second;
  if (handler != nullptr) {
    co_await handler->handle(exchange);
    co_return;
  }
  // RFC 9110 §15.5.20: the client should not believe that this server speaks for that name.
  auto reply = Reply::text(421, "421 Misdirected Request: no such host here\n");
  co_await exchange.reply(std::move(reply));
}

}  // namespace gatehouse::net
