#include "net/http2_client_exchange.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/this_coro.hpp>
#include <charconv>

#include "core/text.h"
#include "net/websocket.h"

namespace gatehouse::net {

namespace asio = boost::asio;

namespace {

constexpr int kTriesMax = 3;
// Of this connection, not of the message (RFC 9113 §8.2.2).
bool is_hop_field(Header id) {
  switch (id) {
    case Header::connection: case Header::keep_alive: case Header::proxy_connection: case Header::transfer_encoding:
    case Header::upgrade: case Header::host: case Header::expect: case Header::trailer:
      return true;
    default:
      return false;
  }
}

bool is_idempotent(Method method) {
  return method == Method::get || method == Method::head || method == Method::put || method == Method::delete_ || method == Method::options;
}

// "name: value" into the list, or into what the pseudo header fields are made of.
Result<void> add_line(std::string_view line, Http2HeaderList& list, std::string& authority, std::string& websocket_key, bool& upgrades) {
  const auto colon = line.find(": ");
  if (colon == 0 || colon == std::string_view::npos) return failure(Fault::internal, "upstream head: a line is not a header field");
  const auto name = line.substr(0, colon), value = line.substr(colon + 2);
  const auto id = header_of(name);
  if (id == Header::host) authority = value;
  if (id == Header::upgrade && equal_ignoring_case(value, "websocket")) upgrades = true;
  if (is_hop_field(id)) return {};
  if (id == Header::te) {   // RFC 9113 §8.2.2: nothing but "trailers"
    if (value == "trailers") list.emplace_back("te", "trailers");
    return {};
  }
  auto lower = to_lower(name);
  if (lower == "sec-websocket-key") {
    websocket_key = value;
    return {};
  }
  list.emplace_back(std::move(lower), std::string(value));
  return {};
}

std::string_view name_of_error(std::uint32_t error) { return nghttp2_http2_strerror(error); }

}  // namespace

Result<Http2HeaderList> http2_request_of(std::string_view head, std::string_view scheme, std::string& websocket_key) {
  websocket_key.clear();
  const auto end = head.find("\r\n");
  const auto line = head.substr(0, end);
  const auto space = line.find(' ');
  if (end == std::string_view::npos || space == std::string_view::npos || !line.ends_with(" HTTP/1.1") || !head.ends_with("\r\n\r\n"))
    return failure(Fault::internal, "upstream head: not a request head");
  Http2HeaderList list(4);
  bool upgrades = false;
  std::string authority, key;
  for (auto rest = head.substr(end + 2); rest != "\r\n";) {
    const auto next = rest.find("\r\n");
    if (next == std::string_view::npos || next == 0) return failure(Fault::internal, "upstream head: not a request head");
    GH_DO(add_line(rest.substr(0, next), list, authority, key, upgrades));
    rest.remove_prefix(next + 2);
  }
  list[0] = {":method", std::string(line.substr(0, space))};
  list[1] = {":scheme", std::string(scheme)};
  list[2] = {":authority", std::move(authority)};
  list[3] = {":path", std::string(line.substr(space + 1, line.size() - space - 1 - 9))};
  if (!upgrades) return list;
  websocket_key = key;
  list[0].second = "CONNECT";
  list.insert(list.begin() + 4, std::pair<std::string, std::string>(":protocol", "websocket"));
  return list;
}

Http2Exchange::Http2Exchange(std::shared_ptr<const Http2Target> peer, const Executor& loop) : peer_(std::move(peer)), loop_(loop) {}

Http2Exchange::~Http2Exchange() {
  let_go();
  ConnectionPool::of(loop_).leave(peer_->peer->lane);
}

void Http2Exchange::let_go() {
  if (stream_ && session_) session_->drop(*stream_);
  stream_.reset();
  session_.reset();
}

Task<std::unique_ptr<UpstreamExchange>> Http2Exchange::open(std::shared_ptr<const Http2Target> peer, SteadyTime until) {
  const auto loop = co_await asio::this_coro::executor;
  auto found = co_await Http2ClientPool::of(loop).find(peer, std::min(until, steady_now() + peer->peer->connect_timeout));
  if (found && !found->session) co_return co_await PeerExchange::open(peer->peer, until);
  count(peer->peer->counters->exchanges);
  if (!found) {
    count(peer->peer->counters->failures);
    co_return std::unexpected(std::move(found.error()));
  }
  if (!ConnectionPool::of(loop).enter(peer->peer->lane, peer->peer->pool))
    co_return failure(Fault::limited, peer_name(peer->peer->url) + ": too many exchanges at once with this peer");
  auto exchange = std::make_unique<Http2Exchange>(peer, loop);
  exchange->limits_.until = until;
  exchange->fresh_ = found->fresh;
  exchange->session_ = std::move(found->session);
  if (!exchange->fresh_) count(peer->peer->counters->reuses);
  co_return exchange;
}

std::unexpected<Error> Http2Exchange::broken(std::string_view what, bool timeout) {
  count(peer_->peer->counters->failures);
  if (timeout) return peer_failure(peer_->peer->url, "took too long: it " + std::string(what) + " in time", asio::error::timed_out);
  return peer_failure(peer_->peer->url, what, {});
}

std::unexpected<Error> Http2Exchange::closed_early(std::string_view what) {
  if (!stream_->flaw.empty()) return broken(fmt::format("sent an answer that {}", stream_->flaw));
  if (!stream_->why.empty()) return broken(fmt::format("{}: it {}", what, stream_->why));
  return broken(fmt::format("{}: {}", what, name_of_error(stream_->error)));
}

// Another connection is looked for when ours cannot take the request any more.
Task<void> Http2Exchange::begin() {
  ++tries_;
  if (!session_ || !session_->takes_stream()) {
    let_go();
    const auto until = std::min(limits_.until, steady_now() + peer_->peer->connect_timeout);
    GH_CO_TRY(auto found, co_await Http2ClientPool::of(loop_).find(peer_, until));
    if (!found.session) co_return broken("does not speak HTTP/2 any more");
    session_ = std::move(found.session);
    fresh_ = found.fresh;
  }
  if (aborted_) co_return broken("is not asked any more");
  if (!websocket_key_.empty() && !session_->takes_websocket()) co_return broken("takes no WebSocket over HTTP/2");
  stream_ = std::make_unique<Http2ClientStream>(loop_);
  stream_->out = first_;
  stream_->out_ends = whole_;
  auto begun = session_->submit(*stream_, list_, whole_ && first_.empty());
  if (!begun) co_return broken(begun.error().message());
  co_return Result<void>();
}

Task<void> Http2Exchange::send_head(std::string head, std::string_view first, Body body) {
  GH_CO_TRY(list_, http2_request_of(head, peer_->peer->url.tls ? "https" : "http", websocket_key_));
  accept_ = websocket_key_.empty() ? std::string() : websocket_accept(websocket_key_);
  whole_ = body == Body::ends && websocket_key_.empty();   // a tunnel stays open in our direction
  if (whole_) first_ = first;
  GH_CO_DO(co_await begin());
  if (!whole_ && !first.empty()) co_return co_await push(first, body);
  co_return Result<void>();
}

Task<void> Http2Exchange::push(std::string_view bytes, Body body) {
  if (!stream_) co_return broken("is not connected");
  struct Lent {   // the bytes are the caller's: when this wait is given up, nobody may look at them any more
    Http2ClientStream& stream;
    ~Lent() { stream.out = {}; }
  } const lent{*stream_};
  stream_->out = bytes;
  if (body == Body::ends) stream_->out_ends = true;
  session_->resume(*stream_);
  stream_->moved = steady_now();
  while (!stream_->out.empty() && !stream_->closed) {
    const auto until = std::min(limits_.until, stream_->moved + peer_->peer->write_timeout);
    if (steady_now() >= until) co_return broken("did not take the request", true);
    co_await stream_->writable.until(until);
  }
  if (!stream_->out.empty()) co_return closed_early("did not take the request");
  co_return Result<void>();
}

Task<void> Http2Exchange::send_end(std::vector<std::pair<std::string, std::string>> trailers) {
  if (!stream_) co_return broken("is not connected");
  for (auto& [name, value] : trailers) stream_->out_trailers.emplace_back(to_lower(name), std::move(value));
  co_return co_await push({}, Body::ends);
}

Task<void> Http2Exchange::end_raw() { return push({}, Body::ends); }

// RFC 9113 §8.7: REFUSED_STREAM says that nothing was done with the request. A connection that breaks says nothing, so
// then only what may be done twice is sent again, and only when the connection had been idle.
bool Http2Exchange::may_begin_again(Method to) const {
  if (!whole_ || tries_ >= kTriesMax || stream_->answered() || !stream_->flaw.empty()) return false;
  if (stream_->error == NGHTTP2_REFUSED_STREAM && stream_->why.empty()) return true;
  return session_->dead() && !fresh_ && is_idempotent(to);
}

Task<void> Http2Exchange::begin_again() {
  count(peer_->peer->counters->retries);
  untouched_ = untouched();
  session_->drop(*stream_);
  stream_.reset();
  co_return co_await begin();
}

Task<const Head*> Http2Exchange::read_head(Method to) {
  for (;;) {
    if (!stream_) co_return broken("is not connected");
    if (stream_->head_done) break;
    if (stream_->closed) {
      if (!may_begin_again(to)) co_return closed_early("gave no answer");
      GH_CO_DO(co_await begin_again());
      continue;
    }
    const auto until = std::min(limits_.until, stream_->moved + patience_or(limits_.first_byte));
    if (steady_now() >= until) co_return broken("did not answer", true);
    co_await stream_->readable.until(until);
  }
  GH_CO_DO(fill_head(to));
  co_return &head_;
}

Result<void> Http2Exchange::fill_head(Method to) {
  head_.clear();
  head_.status = stream_->status;
  const auto& fields = stream_->head;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    Field field{.name = fields.name(i), .value = trim(fields.value(i)), .id = header_of(fields.name(i))};
    if (!head_.fields.add(field)) return broken("sent an answer that has a head that is too large");
  }
  if (!websocket_key_.empty() && head_.status == 200) {   // RFC 8441 §5: what 101 is to HTTP/1.1
    head_.status = 101;
    const bool room = head_.fields.add({.name = "upgrade", .value = "websocket", .id = Header::upgrade}) &&
                      head_.fields.add({.name = "connection", .value = "upgrade", .id = Header::connection}) &&
                      head_.fields.add({.name = "sec-websocket-accept", .value = accept_});
    if (!room) return broken("sent an answer that has a head that is too large");
    return {};
  }
  if (to == Method::head || head_.status == 204 || head_.status == 304 || (stream_->ended && stream_->in.empty() && stream_->late.size() == 0)) return {};
  head_.framing = Framing::chunked;   // of unknown length
  if (const auto text = head_.fields.only(Header::content_length)) {
    const auto [rest, code] = std::from_chars(text->data(), text->data() + text->size(), head_.length);
    if (code != std::errc() || rest != text->data() + text->size()) return broken("sent an answer that has a malformed content-length");
    head_.framing = head_.length == 0 ? Framing::none : Framing::length;
  }
  return {};
}

Task<std::string_view> Http2Exchange::read_some() {
  if (!stream_ || !stream_->head_done) co_return broken("was not asked for its head first");
  GH_CO_TRY(const auto piece, co_await take(Patience::read_timeout));
  if (piece.empty() && trailers_.empty())
    for (std::size_t i = 0; i < stream_->late.size(); ++i) trailers_.emplace_back(stream_->late.name(i), stream_->late.value(i));
  co_return piece;
}

Task<std::string_view> Http2Exchange::take(Patience patience) {
  if (!stream_) co_return broken("is not connected");
  session_->took(*stream_, std::exchange(piece_, std::string()).size());
  while (stream_->in.empty()) {
    if (stream_->ended) co_return std::string_view();
    if (stream_->closed) co_return closed_early("did not send the rest of its answer");
    const auto until = patience == Patience::endless ? limits_.until : std::min(limits_.until, stream_->moved + patience_or(limits_.idle));
    if (steady_now() >= until) co_return broken("did not send the rest of its answer", true);
    co_await stream_->readable.until(until);
  }
  piece_.swap(stream_->in);
  co_return std::string_view(piece_);
}

void Http2Exchange::limit(const ExchangeLimits& limits) {
  limits_ = limits;
  if (stream_) stream_->readable.wake();   // who waits already looks at the clock again
}

std::chrono::milliseconds Http2Exchange::patience_or(std::chrono::milliseconds own) const {
  return own.count() > 0 ? own : peer_->peer->read_timeout;
}

// A connection that breaks says nothing of what was done before.
bool Http2Exchange::untouched() const {
  if (!stream_) return untouched_;
  return stream_->closed && stream_->error == NGHTTP2_REFUSED_STREAM && stream_->why.empty() && !stream_->answered();
}

void Http2Exchange::abort() {
  aborted_ = true;
  if (!stream_ || stream_->closed) return;
  session_->give_up(*stream_);
}

}  // namespace gatehouse::net
