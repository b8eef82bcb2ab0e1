#include "net/peer_exchange.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/error.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/this_coro.hpp>
#include <limits>

namespace gatehouse::net {

namespace asio = boost::asio;

namespace {

constexpr std::chrono::hours kTunnelRead{24 * 30};   // who holds the tunnel has the deadlines
constexpr int kInterimAnswersMax = 16;   // 1xx before the final answer

// Bodies stream, so their length is the caller's business.
constexpr HttpLimits kAnswerLimits{.body = std::numeric_limits<std::uint64_t>::max()};
static_assert(kAnswerLimits.head + 8 * 1024 <= ClientConnection::kRoom);

bool is_idempotent(Method method) {
  switch (method) {
    case Method::get:
    case Method::head:
    case Method::put:
    case Method::delete_:
    case Method::options:
    case Method::trace: return true;
    case Method::post:
    case Method::patch:
    case Method::connect:
    case Method::other: return false;
  }
  std::unreachable();
}

}  // namespace

PeerExchange::PeerExchange(std::shared_ptr<const Peer> peer, ConnectionPool& pool, SteadyTime until)
    : peer_(std::move(peer)), pool_(pool), until_(until), first_byte_(peer_->read_timeout), idle_(peer_->read_timeout) {}

Task<std::unique_ptr<UpstreamExchange>> PeerExchange::open(std::shared_ptr<const Peer> peer, SteadyTime until, Address client) {
  const auto loop = co_await asio::this_coro::executor;
  auto& pool = ConnectionPool::of(loop);
  count(peer->counters->exchanges);
  if (!pool.enter(peer->lane, peer->pool))
    co_return failure(Fault::limited, peer_name(peer->url) + ": too many exchanges at once with this peer");
  auto exchange = std::make_unique<PeerExchange>(std::move(peer), pool, until);
  exchange->client_ = std::move(client);
  exchange->connection_ = pool.take(exchange->peer_->lane, exchange->peer_->pool);
  if (exchange->connection_) {
    exchange->pooled_ = true;
    exchange->connection_->limit_total(until);
    count(exchange->peer_->counters->reuses);
  } else {
    GH_CO_DO(co_await exchange->connect());
  }
  co_return exchange;
}

std::unique_ptr<UpstreamExchange> PeerExchange::reopen(std::shared_ptr<const Peer> peer, const Executor& loop) {
  auto& pool = ConnectionPool::of(loop);
  auto connection = pool.take(peer->lane, peer->pool);
  if (!connection) return nullptr;
  if (!pool.enter(peer->lane, peer->pool)) {
    pool.give(peer->lane, peer->pool, std::move(connection));
    return nullptr;
  }
  count(peer->counters->exchanges);
  count(peer->counters->reuses);
  auto exchange = std::make_unique<PeerExchange>(std::move(peer), pool, SteadyTime::max());
  exchange->connection_ = std::move(connection);
  exchange->pooled_ = true;
  return exchange;
}

PeerExchange::~PeerExchange() {
  pool_.leave(peer_->lane);
  if (!connection_) return;
  if (!clean() || peer_->proxy_protocol != ProxyProtocol::none) {
    drop();
    return;
  }
  connection_->rewind();
  connection_->limit_total(SteadyTime::max());
  pool_.give(peer_->lane, peer_->pool, std::move(connection_));
}

bool PeerExchange::clean() const {
  const auto& head = connection_->head;
  return answered_ && complete_ && !broken_ && decoder_.done() && head.keep_alive && head.framing != Framing::until_close &&
         head.status != 101 && connection_->unread().empty() && !connection_->has_hidden_bytes() && !connection_->expired();
}

void PeerExchange::drop() {
  if (!connection_) return;
  pool_.unwatch(*connection_);
  connection_.reset();
}

std::unexpected<Error> PeerExchange::broken(std::string_view what, Errc code) {
  broken_ = true;
  count(peer_->counters->failures);
  if (code == asio::error::timed_out) return peer_failure(peer_->url, "took too long: it " + std::string(what) + " in time", code);
  return peer_failure(peer_->url, code ? fmt::format("{}: {}", what, code.message()) : what, code);
}

Task<void> PeerExchange::connect() {
  const auto until = std::min(until_, steady_now() + peer_->connect_timeout);
  Preamble preamble{peer_->proxy_protocol, client_};
  auto connection = co_await peer_->connector->connect(peer_->url, until, peer_->counters.get(), std::move(preamble));
  if (!connection) {
    if (connection.error().fault() == Fault::upstream) count(peer_->counters->failures);
    co_return std::unexpected(std::move(connection.error()));
  }
  connection_ = *std::move(connection);
  connection_->limit_total(until_);
  co_return Result<void>();
}

std::string PeerExchange::spare() {
  if (!connection_) return {};
  connection_->out.clear();
  return std::move(connection_->out);
}

ClientConnection::Pieces PeerExchange::request() const {
  ClientConnection::Pieces pieces;
  pieces[0] = connection_->out;
  pieces[1] = first_;
  return pieces;
}

Task<void> PeerExchange::send_head(std::string head, std::string_view first, Body body) {
  if (!connection_) co_return broken("is not connected");
  connection_->out = std::move(head);
  first_ = first;
  complete_ = body == Body::ends;
  auto pieces = request();
  auto written = connection_->write_now(pieces);
  const auto code = written ? *written : co_await connection_->write(pieces, peer_->write_timeout);
  untouched_ = connection_->written() == 0;
  if (!code) co_return Result<void>();
  if (pooled_ && connection_->written() == 0 && code != asio::error::timed_out) co_return co_await send_again();
  co_return broken("did not take the request", code);
}

Task<void> PeerExchange::send_again() {
  auto head = std::move(connection_->out);
  drop();
  pooled_ = false;
  count(peer_->counters->retries);
  GH_CO_DO(co_await connect());
  if (broken_) co_return broken("is not asked any more");   // aborted meanwhile
  connection_->out = std::move(head);
  auto pieces = request();
  auto written = connection_->write_now(pieces);
  const auto code = written ? *written : co_await connection_->write(pieces, peer_->write_timeout);
  untouched_ = untouched_ && connection_->written() == 0;
  if (code) co_return broken("did not take the request", code);
  co_return Result<void>();
}

Task<void> PeerExchange::send_pieces(ClientConnection::Pieces pieces, Body body) {
  if (!connection_) co_return broken("is not connected");
  // A long upload is not silence: whoever waits for the answer goes on waiting.
  connection_->keep_reading_alive(first_byte_);
  auto written = connection_->write_now(pieces);
  const auto code = written ? *written : co_await connection_->write(pieces, peer_->write_timeout);
  if (code) co_return broken("did not take the request", code);
  connection_->keep_reading_alive(first_byte_);
  if (body == Body::ends) complete_ = true;
  co_return Result<void>();
}

Task<void> PeerExchange::send_body(std::string_view bytes, Body body) {
  ClientConnection::Pieces pieces;
  pieces[0] = bytes;
  return send_pieces(pieces, body);
}

Task<void> PeerExchange::send_chunk(std::string_view data, Body body) {
  std::array<char, 2 + 2 * sizeof(std::size_t)> line;
  const auto size = static_cast<std::size_t>(fmt::format_to(line.data(), "{:x}\r\n", data.size()) - line.data());
  ClientConnection::Pieces pieces;
  if (!data.empty()) {   // an empty chunk would be the last one
    pieces[0] = std::string_view(line.data(), size);
    pieces[1] = data;
    pieces[2] = "\r\n";
  }
  if (body == Body::ends) pieces[3] = "0\r\n\r\n";
  co_return co_await send_pieces(pieces, body);
}

Task<void> PeerExchange::send_end(std::vector<std::pair<std::string, std::string>> trailers) {
  std::string end = "0\r\n";
  for (const auto& [name, value] : trailers) end.append(name).append(": ").append(value).append("\r\n");
  end.append("\r\n");
  ClientConnection::Pieces pieces;
  pieces[0] = end;
  co_return co_await send_pieces(pieces, Body::ends);
}

// The peer closed the connection while it was idle, and we saw it only now.
bool PeerExchange::stale(Errc code) const {
  const bool closed = code == asio::error::eof || code == asio::error::connection_reset || code == asio::error::broken_pipe ||
                      code == asio::ssl::error::stream_truncated;
  return closed && pooled_ && complete_;
}

Task<const Head*> PeerExchange::read_head(Method to) {
  std::size_t scanned = 0;
  int interim = 0;
  bool hungry = true;   // what is unread is not a whole head
  for (;;) {
    if (!connection_) co_return broken("is not connected");
    if (hungry) {
      const auto code = co_await connection_->fill(first_byte_);
      if (code && stale(code) && is_idempotent(to)) {
        GH_CO_DO(co_await send_again());
        continue;
      }
      if (code == asio::error::timed_out) co_return broken("did not answer", code);
      if (code) co_return broken("closed the connection without an answer", code);
      pooled_ = false;
    }
    auto& head = connection_->head;
    const auto found = parse_response_head(connection_->unread(), kAnswerLimits, to, scanned, head);
    if (!found) co_return broken(fmt::format("sent an answer that is not valid HTTP: {}", found.error().why));
    hungry = !*found;
    if (hungry) continue;
    connection_->consume(head.bytes);
    if (head.status >= 200 || head.status == 101) break;
    if (++interim > kInterimAnswersMax) co_return broken("sent too many interim answers");
    scanned = 0;
    hungry = connection_->unread().empty();
  }
  answered_ = true;
  connection_->pin();
  decoder_ = BodyDecoder(connection_->head.framing, connection_->head.length, kAnswerLimits);
  co_return &connection_->head;
}

Task<std::string_view> PeerExchange::read_some() {
  if (!answered_) co_return broken("was not asked for its head first");
  bool starved = false;   // what is unread is not enough for a step
  while (!decoder_.done()) {
    if (starved || connection_->unread().empty()) {
      const bool ends_by_closing = connection_->head.framing == Framing::until_close;
      const auto code = co_await connection_->fill(idle_, ends_by_closing);
      if (code == asio::error::eof && decoder_.end_of_stream()) break;
      if (code == asio::error::timed_out) co_return broken("did not send the rest of its answer", code);
      if (code) co_return broken("closed the connection in the middle of its answer", code);
    }
    const auto step = decoder_.feed(connection_->unread());
    if (!step) co_return broken(fmt::format("sent a body that is not valid HTTP: {}", step.error().why));
    connection_->consume(step->consumed);
    if (!step->piece.empty()) co_return step->piece;
    starved = step->consumed == 0;
  }
  co_return std::string_view();
}

std::optional<std::string_view> PeerExchange::at_hand() {
  if (!answered_ || !connection_) return std::nullopt;
  if (decoder_.done()) return std::string_view();
  // Other framings may consume bytes without yielding a piece.
  if (connection_->head.framing != Framing::length || connection_->unread().empty()) return std::nullopt;
  const auto step = decoder_.feed(connection_->unread());
  if (!step) return std::nullopt;
  connection_->consume(step->consumed);
  return step->piece;
}

Task<std::string_view> PeerExchange::read_raw() {
  if (!connection_) co_return broken("is not connected");
  if (connection_->unread().empty()) {
    const auto code = co_await connection_->fill(kTunnelRead);
    if (code == asio::error::eof) co_return std::string_view();
    if (code) co_return broken("stopped sending", code);
  }
  const auto bytes = connection_->unread();
  connection_->consume(bytes.size());
  co_return bytes;
}

Task<void> PeerExchange::end_raw() {
  if (!connection_) co_return broken("is not connected");
  broken_ = true;   // for any other exchange
  connection_->end();
  co_return Result<void>();
}

void PeerExchange::limit(const ExchangeLimits& limits) {
  until_ = limits.until;
  first_byte_ = limits.first_byte.count() > 0 ? limits.first_byte : peer_->read_timeout;
  idle_ = limits.idle.count() > 0 ? limits.idle : peer_->read_timeout;
  if (connection_) connection_->limit_total(until_);
}

void PeerExchange::abort() {
  broken_ = true;
  if (connection_) connection_->expire();
}

}  // namespace gatehouse::net
