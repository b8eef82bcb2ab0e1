#include "gateway/gateway.h"

#include "core/text.h"
#include "gateway/forward.h"
#include "gateway/forward_auth.h"
#include "gateway/grpc.h"
#include "gateway/heads.h"
#include "gateway/inquiry.h"
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

// The rules come after the policy: they are about whoever it recognised. Nothing waits but a challenge for a new proof, whose
// terms are then in `wanted`.
Step settle(const net::Exchange& exchange, const Journey& journey, Verdict verdict, std::optional<policy::StepUp>& wanted) {
  if (auto* reply = std::get_if<Reply>(&verdict)) return Refused{std::move(*reply), "policy"};
  const auto& route = journey.route;
  auto& pass = std::get<Pass>(verdict);
  if (journey.inquiry != nullptr) journey.inquiry->passed("policy", pass.who);
  if (!route.rules && !route.shadow) return std::move(pass);
  auto found = judge(route.rules.get(), route.shadow.get(), route.demand,
                     {exchange.request(), pass, exchange.log(), journey.snapshot.clock().now(), journey.inquiry});
  switch (found.outcome) {
    case policy::Outcome::allow: return std::move(pass);
    case policy::Outcome::step_up: wanted = std::move(found.step_up); break;
    case policy::Outcome::deny: break;
  }
  return Refused{not_admitted_page(exchange.request()), std::move(found.because)};
}

std::optional<Verdict> verdict_at_once(const Request& request, const Journey& journey) {
  const auto& route = journey.route;
  if (journey.inquiry != nullptr) {
    if (auto claims = journey.inquiry->imagined()) {
      auto verdict = route.policy->imagine(request, route.demand, std::move(claims));
      return verdict ? *std::move(verdict) : Verdict(fault_page(request, verdict.error()));
    }
  }
  return route.policy->at_once(request, route.demand);
}

boost::asio::awaitable<Step> ask_policy(net::Exchange& exchange, const Journey& journey, std::optional<policy::StepUp>& wanted) {
  const auto& route = journey.route;
  auto checked = co_await route.policy->check(exchange, route.demand);
  if (!checked) {
    exchange.log().warn("gateway.policy_failed", {{"route", route.demand.route}, {"why", checked.error().message()}, {"trail", checked.error().trail()}});
    co_return Refused{fault_page(exchange.request(), checked.error()), "policy failed"};
  }
  co_return settle(exchange, journey, *std::move(checked), wanted);
}

boost::asio::awaitable<void> ask_for_proof(net::Exchange& exchange, const Route& route, policy::StepUp wanted, Refused& refused) {
  auto reply = co_await route.policy->step_up(exchange, route.demand, std::move(wanted));
  if (reply) refused.reply = *std::move(reply);
  else refused = Refused{fault_page(exchange.request(), reply.error()), "step-up failed: " + reply.error().message()};
}

boost::asio::awaitable<void> answer(net::Exchange& exchange, Refused refused, Inquiry* inquiry = nullptr, std::string_view phase = {}) {
  if (inquiry != nullptr) inquiry->refused(phase, refused.reply.status, refused.why);
  exchange.log().info("gateway.refused", {{"status", refused.reply.status}, {"why", refused.why}, {"host", exchange.request().host}, {"path", exchange.request().path}});
  // A body that nobody will read is in the way of the next request on this connection.
  if (exchange.request().has_body) exchange.close_after();
  if (auto* notes = exchange.notes()) notes->refused = refused.why;
  (void)co_await exchange.reply(std::move(refused.reply));
}

void note_pass(net::Notes& notes, const Pass& pass) {
  notes.admitted = true;
  notes.who = pass.who;
  notes.shown = pass.shown == Pass::Shown::token ? "token" : pass.shown == Pass::Shown::cookie ? "cookie" : "";
}

boost::asio::awaitable<bool> still_passes(net::Exchange& exchange, const Journey& journey) {
  std::optional<policy::StepUp> wanted;
  const auto step = co_await ask_policy(exchange, journey, wanted);
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

net::Reply not_admitted_page(const Request& request) {
  return refusal_page(request, 403, "Not allowed", "You are signed in, but the rule for this address does not admit you.");
}

boost::asio::awaitable<void> Gateway::handle(net::Exchange& exchange) {
  return is_grpc(exchange.request()) ? answer_call(exchange) : walk(exchange, nullptr);
}

boost::asio::awaitable<void> Gateway::answer_call(net::Exchange& exchange) {
  const auto snapshot = snapshot_.load();
  if (snapshot->forward_auth() != nullptr && ForwardAuth::is_check(exchange.request()))
    co_return co_await snapshot->forward_auth()->answer_check(exchange, *this);
  GrpcCall call(exchange);
  co_await walk(call, nullptr, &call);
}

boost::asio::awaitable<void> Gateway::walk(net::Exchange& exchange, Inquiry* inquiry, GrpcCall* call) {
  const auto snapshot = snapshot_.load();
  const auto& request = exchange.request();
  const auto asks_for_another = [&] { return inquiry == nullptr && snapshot->forward_auth() != nullptr && ForwardAuth::is_for(request); };
  if (auto refused = refuse_early(request, *snapshot)) {
    if (asks_for_another()) co_return co_await snapshot->forward_auth()->answer(exchange, *this);   // it has its own way to say no
    co_return co_await answer(exchange, *std::move(refused), inquiry, "request");
  }
  if (inquiry != nullptr) inquiry->passed("request", "no ambiguous header");
  if (request.path.starts_with(kOwnPrefix)) {
    if (asks_for_another()) co_return co_await snapshot->forward_auth()->answer(exchange, *this);
    if (inquiry == nullptr) co_return co_await own_page(exchange, *snapshot);
    // Its pages do things (a code is used up, a session ends): they are visited, never asked about.
    Refused refused{refusal_page(request, 403, "Not allowed", "This address belongs to the gateway itself."), "own page"};
    co_return co_await answer(exchange, std::move(refused), inquiry, "own page");
  }

  if (auto about = resource_metadata(request, *snapshot)) {
    (void)co_await exchange.reply(*std::move(about));
    co_return;
  }

  auto chosen = choose_route(request, *snapshot);
  if (auto* refused = std::get_if<Refused>(&chosen)) co_return co_await answer(exchange, std::move(*refused), inquiry, "route");
  if (inquiry != nullptr) inquiry->chose(*std::get<const Route*>(chosen));
  Journey journey{.route = *std::get<const Route*>(chosen), .snapshot = *snapshot, .pass = {}, .edits = {}, .inquiry = inquiry, .call = call};
  if (auto* notes = exchange.notes()) {
    notes->host = journey.route.host;
    notes->route = journey.route.demand.route;
    journey.edits.set = notes->onward;
    journey.edits.remove = notes->withheld;
  }
  const Next first(journey, 0);
  co_await first(exchange);
}

// Around the policy stand the stages that come before it, below it those that want to know who calls, below them the upstream.
boost::asio::awaitable<void> Next::operator()(net::Exchange& exchange) const {
  const auto& route = journey_.route;
  if (at_ == route.arrived && !journey_.admitted) {
    if (auto refused = refuse_by_route(exchange.request(), route)) co_return co_await answer(exchange, *std::move(refused), journey_.inquiry, "method");
    if (journey_.inquiry != nullptr) journey_.inquiry->passed("method", exchange.request().method_name);
    std::optional<policy::StepUp> wanted;
    auto* notes = exchange.notes();
    if (notes != nullptr) notes->policy_began = net::Notes::now();
    auto known = verdict_at_once(exchange.request(), journey_);
    auto step = known ? settle(exchange, journey_, *std::move(known), wanted) : co_await ask_policy(exchange, journey_, wanted);
    if (notes != nullptr) notes->policy_ended = net::Notes::now();
    if (auto* refused = std::get_if<Refused>(&step)) {
      if (wanted) co_await ask_for_proof(exchange, route, *std::move(wanted), *refused);
      co_return co_await answer(exchange, std::move(*refused), journey_.inquiry, "policy");
    }
    journey_.pass = std::get<Pass>(std::move(step));
    if (notes != nullptr) note_pass(*notes, journey_.pass);
    if (auto refused = refuse_by_origin(exchange.request(), journey_)) co_return co_await answer(exchange, *std::move(refused), journey_.inquiry, "origin");
    journey_.admitted = true;
  }
  if (at_ < route.stages.size()) {
    const Next below(journey_, at_ + 1);
    if (journey_.inquiry != nullptr && journey_.inquiry->passes_by(*route.stages[at_])) co_return co_await below(exchange);
    co_return co_await route.stages[at_]->pass(exchange, journey_, below);
  }
  if (journey_.inquiry != nullptr) co_return co_await journey_.inquiry->arrive(exchange, journey_);
  if (!route.pool) {
    Refused refused{refusal_page(exchange.request(), 404, "Not found", "This address is served by another server."), "no upstream"};
    co_return co_await answer(exchange, std::move(refused));
  }
  const Onward onward{exchange, journey_};
  if (exchange.request().upgrade == net::Upgrade::none) co_return co_await forward(onward);
  co_await tunnel(onward, still_passes);
}

}  // namespace gatehouse::gateway
