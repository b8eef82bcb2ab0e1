// Reading half: from bytes to requests and bodies, and the life of a connection. The answers: answer.cpp.
#include "net/connection.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace gatehouse::net {

namespace asio = boost::asio;

namespace {
constexpr std::uint64_t kDrainMax = 64 * 1024;            // unread body that is worth reading to keep the connection
constexpr std::uint64_t kLingerMax = 256 * 1024;          // what a refused client may still send before it reads our answer
constexpr std::chrono::milliseconds kLinger{1000};
constexpr int kLookGapMax = 40;                           // ticks
constexpr std::string_view kHttp2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
}  // namespace

Connection::Connection(LoopState& loop, Stream::Socket socket, Address peer)
    : loop_(loop), options_(loop.shared->options), stream_(std::move(socket)), slot_(loop.deadlines->add(*this)) {
  arrival_ = {.tls = loop.shared->tls != nullptr, .peer = std::move(peer), .trusted = &loop.shared->trusted};
}

Connection::~Connection() {
  loop_.deadlines->remove(slot_);
  if (work_) loop_.give_back(std::move(work_));
  loop_.give_back(std::move(large_));
  loop_.give_back(std::move(body_block_));
}

void Connection::on_deadline() {
  timed_out_ = true;
  stream_.cancel();
}

void Connection::on_stop() {
  if (wait_ == Wait::idle) stream_.cancel();
}

void Connection::on_kill() {
  if (std::exchange(killed_, true)) return;
  broken_ = true;
  stream_.close();
  if (watch_ != nullptr) std::exchange(watch_, nullptr)->client_gone();
}

void Connection::watch_client(ClientWatch* watch) {
  watch_ = watch;
  if (watch == nullptr) return;
  look_gap_ = kLookAfterTicks;
  loop_.deadlines->look_later(slot_);
}

// While a handler waits for somebody else, nobody would notice that the client has gone. It is looked after less and less
// often: what is answered soon costs nothing, and what takes long costs a system call each second.
void Connection::on_look() {
  if (watch_ == nullptr || reading_) stream_.look();
  if (watch_ == nullptr) return;
  if (!reading_ && !writing_) {
    const auto peer = stream_.peer();
    const bool pipelined = begin_ != end_ || body_begin_ != body_end_;   // it waits for more than this answer
    if (peer == Stream::Peer::broken || (peer == Stream::Peer::ended && !pipelined)) {
      broken_ = true;
      stream_.close();
      return std::exchange(watch_, nullptr)->client_gone();
    }
  }
  look_gap_ = std::min(2 * look_gap_, kLookGapMax);
  loop_.deadlines->look_after(slot_, look_gap_);
}

const Log& Connection::log() const {
  if (!log_) log_ = loop_.shared->log.with("request", work_->request.id);
  return *log_;
}

asio::awaitable<void> Connection::run() {
  if (loop_.shared->tls) {
    loop_.deadlines->arm(slot_, options_.handshake_timeout);
    auto identities = loop_.shared->tls->current();
    const bool fine = co_await stream_.handshake(std::move(identities));
    loop_.deadlines->disarm(slot_);
    if (!fine || timed_out_) co_return;
    if (options_.tls->asks_clients()) arrival_.client_certificate = stream_.client_certificate();
    if ((http2_ = stream_.speaks_http2())) co_return;
  }
  while (co_await read_head()) {
    begin_exchange();
    co_await loop_.shared->handler.handle(*this);
    if (!at_its_end() && !co_await finish_exchange()) break;
    first_ = false;
  }
  if (!broken_ && !http2_) stream_.end();
}

// RFC 9113 §3.4: its preface comes first. Over TLS only ALPN decides.
bool Connection::may_be_http2() const {
  const auto size = std::min(kHttp2Preface.size(), end_ - begin_);
  return first_ && options_.http2.enabled && !stream_.tls() && waiting().substr(0, size) == kHttp2Preface.substr(0, size);
}

void Connection::begin_exchange() {
  const auto& head = work_->head;
  body_ = BodyDecoder(head.framing, head.length, options_.limits);
  keep_alive_ = head.keep_alive && !loop_.shared->stopping;
  continue_due_ = head.expects_continue;
  head_only_ = work_->request.method == Method::head;
  answer_ = Answer::none;
  body_status_ = 0;
  unread_ = held_ = false;
  log_.reset();
}

// True when nothing is left to do before the next request; finish_exchange() does what there is.
bool Connection::at_its_end() {
  if (answer_ != Answer::done || broken_ || !keep_alive_ || !body_.done()) return false;
  keep_rest();
  return true;
}

// Frees what an idle connection does not need; what was read ahead stays.
void Connection::rest() {
  if (begin_ != end_) return;
  begin_ = end_ = 0;
  if (large_.data) {
    loop_.give_back(std::exchange(large_, Block{}));
    data_ = small_;
    capacity_ = kSmall;
  }
  if (body_block_.data) loop_.give_back(std::exchange(body_block_, Block{}));
  if (work_) loop_.give_back(std::move(work_));
}

bool Connection::make_room() {
  if (end_ < capacity_) return true;
  if (begin_ > 0) {
    std::memmove(data_, data_ + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
    return true;
  }
  if (large_.data) return false;
  large_ = loop_.take_block();
  std::memcpy(large_.data.get(), data_, end_);
  data_ = large_.data.get();
  capacity_ = large_.size;
  return true;
}

// True: work_->request stands. False: more bytes are needed.
std::expected<bool, Refusal> Connection::take_head() {
  if (begin_ == end_) return false;
  if (may_be_http2()) {
    http2_ = end_ - begin_ >= kHttp2Preface.size();
    return false;
  }
  if (!work_) work_ = loop_.take_workspace();
  auto done = parse_request_head(waiting(), options_.limits, scanned_, work_->head);
  if (!done || !*done) return done;
  begin_ += work_->head.bytes;
  if (auto fine = make_request(work_->head, arrival_, work_->target, work_->request); !fine) return std::unexpected(fine.error());
  loop_.new_request_id(work_->request.id);
  return true;
}

// The deadline of a head runs from its first byte, however many pieces it comes in; before that the idle timeout runs
// (for the first request of a connection the head timeout: who connects has something to say).
asio::awaitable<bool> Connection::read_head() {
  scanned_ = 0;
  timed_out_ = false;
  bool armed = false;
  for (;;) {
    auto done = take_head();
    if (!done || *done) loop_.deadlines->disarm(slot_);
    if (!done) {
      co_await refuse(done.error());
      co_return false;
    }
    if (*done) co_return true;
    if (http2_) {
      loop_.deadlines->disarm(slot_);
      co_return false;
    }
    rest();
    const bool idle = begin_ == end_;
    if (idle && loop_.deadlines->told()) co_return false;
    if (idle) loop_.deadlines->arm(slot_, first_ ? options_.head_timeout : options_.idle_timeout);
    else if (!std::exchange(armed, true)) loop_.deadlines->arm(slot_, options_.head_timeout);
    const bool room = make_room();
    wait_ = idle ? Wait::idle : Wait::busy;
    std::size_t bytes = 0;
    if (room && !killed_) {   // as fill() does, with a frame less: every request comes by here
      loop_.deadlines->look_later(slot_);
      const auto got = co_await stream_.read(data_ + end_, capacity_ - end_);
      bytes = got.io == Io::ok ? got.bytes : 0;
    }
    wait_ = Wait::busy;
    end_ += bytes;
    if (bytes > 0 && !timed_out_) continue;
    loop_.deadlines->disarm(slot_);
    if (!idle && (timed_out_ || !room)) {
      const Refusal refusal{.status = timed_out_ ? 408 : 431, .why = timed_out_ ? "the head did not come in time" : "the head is too large"};
      co_await refuse(refusal);
    }
    co_return false;
  }
}

// 0: the end, an error, or cancelled.
asio::awaitable<std::size_t> Connection::fill(char* to, std::size_t size) {
  if (killed_) co_return 0;
  loop_.deadlines->look_later(slot_);
  reading_ = true;
  const auto got = co_await stream_.read(to, size);
  reading_ = false;
  co_return got.io == Io::ok ? got.bytes : 0;
}

asio::awaitable<std::size_t> Connection::fill_body() {
  if (!body_block_.data) body_block_ = loop_.take_block();
  auto room = body_block_.size;
  // A body of known length is read to its end and not beyond: nothing has to be carried over.
  if (work_->head.framing == Framing::length) room = std::min<std::uint64_t>(room, work_->head.length - body_.received());
  body_begin_ = body_end_ = 0;
  timed_out_ = false;
  loop_.deadlines->arm(slot_, tunnels() ? options_.tunnel_timeout : options_.body_timeout);
  const auto bytes = co_await fill(body_block_.data.get(), room);
  loop_.deadlines->disarm(slot_);
  body_end_ = timed_out_ ? 0 : bytes;
  co_return body_end_;
}

std::unexpected<Error> Connection::body_failed(int status, std::string_view why) {
  body_status_ = status;
  keep_alive_ = false;
  unread_ = true;
  return failure(status == 400 ? Fault::invalid : Fault::limited, fmt::format("request body: {}", why));
}

Task<std::string_view> Connection::read_some() {
  if (body_status_ != 0) co_return failure(Fault::invalid, "request body: it cannot be read any more");
  for (;;) {
    if (body_.done() && !tunnels()) co_return std::string_view();
    const bool in_head_buffer = begin_ < end_;
    if (!in_head_buffer && body_begin_ == body_end_) {
      if (std::exchange(continue_due_, false)) {
        const std::array<std::string_view, 3> go{"HTTP/1.1 100 Continue\r\n\r\n", "", ""};
        const Pending pending(go);
        co_await write(pending);
      }
      if (co_await fill_body() == 0) {
        if (tunnels() && timed_out_) co_return failure(Fault::limited, "the tunnel was silent for too long");
        if (tunnels()) co_return std::string_view();
        if (timed_out_) co_return body_failed(408, "it did not come in time");
        co_return body_failed(400, "the client went away before its end");
      }
    }
    continue_due_ = false;
    const std::string_view input = begin_ < end_ ? waiting() : std::string_view(body_block_.data.get() + body_begin_, body_end_ - body_begin_);
    auto& begin = begin_ < end_ ? begin_ : body_begin_;
    if (tunnels()) {
      begin += input.size();
      co_return input;
    }
    const auto step = body_.feed(input);
    if (!step) co_return body_failed(step.error().status, step.error().why);
    begin += step->consumed;
    if (!step->piece.empty()) co_return step->piece;
  }
}

// True if what is left of the body is here already or small, so that reading it is cheaper than a new connection.
bool Connection::body_ends_soon() {
  if (body_.done()) return true;
  if (continue_due_) return false;
  if (work_->head.framing == Framing::length) return work_->head.length - body_.received() <= kDrainMax;
  while (!body_.done() && begin_ < end_) {
    const auto step = body_.feed(waiting());
    if (!step) return false;
    begin_ += step->consumed;
  }
  return body_.done();
}

asio::awaitable<bool> Connection::drain() {
  std::uint64_t drained = 0;
  while (!body_.done()) {
    auto piece = co_await read_some();
    if (!piece) co_return false;
    drained += piece->size();
    if (drained > kDrainMax) co_return false;
  }
  co_return true;
}

// Bytes behind a chunked body belong to the next request: they move to the head's buffer.
void Connection::keep_rest() {
  const auto left = body_end_ - body_begin_;
  if (left == 0) return;
  begin_ = end_ = 0;  // the body block is read from only when the head's buffer is empty
  if (left > capacity_) {
    large_ = loop_.take_block();
    data_ = large_.data.get();
    capacity_ = large_.size;
  }
  std::memcpy(data_, body_block_.data.get() + body_begin_, left);
  end_ = left;
  body_begin_ = body_end_ = 0;
}

// False: the connection ends here.
asio::awaitable<bool> Connection::finish_exchange() {
  if (answer_ == Answer::none && !broken_) {
    log().error("request.unanswered", {{"path", work_->request.path}});
    auto sorry = Reply::text(500, "Internal Server Error\n");
    co_await reply(std::move(sorry));
  }
  if (broken_) co_return false;
  if (answer_ != Answer::done) {
    broken_ = true;   // half an answer: the client must not take it for a whole one
    if (answer_ != Answer::tunnel_half) stream_.close();
    co_return false;
  }
  if (!keep_alive_) {
    if (unread_ || !body_.done() || begin_ != end_) co_await linger();
    co_return false;
  }
  if (!co_await drain()) {
    co_await linger();
    co_return false;
  }
  keep_rest();
  co_return true;
}

asio::awaitable<void> Connection::refuse(Refusal refusal) {
  if (!work_) work_ = loop_.take_workspace();
  loop_.shared->log.info("request.refused", {{"status", refusal.status}, {"why", refusal.why}, {"client", arrival_.peer.ip}});
  work_->request.id.clear();
  work_->request.minor_version = 1;
  log_.reset();
  body_ = BodyDecoder();
  keep_alive_ = head_only_ = continue_due_ = held_ = false;
  answer_ = Answer::none;
  body_status_ = 0;
  auto answer = Reply::text(refusal.status, fmt::format("{} {}: {}\n", refusal.status, reason_of(refusal.status), refusal.why));
  co_await reply(std::move(answer));
  if (!broken_) co_await linger();
}

// Closing a socket with unread bytes resets the connection, and the reset can overtake our answer. So: say that we are
// done, and read for a moment what is still coming.
asio::awaitable<void> Connection::linger() {
  stream_.end();
  if (!body_block_.data) body_block_ = loop_.take_block();
  timed_out_ = false;
  loop_.deadlines->arm(slot_, kLinger);
  for (std::uint64_t total = 0; total < kLingerMax && !timed_out_ && !loop_.shared->stopping;) {
    const auto bytes = co_await fill(body_block_.data.get(), body_block_.size);
    if (bytes == 0) break;
    total += bytes;
  }
  loop_.deadlines->disarm(slot_);
  broken_ = true;
}

}  // namespace gatehouse::net
