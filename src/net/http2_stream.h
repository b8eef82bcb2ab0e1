// One request of an HTTP/2 connection, as its handler sees it: what HTTP/1.1 has in a connection, here a stream has.
// Internal to net. Knows no frames: its session turns them into calls, and asks for bytes of the answer when they may go.
//
// Memory: what came of the body and was not read (at most the stream's window), at most kTailMax of an answer in pieces, and
// a piece that its sender keeps while it waits.
#pragma once

#include <optional>

#include <boost/asio/steady_timer.hpp>

#include "net/exchange.h"
#include "net/serving.h"

namespace gatehouse::net {

class Http2Session;

// Where one coroutine waits until somebody calls wake(), or until `after` has passed.
class Http2Wait final : private Deadlines::Waiter {
 public:
  explicit Http2Wait(LoopState& loop) : loop_(loop) {}   // borrowed
  ~Http2Wait() override;
  Http2Wait(const Http2Wait&) = delete;
  Http2Wait& operator=(const Http2Wait&) = delete;

  boost::asio::awaitable<void> wait();
  void wake();
  void arm(std::chrono::milliseconds after);   // the deadline; on time, expired() is true, and wake() and on_expiry are called
  void disarm();
  bool armed() const { return armed_; }
  bool expired() const { return expired_; }
  std::function<void()> on_expiry;

 private:
  void on_deadline() override;
  void on_stop() override {}
  void on_kill() override {}
  void on_look() override {}

  LoopState& loop_;
  std::optional<Deadlines::Slot> slot_;
  std::optional<boost::asio::steady_timer> timer_;
  bool expired_ = false, armed_ = false;
};

class Http2Stream final : public Exchange {
 public:
  Http2Stream(Http2Session& session, std::int32_t id);
  ~Http2Stream() override;
  Http2Stream(const Http2Stream&) = delete;
  Http2Stream& operator=(const Http2Stream&) = delete;

  const Request& request() const override { return work_->request; }
  const Log& log() const override;
  Executor executor() const override;
  Task<std::string_view> read_some() override;
  const std::vector<std::pair<std::string, std::string>>& trailers() const override { return trailers_; }
  Task<void> reply(Reply reply) override;
  Task<void> start(Reply head, std::optional<std::uint64_t> length) override;
  Task<void> send(std::string_view piece) override;
  Task<void> finish(std::vector<std::pair<std::string, std::string>> trailers) override;
  Task<void> start_tunnel(Reply head) override;
  bool started() const override { return answer_ != Answer::none; }
  bool relays() const override { return true; }
  Result<bool> relay(const Borrowed& answer) override;
  void watch_client(ClientWatch* watch) override;
  void close_after() override {}   // a stream ends by itself; what it leaves unread is reset, and the others go on

 private:
  friend class Http2Session;
  friend struct Http2Callbacks;
  static constexpr std::size_t kTailMax = 16 * 1024;
  enum class Answer : std::uint8_t { none, open, tunnel, done };
  struct Chunk {
    Block block;
    std::size_t begin = 0, end = 0;
  };

  // Told by the session.
  void take(std::string_view data);          // of the body
  void body_ended();
  void closed();                             // by whomever: nothing can be sent or comes any more
  std::size_t unsent() const { return tail_.size() - tail_sent_ + direct_.size(); }
  void drop_unread();                        // nobody will read what came
  void copy_unsent(char* to, std::size_t size);

  std::string_view next_piece();
  void release_view();
  std::unexpected<Error> body_failed(int status, std::string_view why);
  Result<void> may_answer() const;
  void moved();                              // a byte in one direction of a tunnel shows that the other is alive
  std::chrono::milliseconds read_patience() const;

  Http2Session& session_;
  const std::int32_t id_;
  std::size_t head_bytes_ = 0;
  std::size_t place_ = 0;                    // among the session's streams
  std::unique_ptr<Workspace> work_;
  mutable std::optional<Log> log_;
  std::vector<std::pair<std::string, std::string>> trailers_;

  Http2Wait reader_, writer_;
  std::vector<Chunk> chunks_;
  std::size_t view_ = 0;                     // bytes of the front chunk that read_some() gave out
  std::uint64_t received_ = 0;
  int body_status_ = 0;

  Reply reply_;                              // its strings live until the head and the body were sent
  std::vector<std::pair<std::string, std::string>> last_fields_;   // our trailers
  char status_[3] = {};
  std::string& tail_;                        // copied, not yet sent from tail_sent_ on
  std::size_t tail_sent_ = 0;
  std::string_view direct_;
  std::optional<std::uint64_t> left_;        // of an answer of known length

  ClientWatch* watch_ = nullptr;
  Answer answer_ = Answer::none;
  bool continue_due_ = false, head_only_ = false, ended_ = false, remote_ended_ = false, closed_ = false, too_large_ = false;
  bool handled_ = false, sent_end_ = false, waiting_ = false, tunnel_ = false, ready_ = false;
};

}  // namespace gatehouse::net
