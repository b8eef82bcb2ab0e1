// One client connection: reads requests one after the other, hands each to the handler as an Exchange, writes the
// answers in order. Internal to net.
//
// Memory: an idle connection holds kSmall bytes of buffer and no workspace. A head that does not fit moves to a block of
// the loop's free list; a body flows through a second block. Views into the head stay valid until the answer is done.
#pragma once

#include <optional>

#include "net/serving.h"
#include "net/stream.h"

namespace gatehouse::net {

class HeadText;

class Connection final : public Exchange, private Deadlines::Waiter {
 public:
  Connection(LoopState& loop, Stream::Socket socket, Address peer);
  ~Connection() override;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  boost::asio::awaitable<void> run();
  // After run(): the client speaks HTTP/2. What it sent, and its socket, go to an Http2Connection.
  bool speaks_http2() const { return http2_; }
  Stream& stream() { return stream_; }
  const Arrival& arrival() const { return arrival_; }
  std::string_view waiting() const { return {data_ + begin_, end_ - begin_}; }

  const Request& request() const override { return work_->request; }
  const Log& log() const override;
  Executor executor() const override { return loop_.executor; }
  Task<std::string_view> read_some() override;
  const std::vector<std::pair<std::string, std::string>>& trailers() const override { return body_.trailers(); }
  Task<void> reply(Reply reply) override;
  Task<void> start(Reply head, std::optional<std::uint64_t> length) override;
  Task<void> send(std::string_view piece) override;
  Task<void> finish(std::vector<std::pair<std::string, std::string>> trailers) override;
  Task<void> start_tunnel(Reply head) override;
  bool started() const override { return answer_ != Answer::none; }
  bool relays() const override { return true; }
  Result<bool> relay(const Borrowed& answer) override;
  Task<void> relayed() override;
  void close_after() override { keep_alive_ = false; }
  void watch_client(ClientWatch* watch) override;

 private:
  static constexpr std::size_t kSmall = 2048;
  enum class Answer : std::uint8_t { none, length, chunked, until_close, tunnel, tunnel_half, done };
  enum class Wait : std::uint8_t { idle, busy };

  void on_deadline() override;
  void on_stop() override;
  void on_kill() override;
  void on_look() override;

  // Reading.
  boost::asio::awaitable<bool> read_head();            // false: no further request
  std::expected<bool, Refusal> take_head();
  bool make_room();
  void rest();                                         // gives back what an idle connection does not need
  boost::asio::awaitable<std::size_t> fill(char* to, std::size_t size);
  boost::asio::awaitable<std::size_t> fill_body();
  bool may_be_http2() const;
  std::unexpected<Error> body_failed(int status, std::string_view why);
  boost::asio::awaitable<bool> drain();
  void keep_rest();
  bool body_ends_soon();

  // Answering.
  Result<void> write_head_of(const Reply& reply, bool tunnel);
  void end_head(HeadText& text, std::optional<std::uint64_t> length, bool chunked);
  void end_head(std::optional<std::uint64_t> length, bool chunked);
  void write_relayed_head(int status, const Borrowed& answer, std::optional<std::uint64_t> length);
  bool tunnels() const { return answer_ == Answer::tunnel || answer_ == Answer::tunnel_half; }
  bool bodiless(int status) const;
  Result<void> may_answer() const;
  // What is still to be written of some parts.
  struct Pending {
    explicit Pending(std::array<std::string_view, 3> parts);
    std::array<iovec, 3> left{};
    std::size_t first = 0, count = 0;
  };
  Io push(Pending& pending);                               // what the kernel takes now; ok: everything
  boost::asio::awaitable<bool> write(Pending pending);     // all of it, or the connection is broken
  boost::asio::awaitable<void> refuse(Refusal refusal);
  boost::asio::awaitable<bool> finish_exchange();
  void begin_exchange();
  bool at_its_end();
  boost::asio::awaitable<void> linger();
  static Result<void> flushed(bool fine);

  LoopState& loop_;
  const ServerOptions& options_;
  Stream stream_;
  Arrival arrival_;
  Deadlines::Slot slot_;
  std::unique_ptr<Workspace> work_;
  mutable std::optional<Log> log_;

  char small_[kSmall];
  Block large_;                       // instead of small_ for a large head
  char* data_ = small_;
  std::size_t capacity_ = kSmall, begin_ = 0, end_ = 0, scanned_ = 0;
  Block body_block_;                  // body bytes that did not come with the head
  std::size_t body_begin_ = 0, body_end_ = 0;

  BodyDecoder body_;
  std::uint64_t answer_left_ = 0;     // of an answer of known length
  int body_status_ = 0;               // why the body could not be read: status to answer with
  Answer answer_ = Answer::none;
  Wait wait_ = Wait::busy;
  ClientWatch* watch_ = nullptr;
  int look_gap_ = 0;                  // ticks between two looks at the client
  bool first_ = true, keep_alive_ = true, timed_out_ = false, broken_ = false, killed_ = false, http2_ = false;
  bool continue_due_ = false, head_only_ = false, held_ = false, unread_ = false;
  bool reading_ = false, writing_ = false;   // somebody waits for the body, or for room in the socket
};

}  // namespace gatehouse::net
