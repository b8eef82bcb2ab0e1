#include "gateway/forward.h"

#include <charconv>

#include "core/beside.h"
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

constexpr std::string_view kClientFault = "client";   // Error::code of what the client did

// Thrown to end both directions at once: whoever asked has gone, so the upstream need not be waited for.
struct ClientGone {
  Fault fault;   // limited: it sent more than it may
};

// One request on its way: to a target, and back.
class Passage {
 public:
  explicit Passage(const Onward& onward) : exchange_(onward.exchange), onward_(onward) {}

  boost::asio::awaitable<void> run() {
    if (!reopen()) {
      auto opened = co_await open();
      if (!opened) co_return co_await fail(std::move(opened.error()));
    }
    auto begun = co_await begin();
    if (!begun) co_return co_await fail(std::move(begun.error()));
    if (whole_request_sent_) co_return co_await bring_back();
    std::optional<Fault> gone;
    try {
      co_await run_beside(bring_back(), carry_body());
    } catch (const ClientGone& client) {
      gone = client.fault;
    }
    if (gone && !answered_ && !exchange_.started()) co_await fail(Error(*gone, "the client's body ended early").with_code(std::string(kClientFault)));
  }

  // Whom it was sent to; empty when there was nobody.
  std::string_view target() const { return turn_ ? std::string_view(turn_->authority()) : std::string_view(); }

 private:
  // On a pooled connection of the target whose turn it is: the usual case, without waiting. No turn is lost: open() goes on
  // with the next target only when this one has none.
  bool reopen() {
    auto& pool = *onward_.journey.route.pool;
    if (pool.size() != 1) return false;
    auto turn = pool.turn();
    if (!turn) return false;
    turn_ = *std::move(turn);
    upstream_ = turn_->upstream().reopen(exchange_.executor());
    return upstream_ != nullptr;
  }

  // Another target is tried only while nothing has been sent: a request must not be carried out twice.
  Task<void> open() {
    auto& pool = *onward_.journey.route.pool;
    std::optional<Error> last;
    std::vector<const Target*> tried;
    for (std::size_t i = 0; i < pool.size(); ++i) {
      auto turn = pool.turn({.hash = 0, .tried = tried});
      if (!turn) co_return std::unexpected(last ? *std::move(last) : std::move(turn.error()));
      turn_ = *std::move(turn);
      tried.push_back(&*turn_);
      if (auto* notes = exchange_.notes()) ++notes->tries;
      auto opened = co_await turn_->upstream().open();
      if (opened) {
        upstream_ = *std::move(opened);
        co_return Result<void>();
      }
      turn_.failed(Mishap::connect);
      last = std::move(opened.error());
      exchange_.log().warn("gateway.upstream_failed", {{"upstream", pool.name()}, {"target", turn_->authority()}, {"why", last->message()}});
    }
    co_return std::unexpected(*std::move(last));
  }

  // The head, and with it the first piece of the body: a small request leaves in one write.
  Task<void> begin() {
    const auto& request = exchange_.request();
    auto head = upstream_->spare();
    const OnwardHead parts{request, onward_.journey, turn_->authority()};
    write_upstream_head(parts, head);
    whole_request_sent_ = !request.has_body;
    if (!request.has_body || !request.content_length)   // chunks are framed one by one
      co_return co_await upstream_->send_head(std::move(head), {}, request.has_body ? Body::follows : Body::ends);

    GH_CO_TRY(const auto first, co_await read_piece());
    sent_ = first.size();
    whole_request_sent_ = sent_ >= *request.content_length;
    if (whole_request_sent_) co_return co_await upstream_->send_head(std::move(head), first, Body::ends);
    // By itself: `first` dies with the next read, and what is sent with the head must live until the answer comes.
    GH_CO_DO(co_await upstream_->send_head(std::move(head), {}, Body::follows));
    co_return co_await upstream_->send_body(first, Body::follows);
  }

  Task<std::string_view> read_piece() {
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
      if (!length && piece.empty()) {
        auto trailers = answer_trailers(exchange_.trailers(), onward_.journey.snapshot.managed());
        GH_CO_DO(co_await upstream_->send_end(std::move(trailers)));
      } else if (!length) {
        GH_CO_DO(co_await upstream_->send_chunk(piece, Body::follows));
      } else if (!piece.empty()) {
        sent_ += piece.size();
        GH_CO_DO(co_await upstream_->send_body(piece, sent_ >= *length ? Body::ends : Body::follows));
      }
      if (piece.empty() || (length && sent_ >= *length)) break;
    }
    whole_request_sent_ = true;
    co_return Result<void>();
  }

  boost::asio::awaitable<void> bring_back() {
    auto brought = co_await bring_back_answer();
    if (brought) {
      turn_.answered(answer_->status);
      co_return;
    }
    co_await fail(std::move(brought.error()));
  }

  Task<void> bring_back_answer() {
    const auto method = exchange_.request().method;
    GH_CO_TRY(const Head* head, co_await upstream_->read_head(method));
    answer_ = head;
    if (auto* call = onward_.journey.call) call->application_says(head->status);
    if (auto* notes = exchange_.notes()) notes->upstream_head = net::Notes::now();
    // We never asked to switch protocols; who believes so would read the next request as tunnel bytes (CVE-2026-2833).
    if (head->status == 101) co_return failure(Fault::upstream, "the upstream switched protocols unasked");

    // An answer that overtakes its request: the rest of the body and the next request cannot be told apart reliably any more.
    if (!whole_request_sent_) exchange_.close_after();
    const bool small = head->framing == net::Framing::length && head->length <= kSmallAnswer && !comes_in_pieces(head->fields);
    std::string_view first;
    if (small && exchange_.relays()) {
      first = upstream_->at_hand().value_or("");
      if (first.size() == head->length) {
        answered_ = true;
        GH_CO_TRY(const bool whole, exchange_.relay(borrowed(*head, first)));
        if (whole_request_sent_) upstream_.reset();   // its connection serves the next request
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
      GH_CO_TRY(const auto piece, co_await upstream_->read_some());
      if (piece.empty()) break;
      reply.body.append(piece);
    }
    if (whole_request_sent_) upstream_.reset();   // its connection serves the next request while ours is still being written
    answered_ = true;
    co_return co_await exchange_.reply(std::move(reply));
  }

  Task<void> stream_answer(const Head& head, Reply reply) {
    const auto length = head.framing == net::Framing::length ? std::optional(head.length) : std::nullopt;
    answered_ = true;
    GH_CO_DO(co_await exchange_.start(std::move(reply), length));
    for (;;) {
      GH_CO_TRY(const auto piece, co_await upstream_->read_some());
      if (piece.empty()) break;
      GH_CO_DO(co_await exchange_.send(piece));
    }
    auto trailers = answer_trailers(upstream_->trailers(), onward_.journey.snapshot.managed());
    co_return co_await exchange_.finish(std::move(trailers));
  }

  boost::asio::awaitable<void> fail(Error error) {
    if (auto* notes = exchange_.notes()) notes->failed = error.message();
    if (turn_ && error.fault() == Fault::upstream) turn_.failed(error.code() == "timeout" ? Mishap::timeout : Mishap::cut);
    exchange_.log().warn("gateway.forward_failed", {{"route", onward_.journey.route.demand.route}, {"target", turn_ ? turn_->authority() : ""},
                                                    {"why", error.message()}, {"trail", error.trail()}});
    // Half an answer cannot be taken back; cutting the connection is how the client learns that it is not whole.
    exchange_.close_after();
    if (answered_ || exchange_.started()) co_return;
    auto page = upstream_fault_page(exchange_.request(), error);
    (void)co_await exchange_.reply(std::move(page));
  }

  Exchange& exchange_;
  const Onward& onward_;
  Turn turn_;
  std::unique_ptr<UpstreamExchange> upstream_;
  const Head* answer_ = nullptr;   // of upstream_
  std::uint64_t sent_ = 0;
  bool whole_request_sent_ = false, answered_ = false;
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
