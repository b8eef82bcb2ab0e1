// The gateway itself: every request to a guarded host goes through its phases here, in one order, and cannot skip one:
// own pages, route, method, header namespace, policy, rule, upstream. Whatever goes wrong ends in a refusal.
// Knows nothing of how a policy decides or how connections are kept.
#pragma once

#include <atomic>
#include <memory>

#include "gateway/snapshot.h"
#include "net/exchange.h"

namespace gatehouse::gateway {

class Gateway final : public net::Handler {
 public:
  explicit Gateway(std::shared_ptr<const Snapshot> first) : snapshot_(std::move(first)) {}

  boost::asio::awaitable<void> handle(net::Exchange& exchange) override;
  // The same phases for somebody who only wants the verdict, or to watch. Both are borrowed until it has returned.
  boost::asio::awaitable<void> inquire(net::Exchange& exchange, Inquiry& inquiry) { return walk(exchange, &inquiry); }
  std::shared_ptr<const Snapshot> snapshot() const { return snapshot_.load(); }
  // Requests that are under way end with the configuration they began with.
  void swap(std::shared_ptr<const Snapshot> next) { snapshot_.store(std::move(next)); }
  // Is a rule written for this host? (app sends other hosts to the org or refuses them.)
  bool guards(std::string_view host) const { return snapshot_.load()->routes().knows_host(host); }

 private:
  boost::asio::awaitable<void> answer_call(net::Exchange& exchange);   // of gRPC
  boost::asio::awaitable<void> walk(net::Exchange& exchange, Inquiry* inquiry, GrpcCall* call = nullptr);
  std::atomic<std::shared_ptr<const Snapshot>> snapshot_;
};

// A short refusal: HTML for browsers, JSON for programs (by Accept), with the request's id and never a cause inside.
net::Reply refusal_page(const net::Request& request, int status, std::string_view title, std::string_view advice);
// 403: known, and not admitted by the route's rules.
net::Reply not_admitted_page(const net::Request& request);

}  // namespace gatehouse::gateway
