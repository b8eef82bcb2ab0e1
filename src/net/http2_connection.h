// One client connection that speaks HTTP/2: its socket, its deadlines, and when what leaves. The protocol: http2_session.h.
// Internal to net.
//
// All that becomes ready in one turn of the loop leaves in one write. Memory: an idle connection holds kSmall bytes for reading
// besides its session; blocks of the loop's free list while there is something to read or write.
#pragma once

#include "net/http2_session.h"
#include "net/stream.h"

namespace gatehouse::net {

class Http2Connection final : public Http2Session, private Deadlines::Waiter {
 public:
  Http2Connection(std::shared_ptr<LoopState> loop, Stream stream, Arrival arrival);
  ~Http2Connection() override;

  // `early`: what was read before it was known what the client speaks. Returns when the last handler has ended.
  boost::asio::awaitable<void> run(std::string early);

 private:
  static constexpr std::size_t kSmall = 1024;
  enum class Waiting : std::uint8_t { nothing, first_request, head, request };

  void on_deadline() override;
  void on_look() override { stream_.look(); }
  void on_stop() override;
  void on_kill() override;
  void output_ready() override;
  void went_quiet() override;

  void flush();
  Io push();
  boost::asio::awaitable<void> push_slowly(std::shared_ptr<Http2Session> self);
  void cut();
  void watch();                      // sets the deadline for what the client is to do next
  boost::asio::awaitable<bool> read_once();
  boost::asio::awaitable<void> end();
  boost::asio::awaitable<void> linger();

  Stream stream_;
  Deadlines::Slot slot_;
  Http2Wait writable_, ended_;       // the deadline of a write; where run() waits for the rest to end
  char small_[kSmall];
  Block in_, out_;
  std::size_t out_begin_ = 0, out_end_ = 0;
  Waiting waiting_ = Waiting::nothing;
  std::uint64_t watched_head_ = 0;
  bool flush_due_ = false, writing_ = false, broken_ = false, closing_ = false;
};

}  // namespace gatehouse::net
