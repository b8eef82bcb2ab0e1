#include "net/http2_stream.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstring>

#include "core/text.h"
#include "net/http2_session.h"

namespace gatehouse::net {

namespace asio = boost::asio;

Http2Wait::~Http2Wait() {
  if (slot_) loop_.deadlines->remove(*slot_);
}

asio::awaitable<void> Http2Wait::wait() {
  if (!timer_) timer_.emplace(loop_.executor);
  timer_->expires_at(asio::steady_timer::time_point::max());
  constexpr auto kAsTuple = asio::as_tuple(asio::use_awaitable);
  co_await timer_->async_wait(kAsTuple);
}

void Http2Wait::wake() {
  if (timer_) timer_->cancel();
}

void Http2Wait::arm(std::chrono::milliseconds after) {
  if (!slot_) slot_ = loop_.deadlines->add(*this);
  expired_ = false;
  armed_ = true;
  loop_.deadlines->arm(*slot_, after);
}

void Http2Wait::disarm() {
  if (std::exchange(armed_, false)) loop_.deadlines->disarm(*slot_);
}

void Http2Wait::on_deadline() {
  expired_ = true;
  armed_ = false;
  wake();
  if (on_expiry) on_expiry();
}

Http2Stream::Http2Stream(Http2Session& session, std::int32_t id)
    : session_(session), id_(id), work_(session.loop().take_workspace()),
      reader_(session.loop()), writer_(session.loop()), tail_(work_->out) {
  tail_.clear();
  writer_.on_expiry = [this] { session_.reset(*this, Http2Session::Reset::cancel); };
}

Http2Stream::~Http2Stream() {
  for (auto& chunk : chunks_) session_.loop().give_back(std::move(chunk.block));
  session_.loop().give_back(std::move(work_));
}

const Log& Http2Stream::log() const {
  if (!log_) log_ = session_.loop().shared->log.with("request", work_->request.id);
  return *log_;
}

Executor Http2Stream::executor() const { return session_.loop().executor; }

// ---- The request's body.

void Http2Stream::take(std::string_view data) {
  received_ += data.size();
  if (handled_ || received_ > session_.options().limits.body) {   // nobody will read it
    too_large_ = !handled_;
    session_.consume(*this, data.size());
    reader_.wake();
    return;
  }
  while (!data.empty()) {
    if (chunks_.empty() || chunks_.back().end == chunks_.back().block.size) chunks_.push_back({.block = session_.loop().take_block()});
    auto& chunk = chunks_.back();
    const auto size = std::min(data.size(), chunk.block.size - chunk.end);
    std::memcpy(chunk.block.data.get() + chunk.end, data.data(), size);
    chunk.end += size;
    data.remove_prefix(size);
  }
  moved();
  reader_.wake();
}

void Http2Stream::body_ended() {
  remote_ended_ = true;
  reader_.wake();
}

void Http2Stream::closed() {
  closed_ = true;
  writer_.disarm();
  reader_.wake();
  writer_.wake();
  if (watch_ != nullptr && answer_ != Answer::done) std::exchange(watch_, nullptr)->client_gone();
}

void Http2Stream::watch_client(ClientWatch* watch) {
  watch_ = watch;
  if (watch != nullptr && closed_) std::exchange(watch_, nullptr)->client_gone();
}

// What the reader has seen makes room in the window: not before, or a slow handler would have no back-pressure.
void Http2Stream::release_view() {
  if (view_ == 0) return;
  auto& chunk = chunks_.front();
  chunk.begin += view_;
  session_.consume(*this, std::exchange(view_, 0));
  if (chunk.begin < chunk.end) return;
  session_.loop().give_back(std::move(chunk.block));
  chunks_.erase(chunks_.begin());
}

void Http2Stream::drop_unread() {
  view_ = 0;
  for (auto& chunk : std::exchange(chunks_, {})) {
    session_.consume(*this, chunk.end - chunk.begin);
    session_.loop().give_back(std::move(chunk.block));
  }
}

std::string_view Http2Stream::next_piece() {
  if (chunks_.empty()) return {};
  const auto& chunk = chunks_.front();
  view_ = chunk.end - chunk.begin;
  return {chunk.block.data.get() + chunk.begin, view_};
}

std::unexpected<Error> Http2Stream::body_failed(int status, std::string_view why) {
  body_status_ = status;
  return failure(status == 400 ? Fault::invalid : Fault::limited, fmt::format("request body: {}", why));
}

std::chrono::milliseconds Http2Stream::read_patience() const {
  return tunnel_ ? session_.options().tunnel_timeout : session_.options().body_timeout;
}

void Http2Stream::moved() {
  if (waiting_ && tunnel_) reader_.arm(read_patience());
}

Task<std::string_view> Http2Stream::read_some() {
  if (body_status_ != 0) co_return failure(Fault::invalid, "request body: it cannot be read any more");
  release_view();
  if (work_->request.upgrade != Upgrade::none && !tunnel_) co_return std::string_view();   // what comes is of a tunnel, or nothing
  reader_.arm(read_patience());
  for (;;) {
    if (const auto piece = next_piece(); !piece.empty()) {
      reader_.disarm();
      co_return piece;
    }
    if (too_large_) co_return body_failed(413, "it is too large");
    if (remote_ended_) break;
    if (closed_) co_return body_failed(400, "the client went away before its end");
    if (reader_.expired()) {
      if (tunnel_) co_return failure(Fault::limited, "the tunnel was silent for too long");
      co_return body_failed(408, "it did not come in time");
    }
    if (std::exchange(continue_due_, false)) session_.submit_continue(*this);
    waiting_ = true;
    co_await reader_.wait();
    waiting_ = false;
  }
  reader_.disarm();
  co_return std::string_view();
}

// ---- The answer.

Result<void> Http2Stream::may_answer() const {
  if (answer_ != Answer::none) return failure(Fault::internal, "a request was answered twice");
  if (closed_) return failure(Fault::upstream, "the client went away");
  return {};
}

Task<void> Http2Stream::reply(Reply reply) {
  GH_CO_DO(may_answer());
  if (body_status_ != 0 && reply.status >= 400) reply.status = body_status_;   // what went wrong with the body is known best here
  reply_ = std::move(reply);
  std::optional<std::uint64_t> length = reply_.body.size();
  if (reply_.status == 204 || reply_.status == 304) length = std::nullopt;
  const bool has_body = length && *length > 0 && work_->request.method != Method::head;
  if (has_body) direct_ = reply_.body;
  ended_ = true;
  if (!session_.submit_head(*this, reply_.status, length, has_body)) {
    direct_ = {};
    ended_ = false;
    co_return failure(Fault::internal, "an answer that must not be sent");
  }
  answer_ = Answer::done;
  co_return Result<void>();
}

// Its body is copied: it leaves when the client's window and the socket let it.
Result<bool> Http2Stream::relay(const Borrowed& answer) {
  GH_DO(may_answer());
  const auto status = body_status_ != 0 && answer.status >= 400 ? body_status_ : answer.status;
  std::optional<std::uint64_t> length = answer.body.size();
  if (status == 204 || status == 304) length = std::nullopt;
  const bool has_body = length && *length > 0 && work_->request.method != Method::head;
  if (has_body) tail_.assign(answer.body);
  ended_ = true;
  if (!session_.submit_relayed_head(*this, status, answer, length, has_body)) {
    tail_.clear();
    ended_ = false;
    return failure(Fault::internal, "an answer that must not be sent");
  }
  answer_ = Answer::done;
  return true;
}

Task<void> Http2Stream::start(Reply head, std::optional<std::uint64_t> length) {
  GH_CO_DO(may_answer());
  if (body_status_ != 0 && head.status >= 400) head.status = body_status_;
  reply_ = std::move(head);
  head_only_ = work_->request.method == Method::head || reply_.status == 204 || reply_.status == 304;
  if (reply_.status == 204) length = std::nullopt;
  left_ = head_only_ ? std::optional<std::uint64_t>(0) : length;
  ended_ = left_ == 0U;
  if (!session_.submit_head(*this, reply_.status, length, !ended_)) {
    ended_ = false;
    co_return failure(Fault::internal, "an answer that must not be sent");
  }
  answer_ = Answer::open;
  co_return Result<void>();
}

Task<void> Http2Stream::start_tunnel(Reply head) {
  GH_CO_DO(may_answer());
  if (work_->request.upgrade == Upgrade::none) co_return failure(Fault::internal, "nobody asked for a tunnel");
  reply_ = std::move(head);
  reply_.status = 200;
  // RFC 8441 §5: the handshake of the stream has no key, and so no proof of having seen it.
  std::erase_if(reply_.headers, [](const auto& field) { return equal_ignoring_case(field.first, "sec-websocket-accept"); });
  if (!session_.submit_head(*this, reply_.status, std::nullopt, true)) co_return failure(Fault::internal, "an answer that must not be sent");
  answer_ = Answer::tunnel;
  tunnel_ = true;
  co_return Result<void>();
}

Task<void> Http2Stream::send(std::string_view piece) {
  if (answer_ != Answer::open && answer_ != Answer::tunnel) co_return failure(Fault::internal, "a piece of an answer that is not open");
  if (closed_) co_return failure(Fault::upstream, "the client went away");
  if (head_only_ || piece.empty()) co_return Result<void>();
  if (left_) {
    if (piece.size() > *left_) {
      session_.reset(*this, Http2Session::Reset::internal);
      co_return failure(Fault::internal, "an answer is longer than it said");
    }
    *left_ -= piece.size();
    ended_ = *left_ == 0;
  }
  moved();
  // A small piece is copied: its sender goes on, and it leaves together with what follows at once.
  if (direct_.empty() && tail_.size() - tail_sent_ + piece.size() <= kTailMax) {
    tail_.append(piece);
    session_.resume(*this);
    co_return Result<void>();
  }
  struct Lend {   // cancelled or not: after this call the piece is its owner's again
    std::string_view& direct;
    ~Lend() { direct = {}; }
  } const lend{direct_};
  direct_ = piece;
  session_.resume(*this);
  while (!direct_.empty() && !closed_) co_await writer_.wait();
  if (!direct_.empty()) co_return failure(Fault::upstream, "the client went away");
  co_return Result<void>();
}

Task<void> Http2Stream::finish(std::vector<std::pair<std::string, std::string>> trailers) {
  if (answer_ != Answer::open && answer_ != Answer::tunnel) co_return failure(Fault::internal, "the end of an answer that is not open");
  if (left_ && *left_ > 0) {
    session_.reset(*this, Http2Session::Reset::internal);
    co_return failure(Fault::internal, "an answer is shorter than it said");
  }
  const bool sent = answer_ == Answer::open && std::exchange(ended_, true);   // with the last byte of a known length
  ended_ = true;
  answer_ = Answer::done;
  if (closed_ && !sent) co_return failure(Fault::upstream, "the client went away");
  if (sent) co_return Result<void>();
  last_fields_ = std::move(trailers);
  session_.resume(*this);
  co_return Result<void>();
}

// Takes from what is to be sent, in order. The session asks for no more than unsent().
void Http2Stream::copy_unsent(char* to, std::size_t size) {
  const auto from_tail = std::min(size, tail_.size() - tail_sent_);
  if (from_tail > 0) {
    std::memcpy(to, tail_.data() + tail_sent_, from_tail);
    tail_sent_ += from_tail;
    if (tail_sent_ == tail_.size()) {
      tail_.clear();
      tail_sent_ = 0;
    }
  }
  if (size > from_tail) {
    std::memcpy(to + from_tail, direct_.data(), size - from_tail);
    direct_.remove_prefix(size - from_tail);
    if (direct_.empty()) writer_.wake();
  }
  if (unsent() == 0) writer_.disarm();
  else writer_.arm(session_.options().write_timeout);
}

}  // namespace gatehouse::net
