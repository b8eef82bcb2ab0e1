#include "gateway/gateway.h"

#include "core/text.h"
#include "gateway/forward.h"
#include "gateway/grpc.h"
#include "gateway/heads.h"
#include "gateway/tunnel.h"

namespace gatehouse::gateway {

namespace {

using net::Reply;
using net::Request;

bool prefers_html(const Request& request) {
  const auto accept = request.fields.only(net::Header::accept);
  return accept && accept->contains("text/html");
}

// A reply and why it is given; the why is for the log.
struct Refused {
  Reply reply;
  std::string why;
};
using Step = std::variant<Pass, Refused>;

std::optional<Refused> refuse_early(const Request& request, const Snapshot& snapshot) {
  if (request.method == net::Method::connect || request.method == net::Method::trace)
    return Refused{refusal_page(request, 405, "Method not allowed", "CONNECT and TRACE are not forwarded."), "method"};
  if (const auto alias = forged_alias(request.fields, snapshot.managed()); !alias.empty())
    return Refused{refusal_page(request, 400, "Ambiguous header",
                                "A header of this request could be taken for one that only the gateway may set."),
                   "header alias " + std::string(alias)};
  return std::nullopt;
}

// RFC 9728 §3.1: the well-known part stands between host and path of the resource. Only for what is a rule's very path; the
// rest may be a page of the application.
std::optional<Reply> resource_metadata(const Request& request, const Snapshot& snapshot) {
  if (!request.path.starts_with(kResourceMetadataPath) || request.method != net::Method::get) return std::nullopt;
  const auto rest = std::string_view(request.path).substr(kResourceMetadataPath.size());
  const auto path = rest.empty() ? std::string_view("/") : rest;
  const auto found = snapshot.routes().find(request.host, path);
  if (found.route == nullptr || found.route->path != path) return std::nullopt;
  return found.route->policy->resource_metadata(request, found.route->demand);
}

std::variant<const Route*, Refused> choose_route(const Request& request, const Snapshot& snapshot) {
  const auto found = snapshot.routes().find(request.host, request.path);
  switch (found.why) {
    case Routes::Found::Why::found: break;
    case Routes::Found::Why::ambiguous:
      return Refused{refusal_page(request, 400, "Ambiguous address", "This address can be read in two ways."), "ambiguous path"};
    case Routes::Found::Why::unknown_host:   // RFC 9110 §15.5.20: the client should not believe that we speak for that name
      return Refused{refusal_page(request, 421, "Misdirected request", "This gateway does not serve this host."), "unknown host"};
    case Routes::Found::Why::no_rule:
      return Refused{refusal_page(request, 404, "Not found", "No rule of this gateway covers this address."), "no rule"};
  }
  return found.route;
}

std::optional<Refused> refuse_by_route(const Request& request, const Route& route) {
  if (!route.allows(request.method_name)) {
    auto reply = refusal_page(request, 405, "Method not allowed", "The rule for this address does not allow this method.");
    return Refused{std::move(reply).with("Allow", join(route.methods, ", ")), "method"};
  }
  if (request.upgrade == net::Upgrade::websocket || asks_for_websocket(request.fields))
    if (auto refusal = refuse_handshake(request, route)) return Refused{*std::move(refusal), "websocket"};
  return std::nullopt;
}

std::optional<Refused> refuse_by_origin(const Request& request, const Journey& journey) {
  if (request.upgrade == net::Upgrade::none) return std::nullopt;
  if (auto refusal = refuse_origin(request, journey.route, journey.pass)) return Refused{*std::move(refusal), "origin"};
  return std::nullopt;
}

Reply fault_page(const Request& request, const Error& error) {
  switch (error.fault()) {
    case Fault::upstream:
      return refusal_page(request, 503, "Sign-in service not available", "The gateway cannot check who you are at the moment. Try again soon.")
          .with("Retry-After", "5");
    case Fault::limited: return refusal_page(request, 503, "Too busy", "Try again in a moment.").with("Retry-After", "1");
    case Fault::invalid: return refusal_page(request, 400, "Bad request", error.message());
    case Fault::unauthenticated: return refusal_page(request, 401, "Not signed in", "Who you are could not be established.");
    case Fault::denied: return refusal_page(request, 403, "Not allowed", "You may not use this address.");
    case Fault::missing: return refusal_page(request, 404, "Not found", "There is no such page.");
    case Fault::conflict: return refusal_page(request, 409, "Conflict", error.message());
    case Fault::internal: break;
  }
  return refusal_page(request, 500, "Internal error", "The gateway made a mistake. It is in its log under the request id below.");
}

Step judge(const Request& request, const Route& route, Verdict verdict) {
  if (auto* reply = std::get_if<Reply>(&verdict)) return Refused{std::move(*reply), "policy"};
  auto& pass = std::get<Pass>(verdict);
  if (route.require.all_of.empty()) return std::move(pass);

  static const json::object nothing;
  const auto decision = policy::decide(route.require, pass.attributes ? *pass.attributes : nothing);
  if (!decision.allowed)
    return Refused{refusal_page(request, 403, "Not allowed", "You are signed in, but the rule for this address does not admit you."), decision.because};
  return std::move(pass);
}

boost::asio::awaitable<Step> ask_policy(net::Exchange& exchange, const Route& route) {
  auto checked = co_await route.policy->check(exchange, route.demand);
  if (!checked) {
    exchange.log().warn("gateway.policy_failed", {{"route", route.demand.route}, {"why", checked.error().message()}, {"trail", checked.error().trail()}});
    co_return Refused{fault_page(exchange.request(), checked.error()), "policy failed"};
  }
  co_return judge(exchange.request(), route, *std::move(checked));
}

boost::asio::awaitable<void> answer(net::Exchange& exchange, Refused refused) {
  exchange.log().info("gateway.refused", {{"status", refused.reply.status}, {"why", refused.why}, {"host", exchange.request().host}, {"path", exchange.request().path}});
  // A body that nobody will read is in the way of the next request on this connection.
  if (exchange.request().has_body) exchange.close_after();
  if (is_grpc(exchange.request())) refused.reply = as_grpc(std::move(refused.reply), "refused by the gateway: " + refused.why);
  (void)co_await exchange.reply(std::move(refused.reply));
}

boost::asio::awaitable<bool> still_passes(net::Exchange& exchange, const Route& route) {
  const auto step = co_await ask_policy(exchange, route);
  co_return std::holds_alternative<Pass>(step);
}

boost::asio::awaitable<void> own_page(net::Exchange& exchange, const Snapshot& snapshot) {
  const auto& request = exchange.request();
  auto* policy = snapshot.routes().pages_of(request.host);
  if (policy == nullptr) {
    Refused refused{refusal_page(request, 404, "Not found", "There is no such page."), "no own page"};
    co_return co_await answer(exchange, std::move(refused));
  }
  auto page = co_await policy->page(exchange);
  if (!page && page.error().fault() != Fault::missing)
    exchange.log().warn("gateway.page_failed", {{"path", request.path}, {"why", page.error().message()}, {"trail", page.error().trail()}});
  auto reply = page ? *std::move(page) : fault_page(request, page.error());
  (void)co_await exchange.reply(std::move(reply));
}

}  // namespace

Reply refusal_page(const Request& request, int status, std::string_view title, std::string_view advice) {
  if (prefers_html(request)) {
    auto html = std::string("<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
                            "content=\"width=device-width,initial-scale=1\"><title>") + html_escape(title) +
                "</title><style>body{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:15vh auto;padding:0 1rem}"
                "small{opacity:.6}:root{color-scheme:light dark}</style></head><body><h1>" + html_escape(title) + "</h1><p>" +
                html_escape(advice) + "</p><p><small>" + std::to_string(status) + " · request " + html_escape(request.id) +
                "</small></p></body></html>";
    return Reply::html(status, std::move(html));
  }
  json::object body;
  body["error"] = title;
  body["message"] = advice;
  body["status"] = status;
  body["request_id"] = request.id;
  return Reply::json_text(status, to_text(body)).with("Cache-Control", "no-store");
}

boost::asio::awaitable<void> Gateway::handle(net::Exchange& exchange) {
  const auto snapshot = snapshot_.load();
  const auto& request = exchange.request();
  if (auto refused = refuse_early(request, *snapshot)) co_return co_await answer(exchange, *std::move(refused));
  if (request.path.starts_with(kOwnPrefix)) co_return co_await own_page(exchange, *snapshot);

  if (auto about = resource_metadata(request, *snapshot)) {
    (void)co_await exchange.reply(*std::move(about));
    co_return;
  }

  auto chosen = choose_route(request, *snapshot);
  if (auto* refused = std::get_if<Refused>(&chosen)) co_return co_await answer(exchange, std::move(*refused));
  Journey journey{.route = *std::get<const Route*>(chosen), .snapshot = *snapshot, .pass = {}, .edits = {}};
  const Next first(journey, 0);
  co_await first(exchange);
}

// Around the policy stand the stages that come before it, below it those that want to know who calls, below them the upstream.
boost::asio::awaitable<void> Next::operator()(net::Exchange& exchange) const {
  const auto& route = journey_.route;
  if (at_ == route.arrived && !journey_.admitted) {
    if (auto refused = refuse_by_route(exchange.request(), route)) co_return co_await answer(exchange, *std::move(refused));
    auto known = route.policy->at_once(exchange.request(), route.demand);
    auto step = known ? judge(exchange.request(), route, *std::move(known)) : co_await ask_policy(exchange, route);
    if (auto* refused = std::get_if<Refused>(&step)) co_return co_await answer(exchange, std::move(*refused));
    journey_.pass = std::get<Pass>(std::move(step));
    if (auto refused = refuse_by_origin(exchange.request(), journey_)) co_return co_await answer(exchange, *std::move(refused));
    journey_.admitted = true;
  }
  if (at_ < route.stages.size()) {
    const Next below(journey_, at_ + 1);
    co_return co_await route.stages[at_]->pass(exchange, journey_, below);
  }
  const Onward onward{exchange, journey_};
  if (exchange.request().upgrade == net::Upgrade::none) co_return co_await forward(onward);
  co_await tunnel(onward, still_passes);
}

}  // namespace gatehouse::gateway
