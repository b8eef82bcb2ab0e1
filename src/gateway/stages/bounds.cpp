#include "gateway/stages/bounds.h"

#include "gateway/gateway.h"

namespace gatehouse::gateway {
namespace {

net::Reply too_large(const net::Request& request, int status) {
  return refusal_page(request, status, net::reason_of(status), "This request is larger than the rule for this address allows.");
}

// Counts the body as it comes: chunks announce no length.
class Counting final : public ExchangeLayer {
 public:
  Counting(net::Exchange& below, std::uint64_t most) : ExchangeLayer(below), left_(most) {}
  Task<std::string_view> read_some() override {
    GH_CO_TRY(const auto piece, co_await inner_.read_some());
    if (piece.size() > left_) {
      left_ = 0;
      inner_.close_after();   // who reads on would only help the sender to go on
      // Here and not later: the upstream has the head already, and whoever carries the body only learns that it broke off.
      if (!inner_.started()) {
        auto reply = too_large(request(), 413);
        (void)co_await inner_.reply(std::move(reply));
      }
      co_return failure(Fault::limited, "request body: larger than the rule for this address allows");
    }
    left_ -= piece.size();
    co_return piece;
  }

 private:
  std::uint64_t left_;
};

class BoundsStage final : public Stage {
 public:
  explicit BoundsStage(Bounds bounds) : bounds_(bounds) {}
  Place place() const override { return Place::arrived; }
  bool guards() const override { return true; }

  boost::asio::awaitable<void> pass(net::Exchange& exchange, Journey&, Next next) override {
    const auto& request = exchange.request();
    if (bounds_.path && request.path.size() > *bounds_.path) co_return co_await refuse(exchange, 414);
    if (bounds_.query && request.query.size() > *bounds_.query) co_return co_await refuse(exchange, 414);
    if (bounds_.fields && request.fields.all().size() > *bounds_.fields) co_return co_await refuse(exchange, 431);
    if (!bounds_.body || !request.has_body) co_return co_await next(exchange);
    if (request.content_length && *request.content_length > *bounds_.body) co_return co_await refuse(exchange, 413);
    if (request.content_length) co_return co_await next(exchange);   // never more than announced
    Counting layer(exchange, *bounds_.body);
    co_await next(layer);
  }

 private:
  static boost::asio::awaitable<void> refuse(net::Exchange& exchange, int status) {
    if (exchange.request().has_body) exchange.close_after();
    auto reply = too_large(exchange.request(), status);
    (void)co_await exchange.reply(std::move(reply));
  }
  const Bounds bounds_;
};

}  // namespace

Result<std::shared_ptr<Stage>> make_bounds_stage(Bounds bounds) {
  if (!bounds.body && !bounds.fields && !bounds.path && !bounds.query) return failure(Fault::invalid, "request: names no bound");
  return std::make_shared<BoundsStage>(bounds);
}

}  // namespace gatehouse::gateway
