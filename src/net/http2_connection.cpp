#include "net/http2_connection.h"

#include <boost/asio/post.hpp>

#include "core/spawn.h"

namespace gatehouse::net {

namespace asio = boost::asio;

namespace {
constexpr std::chrono::milliseconds kLinger{1000};    // for the client to read our last words
constexpr std::size_t kLingerMax = 256 * 1024;
}  // namespace

Http2Connection::Http2Connection(std::shared_ptr<LoopState> loop, Stream stream, Arrival arrival)
    : Http2Session(std::move(loop), std::move(arrival)), stream_(std::move(stream)), slot_(this->loop().deadlines->add(*this)),
      writable_(this->loop()), ended_(this->loop()) {
  writable_.on_expiry = [this] { cut(); };
}

Http2Connection::~Http2Connection() {
  loop().deadlines->remove(slot_);
  loop().give_back(std::move(in_));
  loop().give_back(std::move(out_));
}

// An idle client, one that never says what it wants, or not to its end.
void Http2Connection::on_deadline() {
  if (closing_) return cut();
  terminate();
}

void Http2Connection::on_stop() { drain(); }
void Http2Connection::on_kill() { cut(); }

void Http2Connection::cut() {
  if (std::exchange(broken_, true)) return;
  stream_.close();
}

asio::awaitable<void> Http2Connection::run(std::string early) {
  const auto self = shared_from_this();
  open();
  if (loop().shared->stopping) drain();
  bool going = early.empty() || feed(early);
  watch();
  while (going && !broken_ && !over()) going = co_await read_once();
  co_await end();
}

asio::awaitable<bool> Http2Connection::read_once() {
  if (idle() && in_.data) loop().give_back(std::exchange(in_, Block{}));
  if (!idle() && !in_.data) in_ = loop().take_block();
  char* const to = in_.data ? in_.data.get() : small_;
  loop().deadlines->look_later(slot_);
  const auto got = co_await stream_.read(to, in_.data ? in_.size : kSmall);
  if (got.io != Io::ok || broken_) co_return false;
  const bool fine = feed({to, got.bytes});
  watch();
  while (fine && overrun() && !broken_) co_await ended_.wait();   // it asks faster than it listens
  co_return fine;
}

// The last frames go out and the socket is closed; then whoever is still at work comes to an end without it.
asio::awaitable<void> Http2Connection::end() {
  closing_ = true;
  loop().deadlines->disarm(slot_);
  if (!over() && !broken_) terminate();
  flush();
  while (writing_ && !broken_) co_await ended_.wait();
  abandon();
  if (!broken_) co_await linger();
  cut();
  while (!quiet() || writing_) co_await ended_.wait();
}

// With unread bytes a close becomes a reset, which can overtake what we said.
asio::awaitable<void> Http2Connection::linger() {
  stream_.end();
  if (!in_.data) in_ = loop().take_block();
  loop().deadlines->arm(slot_, kLinger);
  for (std::size_t total = 0; total < kLingerMax && !broken_ && !loop().shared->stopping;) {
    loop().deadlines->look_later(slot_);
    const auto got = co_await stream_.read(in_.data.get(), in_.size);
    if (got.io != Io::ok) break;
    total += got.bytes;
  }
  loop().deadlines->disarm(slot_);
}

// A head that has begun must end in time, however it drips; a client without requests may rest for a while.
void Http2Connection::watch() {
  if (closing_) return;
  auto next = Waiting::nothing;
  if (open_heads() != 0) next = Waiting::head;
  else if (idle()) next = heads() == 0 ? Waiting::first_request : Waiting::request;
  const auto head = open_heads();
  if (next == waiting_ && head == watched_head_) return;
  waiting_ = next;
  watched_head_ = head;
  if (next == Waiting::nothing) loop().deadlines->disarm(slot_);
  else loop().deadlines->arm(slot_, next == Waiting::request ? options().idle_timeout : options().head_timeout);
}

void Http2Connection::output_ready() {
  if (std::exchange(flush_due_, true) || writing_ || broken_) return;
  // After all that is ready now: their frames go out together.
  asio::post(loop().executor, [self = shared_from_this(), this] { flush(); });
}

void Http2Connection::went_quiet() {
  watch();
  ended_.wake();
}

void Http2Connection::flush() {
  flush_due_ = false;
  if (writing_ || broken_) return;
  const auto io = push();
  if (io == Io::closed) return cut();
  if (io == Io::ok) {
    if (over() && !closing_) stream_.cancel();   // run() reads no more
    return ended_.wake();
  }
  writing_ = true;
  spawn(loop().executor, push_slowly(shared_from_this()));
}

// Writes what there is, as far as it fits now.
Io Http2Connection::push() {
  for (;;) {
    if (out_begin_ == out_end_) {
      if (!out_.data) out_ = loop().take_block();
      out_begin_ = 0;
      out_end_ = pull(out_.data.get(), out_.size);
      if (out_end_ == 0) break;
    }
    const iovec part{.iov_base = out_.data.get() + out_begin_, .iov_len = out_end_ - out_begin_};
    const auto wrote = stream_.write_now(std::span(&part, 1));
    if (wrote.io != Io::ok) return wrote.io;
    out_begin_ += wrote.bytes;
  }
  loop().give_back(std::exchange(out_, Block{}));
  return Io::ok;
}

// While the socket is full. The write timeout runs anew after every progress.
asio::awaitable<void> Http2Connection::push_slowly(std::shared_ptr<Http2Session> self) {
  auto io = Io::wait_write;
  while (!broken_ && (io == Io::wait_write || io == Io::wait_read)) {
    writable_.arm(options().write_timeout);
    const bool fine = co_await stream_.wait(io);
    writable_.disarm();
    if (broken_) break;
    io = push();
    (void)fine;   // a cancelled wait is for the reader
  }
  writing_ = false;
  flush_due_ = false;
  if (io == Io::closed) cut();
  if (over() && !closing_) stream_.cancel();
  ended_.wake();
}

}  // namespace gatehouse::net
