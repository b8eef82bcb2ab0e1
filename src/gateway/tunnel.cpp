#include "gateway/tunnel.h"

#include <algorithm>

#include "core/beside.h"
#include "core/bytes.h"
#include "core/text.h"
#include "core/wake.h"
#include "gateway/attempt.h"
#include "gateway/gateway.h"
#include "gateway/heads.h"
#include "net/websocket.h"

namespace gatehouse::gateway {

namespace {

using net::Header;
using net::Reply;
using Body = net::UpstreamExchange::Body;

constexpr std::chrono::seconds kHalfClosedMax{60};      // one side has ended, and nothing comes from the other
constexpr std::chrono::hours kForever{24 * 365};
constexpr std::string_view kKey = "sec-websocket-key";

// Thrown to end both directions at once.
struct Over {};

bool is_allowed(std::string_view origin, const net::Request& request, const WebSocketRules& rules) {
  if (equal_ignoring_case(origin, request.origin())) return true;
  return std::ranges::any_of(rules.origins, [&](const auto& allowed) { return allowed == "*" || equal_ignoring_case(allowed, origin); });
}

// RFC 6455 §4.1: what a client must see before it may take the answer for a switch (CVE-2024-23326: a 200 is none).
bool has_switched(const net::Head& head, std::string_view key) {
  return head.status == 101 && head.fields.has_word(Header::upgrade, "websocket") && head.fields.has_word(Header::connection, "upgrade") &&
         head.fields.only("sec-websocket-accept") == net::websocket_accept(key);
}

class Tunnel {
 public:
  Tunnel(const Onward& onward, StillPasses still_passes)
      : exchange_(onward.exchange), journey_(onward.journey), route_(onward.journey.route), still_passes_(still_passes),
        attempts_(onward.exchange, onward.journey), up_end_(exchange_.executor()), nap_(exchange_.executor()), watch_nap_(exchange_.executor()) {}

  boost::asio::awaitable<void> run() {
    auto done = co_await agree();
    while (!done && attempts_.repeats(done.error(), {})) {
      co_await attempts_.pause();
      done = co_await agree();
    }
    if (!done) co_return co_await fail(std::move(done.error()));
    if (!open_) co_return;
    exchange_.log().info("gateway.tunnel_opened", {{"route", route_.demand.route}, {"upstream", attempts_.authority()}, {"who", journey_.pass.who}});
    try {
      co_await run_beside(carry(), watch());
    } catch (const Over&) {
    } catch (const boost::system::system_error& cancelled) {   // by the other direction or the watch, between two operations
      if (cancelled.code() != boost::asio::error::operation_aborted) throw;
    }
    exchange_.log().info("gateway.tunnel_closed", {{"route", route_.demand.route}, {"why", why_.empty() ? "both sides ended it" : why_}, {"up", up_}, {"down", down_}});
  }

 private:
  Task<void> agree() {
    GH_CO_DO(co_await attempts_.open());
    auto head = handshake();
    GH_CO_DO(co_await attempts_.upstream().send_head(std::move(head), {}, Body::ends));
    GH_CO_TRY(const net::Head* answer, co_await attempts_.upstream().read_head(net::Method::get));
    Reply reply;
    reply.status = answer->status;
    reply.headers = answer_headers(*answer, journey_.snapshot);
    if (has_switched(*answer, key_)) {
      open_ = true;
      attempts_.answered(*answer);
      attempts_.upstream().limit({});   // a tunnel lives as long as both sides want it
      co_return co_await exchange_.start_tunnel(std::move(reply));
    }
    if (attempts_.declines(*answer, {})) co_return failure(Fault::upstream, "answered " + std::to_string(answer->status));
    attempts_.answered(*answer);
    // Over HTTP/2 a 2xx would be the client's switch, and over HTTP/1.1 nobody asked for one: it is never passed on.
    if (answer->status < 300) co_return failure(Fault::upstream, "the upstream did not switch properly to WebSocket");
    co_return co_await pass_on(*answer, std::move(reply));
  }

  // The client's own key goes on, so that the upstream's proof is also the client's. Over HTTP/2 there is none: then one is
  // made of the request's random id.
  std::string handshake() {
    const auto& request = exchange_.request();
    std::string head;
    const OnwardHead parts{request, journey_, attempts_.authority()};
    write_upstream_head(parts, head);
    head.resize(head.size() - 2);
    head.append("Connection: Upgrade\r\nUpgrade: websocket\r\n");
    if (const auto key = request.fields.only(kKey)) {
      key_ = *key;
    } else {
      auto nonce = request.id;
      nonce.resize(16, '.');
      key_ = base64_encode(nonce);
      head.append("Sec-WebSocket-Key: ").append(key_).append("\r\n");
      if (!request.fields.only("sec-websocket-version")) head.append("Sec-WebSocket-Version: 13\r\n");
    }
    return head.append("\r\n");
  }

  // A refusal of the upstream: sign in, not found, moved.
  Task<void> pass_on(const net::Head& head, Reply reply) {
    exchange_.close_after();
    const auto length = head.framing == net::Framing::length ? std::optional(head.length)
                        : head.framing == net::Framing::none ? std::optional<std::uint64_t>(0)
                                                             : std::nullopt;
    GH_CO_DO(co_await exchange_.start(std::move(reply), length));
    for (;;) {
      GH_CO_TRY(const auto piece, co_await attempts_.upstream().read_some());
      if (piece.empty()) co_return co_await exchange_.finish();
      GH_CO_DO(co_await exchange_.send(piece));
    }
  }

  [[noreturn]] void end(const std::string& why) {
    if (why_.empty()) why_ = why;   // the first reason; the others follow from it
    throw Over();
  }

  boost::asio::awaitable<void> carry() { return run_beside(carry_down(), carry_up()); }

  boost::asio::awaitable<void> carry_down() {
    for (;;) {
      const auto piece = co_await attempts_.upstream().read_raw();
      if (!piece) end(piece.error().message());
      if (piece->empty()) break;
      down_ += piece->size();
      const auto sent = co_await exchange_.send(*piece);
      if (!sent) end(sent.error().message());
    }
    const auto finished = co_await exchange_.finish();
    if (!finished) end(finished.error().message());
    while (!up_ended_) co_await up_end_.after(kForever);   // the server ends a silent client
  }

  boost::asio::awaitable<void> carry_up() {
    for (;;) {
      const auto piece = co_await exchange_.read_some();
      if (!piece) end(piece.error().message());
      if (piece->empty()) break;
      up_ += piece->size();
      const auto sent = co_await attempts_.upstream().send_body(*piece, Body::follows);
      if (!sent) end(sent.error().message());
    }
    const auto ended = co_await attempts_.upstream().end_raw();
    if (!ended) end(ended.error().message());
    up_ended_ = true;
    up_end_.wake();
    for (auto seen = down_;; seen = down_) {
      co_await nap_.after(kHalfClosedMax);
      if (down_ == seen) end("the client has ended, and the upstream is silent");
    }
  }

  // Ends the tunnel with the identity that it was opened for.
  boost::asio::awaitable<void> watch() {
    const auto& rules = route_.websocket;
    const auto& clock = journey_.snapshot.clock();
    const bool bound = !rules.outlives_identity;
    for (;;) {
      std::chrono::milliseconds nap = kForever;
      if (bound && journey_.pass.shown == Pass::Shown::cookie) nap = rules.recheck;
      if (bound && journey_.pass.valid_until) nap = std::min(nap, *journey_.pass.valid_until - clock.now());
      co_await watch_nap_.after(std::max(nap, std::chrono::milliseconds(1)));
      if (bound && journey_.pass.valid_until && clock.now() >= *journey_.pass.valid_until) end("the identity is not valid any longer");
      if (bound && journey_.pass.shown == Pass::Shown::cookie && !co_await still_passes_(exchange_, journey_)) end("the session has ended");
    }
  }

  boost::asio::awaitable<void> fail(Error error) {
    exchange_.log().warn("gateway.forward_failed", {{"route", route_.demand.route}, {"target", attempts_.authority()},
                                                    {"why", error.message()}, {"trail", error.trail()}});
    exchange_.close_after();
    if (!exchange_.started() && !attempts_.gone()) (void)co_await exchange_.reply(upstream_fault_page(exchange_.request(), error));
  }

  net::Exchange& exchange_;
  const Journey& journey_;
  const Route& route_;
  StillPasses still_passes_;
  Attempts attempts_;
  std::string key_, why_;
  Wake up_end_, nap_, watch_nap_;
  std::uint64_t up_ = 0, down_ = 0;
  bool open_ = false, up_ended_ = false;
};

}  // namespace

std::optional<Reply> refuse_handshake(const net::Request& request, const Route& route) {
  if (!route.websocket.allowed)
    return refusal_page(request, 403, "WebSocket is not allowed", "The rule for this address does not allow WebSocket connections.");
  if (request.upgrade == net::Upgrade::websocket) return std::nullopt;
  if (const auto version = request.fields.only("sec-websocket-version"); version && *version != "13")
    return refusal_page(request, 426, "Unknown version", "This is not a version of WebSocket that is spoken here.").with("Sec-WebSocket-Version", "13");
  return refusal_page(request, 400, "Bad request", "This is not a WebSocket handshake.");
}

std::optional<Reply> refuse_origin(const net::Request& request, const Route& route, const Pass& pass) {
  const bool by_cookie = pass.shown == Pass::Shown::cookie;
  if (!by_cookie && route.websocket.origins.empty()) return std::nullopt;
  const auto origin = request.fields.only(Header::origin);
  // A browser always says where a page is from; whoever does not, is none, and has no business with a browser's cookie.
  if (origin ? is_allowed(*origin, request, route.websocket) : !by_cookie && !request.fields.has(Header::origin)) return std::nullopt;
  return refusal_page(request, 403, "Not allowed", "A page of another site may not open this connection.");
}

boost::asio::awaitable<void> tunnel(const Onward& onward, StillPasses still_passes) {
  Tunnel passage(onward, still_passes);
  auto* notes = onward.exchange.notes();
  if (notes == nullptr) co_return co_await passage.run();
  notes->upstream_began = net::Notes::now();
  notes->pool = onward.journey.route.pool->name();
  co_await passage.run();
  notes->upstream_ended = net::Notes::now();
}

}  // namespace gatehouse::gateway
