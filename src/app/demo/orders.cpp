#include "app/demo/orders.h"

#include "core/text.h"

namespace gatehouse::app::demo {

namespace {

using net::Reply;

Reply problem(int status, std::string_view word, std::string_view message) {
  json::object body;
  body["error"] = word;
  body["message"] = message;
  return Reply::json_text(status, to_text(body));
}

// Who is refused has sent everything first and therefore hears why, however much it was.
boost::asio::awaitable<void> discard_body(net::Exchange& exchange) {
  for (;;) {
    auto piece = co_await exchange.read_some();
    if (!piece || piece->empty()) co_return;
  }
}

}  // namespace

Orders::Orders(const Clock& clock) : clock_(clock) {
  for (const auto& [item, quantity] : {std::pair{"brass gears", 12}, std::pair{"punched cards", 500}, std::pair{"oil can", 1}})
    orders_[next_++] = Order{item, "ada@example.com", quantity, clock.now()};
}

json::object Orders::shape(std::int64_t id, const Order& order) {
  json::object out;
  out["id"] = id;
  out["item"] = order.item;
  out["quantity"] = order.quantity;
  out["orderedBy"] = order.ordered_by;
  out["orderedAt"] = to_iso8601(order.at);
  return out;
}

Reply Orders::list() const {
  json::array all;
  const std::lock_guard lock(mutex_);
  for (const auto& [id, order] : orders_) all.push_back(shape(id, order));
  return Reply::json_text(200, to_text(all));
}

Reply Orders::one(std::string_view id) const {
  const auto number = parse_int(id);
  const std::lock_guard lock(mutex_);
  const auto found = number ? orders_.find(*number) : orders_.end();
  if (found == orders_.end()) return problem(404, "not_found", "There is no such order.");
  return Reply::json_text(200, to_text(shape(found->first, found->second)));
}

Task<Reply> Orders::create(net::Exchange& exchange) {
  GH_CO_TRY(auto text, co_await exchange.read_all(kOrderBodyMax));
  GH_CO_TRY(auto body, parse_json(text));
  Reader in(body);
  auto item = in.required<std::string>("item");
  auto quantity = in.optional<std::int64_t>("quantity", 1);
  if (item && (item->empty() || item->size() > 200)) in.fault("item", "has 1 to 200 characters");
  if (quantity < 1 || quantity > 1'000'000) in.fault("quantity", "is between 1 and 1000000");
  GH_CO_DO(in.done());

  const auto who = exchange.request().fields.only("X-Remote-Subject").value_or("unknown");
  const std::lock_guard lock(mutex_);
  if (orders_.size() >= kOrdersMax) orders_.erase(orders_.begin());   // a demo forgets
  const auto id = next_++;
  const auto& order = orders_[id] = Order{*std::move(item), std::string(who), quantity, clock_.now()};
  co_return Reply::json_text(201, to_text(shape(id, order))).with("Location", "/orders/" + std::to_string(id));
}

boost::asio::awaitable<void> Orders::handle(net::Exchange& exchange) {
  const auto& request = exchange.request();
  const bool reads = request.method == net::Method::get || request.method == net::Method::head;
  Reply reply = problem(404, "not_found", "Try GET /orders.");
  if (request.path == "/orders" && reads) {
    reply = list();
  } else if (request.path == "/orders" && request.method == net::Method::post) {
    auto created = co_await create(exchange);
    reply = created ? *std::move(created)
                    : problem(created.error().fault() == Fault::limited ? 413 : 400, "invalid_request", created.error().message());
  } else if (request.path.starts_with("/orders/") && reads) {
    reply = one(std::string_view(request.path).substr(8));
  } else if (request.path == "/orders" || request.path.starts_with("/orders/")) {
    reply = problem(405, "method_not_allowed", "This API does not do that.").with("Allow", request.path == "/orders" ? "GET, HEAD, POST" : "GET, HEAD");
  }
  co_await discard_body(exchange);
  (void)co_await exchange.reply(std::move(reply));
}

}  // namespace gatehouse::app::demo
