#include "gateway/forward.h"

#include <charconv>

#include "core/beside.h"
#include "gateway/attempt.h"
#include "gateway/gateway.h"
#include "gateway/grpc.h"
#include "gateway/heads.h"

namespace gatehouse::gateway {

namespace {

using net::Exchange;
using net::Head;
using net::Reply;
using net::UpstreamExchange;
using Body = UpstreamExchange::Body;

// Thrown to end both directions at once: whoever asked has gone, so the upstream need not be waited for.
struct ClientGone {
  Fault fault;   // limited: it sent more than it may
};

// One request on its way: to a target, and back.
class Passage {
 public:
  explicit Passage(const Onward& onward) : exchange_(onward.exchange), onward_(onward), attempts_(onward.exchange, onward.journey) {}

  boost::asio::awaitable<void> run() {
    if (exchange_.request().has_body && may_hold_body()) {   // before anybody is asked: a slow client must not keep an upstream waiting
      auto held = co_await hold_body();
      if (!held) co_return co_await fail(std::move(held.error()));
    }
    while (co_await attempt()) co_await attempts_.pause();
  }

  // Whom it was sent to; empty when there was nobody.
  std::string_view target() const { return attempts_.authority(); }

 private:
  // True: it came to nothing, and the request is to be sent again.
  boost::asio::awaitable<bool> attempt() {
    if (!attempts_.reopen()) {
      auto opened = co_await attempts_.open();
      if (!opened) co_return co_await settle(std::move(opened.error()));
    }
    auto begun = co_await begin();
    if (!begun) {
      if (begun.error().code() == kClientFault || attempts_.upstream().untouched()) co_return co_await settle(std::move(begun.error()));
      whole_request_sent_ = false;   // a refusal may be there nevertheless: whoever refuses early (413) closes
    }
    if (whole_request_sent_ || !begun) {
      auto brought = co_await bring_back();
      co_return !brought && co_await settle(std::move(brought.error()));
    }
    co_return co_await carry_both();
  }

  boost::asio::awaitable<bool> carry_both() {
    std::optional<Fault> gone;
    again_ = false;
    try {
      co_await run_beside(bring_back_beside(), carry_body());
    } catch (const ClientGone& client) {
      gone = client.fault;
    }
    if (gone && !answered_ && !exchange_.started()) co_await fail(Error(*gone, "the client's body ended early").with_code(std::string(kClientFault)));
    co_return again_;
  }

  // Here and not after run_beside(), which ends the reading of the body: then it could not be told any more why.
  boost::asio::awaitable<void> bring_back_beside() {
    auto brought = co_await bring_back();
    if (!brought) again_ = co_await settle(std::move(brought.error()));
  }

  // True: to be sent again. Else the client has been told.
  boost::asio::awaitable<bool> settle(Error error) {
    if (attempts_.repeats(error, progress())) co_return true;
    co_await fail(std::move(error));
    co_return false;
  }

  Progress progress() const {
    return {.sent = whole_request_sent_, .resendable = !exchange_.request().has_body || !body_begun_ || (holding_ && whole_held_)};
  }

  // The head, and with it the first piece of the body: a small request leaves in one write.
  Task<void> begin() {
    const auto& request = exchange_.request();
    auto& upstream = attempts_.upstream();
    auto head = upstream.spare();
    const OnwardHead parts{request, onward_.journey, attempts_.authority()};
    write_upstream_head(parts, head);
    sent_ = 0;
    whole_request_sent_ = !request.has_body;
    if (!request.has_body) co_return co_await upstream.send_head(std::move(head), {}, Body::ends);
    if (!request.content_length) {   // chunks are framed one by one
      GH_CO_DO(co_await upstream.send_head(std::move(head), {}, Body::follows));
      if (!whole_held_) co_return Result<void>();
      co_return co_await send_held_chunks();
    }
    if (whole_held_) {
      sent_ = held_.size();
      whole_request_sent_ = true;
      co_return co_await upstream.send_head(std::move(head), held_, Body::ends);
    }
    GH_CO_TRY(const auto first, co_await read_piece());
    sent_ = first.size();
    whole_request_sent_ = sent_ >= *request.content_length;
    if (whole_request_sent_) co_return co_await upstream.send_head(std::move(head), first, Body::ends);
    // By itself: `first` dies with the next read, and what is sent with the head must live until the answer comes.
    GH_CO_DO(co_await upstream.send_head(std::move(head), {}, Body::follows));
    co_return co_await upstream.send_body(first, Body::follows);
  }

  // A body of known length that may be sent twice is held before it is sent once; of one that nobody knows the end of
  // (a stream may wait for its answer) a copy is kept while it passes by.
  bool may_hold_body() {
    const auto& request = exchange_.request();
    const auto& rules = onward_.journey.route.retry;
    holding_ = rules.may_repeat(request.method) && request.content_length.value_or(0) <= rules.body_max;
    return holding_ && request.content_length;
  }

  Task<void> hold_body() {
    const auto length = *exchange_.request().content_length;
    held_.reserve(length);
    while (held_.size() < length) {
      GH_CO_TRY(const auto piece, co_await read_piece());
      if (piece.empty()) break;
      held_.append(piece);
    }
    whole_held_ = true;
    co_return Result<void>();
  }

  void keep_copy(std::string_view piece) {
    if (!holding_) return;
    holding_ = held_.size() + piece.size() <= onward_.journey.route.retry.body_max;
    if (holding_) held_.append(piece);
    else held_ = std::string();
  }

  Task<void> send_held_chunks() {
    auto& upstream = attempts_.upstream();
    if (!held_.empty()) GH_CO_DO(co_await upstream.send_chunk(held_, Body::follows));
    auto trailers = answer_trailers(exchange_.trailers(), onward_.journey.snapshot.managed());
    GH_CO_DO(co_await upstream.send_end(std::move(trailers)));
    whole_request_sent_ = true;
    co_return Result<void>();
  }

  Task<std::string_view> read_piece() {
    body_begun_ = true;
    auto piece = co_await exchange_.read_some();
    if (!piece) co_return std::unexpected(std::move(piece.error()).with_code(std::string(kClientFault)));
    co_return *piece;
  }

  boost::asio::awaitable<void> carry_body() {
    auto carried = co_await carry_pieces();
    if (carried) co_return;
    // When the upstream stopped listening, its answer may be on its way already (413 while we still send): bring_back() decides.
    exchange_.close_after();
    exchange_.log().info("gateway.body_cut", {{"why", carried.error().message()}});
    if (carried.error().code() == kClientFault) throw ClientGone{carried.error().fault()};
  }

  Task<void> carry_pieces() {
    const auto length = exchange_.request().content_length;
    for (;;) {
      GH_CO_TRY(const auto piece, co_await read_piece());
      if (!length) keep_copy(piece);
      if (!length && piece.empty()) {
        whole_held_ = holding_;
        auto trailers = answer_trailers(exchange_.trailers(), onward_.journey.snapshot.managed());
        GH_CO_DO(co_await attempts_.upstream().send_end(std::move(trailers)));
      } else if (!length) {
        GH_CO_DO(co_await attempts_.upstream().send_chunk(piece, Body::follows));
      } else if (!piece.empty()) {
        sent_ += piece.size();
        GH_CO_DO(co_await attempts_.upstream().send_body(piece, sent_ >= *length ? Body::ends : Body::follows));
      }
      if (piece.empty() || (length && sent_ >= *length)) break;
    }
    whole_request_sent_ = true;
    co_return Result<void>();
  }

  Task<void> bring_back() {
    const auto method = exchange_.request().method;
    GH_CO_TRY(const Head* head, co_await attempts_.upstream().read_head(method));
    if (attempts_.declines(*head, progress())) co_return failure(Fault::upstream, "answered " + std::to_string(head->status));
    answer_ = head;
    if (auto* call = onward_.journey.call) call->application_says(head->status);
    attempts_.answered(*head);
    if (auto* notes = exchange_.notes()) notes->upstream_head = net::Notes::now();
    // We never asked to switch protocols; who believes so would read the next request as tunnel bytes (CVE-2026-2833).
    if (head->status == 101) co_return failure(Fault::upstream, "the upstream switched protocols unasked");

    // An answer that overtakes its request: the rest of the body and the next request cannot be told apart reliably any more.
    if (!whole_request_sent_) exchange_.close_after();
    const bool small = head->framing == net::Framing::length && head->length <= kSmallAnswer && !comes_in_pieces(head->fields);
    std::string_view first;
    if (small && exchange_.relays()) {
      first = attempts_.upstream().at_hand().value_or("");
      if (first.size() == head->length) {
        answered_ = true;
        GH_CO_TRY(const bool whole, exchange_.relay(borrowed(*head, first)));
        if (whole_request_sent_) attempts_.release();   // its connection serves the next request
        if (whole) co_return Result<void>();
        co_return co_await exchange_.relayed();
      }
    }
    Reply reply;
    reply.status = head->status;
    reply.headers = answer_headers(*head, onward_.journey.snapshot);
    if (head->framing == net::Framing::none) co_return co_await answer_without_body(*head, std::move(reply));
    if (small) {
      reply.body.reserve(head->length);
      reply.body.append(first);
      co_return co_await small_answer(std::move(reply));
    }
    co_return co_await stream_answer(*head, std::move(reply));
  }

  Task<void> answer_without_body(const Head& head, Reply reply) {
    std::optional<std::uint64_t> length = 0;
    if (exchange_.request().method == net::Method::head && head.status != 304 && head.status != 204) {
      // The length that a GET would have had.
      const auto text = head.fields.only(net::Header::content_length);
      std::uint64_t would_be = 0;
      const bool known = text && std::from_chars(text->data(), text->data() + text->size(), would_be).ec == std::errc();
      length = known ? std::optional(would_be) : std::nullopt;
      GH_CO_DO(co_await exchange_.start(std::move(reply), length));
      co_return co_await exchange_.finish();
    }
    answered_ = true;
    co_return co_await exchange_.reply(std::move(reply));
  }

  net::Borrowed borrowed(const Head& head, std::string_view body) const {
    const auto keep = [](const net::Field& field, const void* by) {
      const auto& self = *static_cast<const Passage*>(by);
      return passes_back(*self.answer_, field, self.onward_.journey.snapshot);
    };
    return {.status = head.status, .fields = head.fields, .keep = keep, .by = this, .body = body};
  }

  Task<void> small_answer(Reply reply) {
    for (;;) {
      GH_CO_TRY(const auto piece, co_await attempts_.upstream().read_some());
      if (piece.empty()) break;
      reply.body.append(piece);
    }
    if (whole_request_sent_) attempts_.release();   // its connection serves the next request while ours is still being written
    answered_ = true;
    co_return co_await exchange_.reply(std::move(reply));
  }

  Task<void> stream_answer(const Head& head, Reply reply) {
    const auto length = head.framing == net::Framing::length ? std::optional(head.length) : std::nullopt;
    answered_ = true;
    GH_CO_DO(co_await exchange_.start(std::move(reply), length));
    for (;;) {
      GH_CO_TRY(const auto piece, co_await attempts_.upstream().read_some());
      if (piece.empty()) break;
      GH_CO_DO(co_await exchange_.send(piece));
    }
    auto trailers = answer_trailers(attempts_.upstream().trailers(), onward_.journey.snapshot.managed());
    co_return co_await exchange_.finish(std::move(trailers));
  }

  boost::asio::awaitable<void> fail(Error error) {
    if (auto* notes = exchange_.notes()) notes->failed = attempts_.gone() ? "the client has gone" : error.message();
    if (attempts_.gone()) co_return exchange_.log().info("gateway.client_gone", {{"target", attempts_.authority()}});
    exchange_.log().warn("gateway.forward_failed", {{"route", onward_.journey.route.demand.route}, {"target", attempts_.authority()},
                                                    {"why", error.message()}, {"trail", error.trail()}});
    // Half an answer cannot be taken back; cutting the connection is how the client learns that it is not whole.
    exchange_.close_after();
    if (answered_ || exchange_.started()) co_return;
    auto page = upstream_fault_page(exchange_.request(), error);
    (void)co_await exchange_.reply(std::move(page));
  }

  Exchange& exchange_;
  const Onward& onward_;
  Attempts attempts_;
  const Head* answer_ = nullptr;   // of the upstream's exchange
  std::string held_;               // of the body, to be sent again
  std::uint64_t sent_ = 0;
  bool body_begun_ = false, holding_ = false, whole_held_ = false;
  bool whole_request_sent_ = false, answered_ = false, again_ = false;
};

}  // namespace

Reply upstream_fault_page(const net::Request& request, const Error& error) {
  if (error.code() == kClientFault) {
    if (error.fault() == Fault::limited) return refusal_page(request, 413, "Too large", "The body of this request is larger than this gateway takes.");
    return refusal_page(request, 400, "Bad request", "The body of this request could not be read.");
  }
  if (error.fault() == Fault::limited)
    return refusal_page(request, 503, "Too busy", "The application behind this gateway has too much to do. Try again in a moment.").with("Retry-After", "1");
  if (error.code() == "timeout")
    return refusal_page(request, 504, "No answer in time", "The application behind this gateway did not answer in time.");
  return refusal_page(request, 502, "Bad gateway", "The application behind this gateway could not be reached, or did not answer properly.");
}

boost::asio::awaitable<void> forward(const Onward& onward) {
  Passage passage(onward);
  auto* notes = onward.exchange.notes();
  if (notes == nullptr) co_return co_await passage.run();
  notes->upstream_began = net::Notes::now();
  notes->pool = onward.journey.route.pool->name();
  co_await passage.run();
  notes->upstream_ended = net::Notes::now();
  notes->target = passage.target();
}

}  // namespace gatehouse::gateway
