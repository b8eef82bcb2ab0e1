#include "net/hosts.h"

namespace gatehouse::net {
namespace {

// RFC 9110 §15.5.20: the client should not believe that this server speaks for that name.
boost::asio::awaitable<void> misdirected(Exchange& exchange) {
  auto reply = Reply::text(421, "421 Misdirected Request: no such host here\n");
  co_await exchange.reply(std::move(reply));
}

}  // namespace

HostSwitch& HostSwitch::add(std::string host, Handler& handler) {
  hosts_.insert_or_assign(std::move(host), &handler);
  return *this;
}

HostSwitch& HostSwitch::otherwise(Handler& handler) {
  otherwise_ = &handler;
  return *this;
}

// Not a coroutine: every request comes by here, and a frame for handing it on would be one too many.
boost::asio::awaitable<void> HostSwitch::handle(Exchange& exchange) {
  const auto found = hosts_.find(exchange.request().host);
  auto* handler = found == hosts_.end() ? otherwise_ : found->second;
  return handler != nullptr ? handler->handle(exchange) : misdirected(exchange);
}

}  // namespace gatehouse::net
