// HTTP/2 on bytes (RFC 9113): frames in, frames out, a handler's coroutine for each stream. Owns the nghttp2 session, the
// streams and the guards against a hostile peer. Knows no socket: http2_connection.h brings the bytes and fetches them.
// Internal to net; docs/decisions/011-http2.md.
#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "net/http2_guard.h"
#include "net/http2_head.h"
#include "net/http2_stream.h"

struct nghttp2_session;

namespace gatehouse::net {

class Http2Session : public std::enable_shared_from_this<Http2Session> {
 public:
  static constexpr std::size_t kPullMin = 16 * 1024 + 9;   // room that pull() needs: the largest frame that it makes
  static constexpr std::size_t kQueueMax = 1000;           // frames that wait to be sent; more, and the peer does not read
  static constexpr std::size_t kHeadBytesMax = 512 * 1024; // of all requests of a connection that are being served

  Http2Session(std::shared_ptr<LoopState> loop, Arrival arrival);
  virtual ~Http2Session();
  Http2Session(const Http2Session&) = delete;
  Http2Session& operator=(const Http2Session&) = delete;

  void open();                                   // our SETTINGS
  // Bytes from the peer. False: the connection is over, but for what pull() still gives.
  bool feed(std::string_view bytes);
  // Frames for the peer; 0 when there are none now.
  std::size_t pull(char* to, std::size_t size);
  bool over() const;                             // nothing more to read or to write
  bool overrun() const;                          // it lets our answers to its frames pile up
  bool idle() const { return streams_.empty(); }
  bool quiet() const { return running_ == 0; }   // no handler runs
  std::uint64_t open_heads() const { return head_open_ ? heads_ : 0; }   // number of the head that has begun and not ended, or 0
  std::uint64_t heads() const { return heads_; }
  void drain();                                  // no new streams; those that are there may end
  void terminate();                              // GOAWAY, and no more
  void abandon();                                // the peer has gone: every exchange fails from here on

 protected:
  virtual void output_ready() = 0;               // pull() has something; may be called often
  virtual void went_quiet() = 0;                 // the last handler has ended, or the last stream
  LoopState& loop() { return *loop_; }
  const ServerOptions& options() const { return loop_->shared->options; }

 private:
  friend class Http2Stream;
  friend struct Http2Callbacks;

  // From the streams.
  bool submit_head(Http2Stream& stream, int status, std::optional<std::uint64_t> length, bool has_body);
  bool submit_relayed_head(Http2Stream& stream, int status, const Borrowed& answer, std::optional<std::uint64_t> length, bool has_body);
  bool submit_fields(Http2Stream& stream, std::optional<std::uint64_t> length, bool dated, bool has_body);
  bool submit_trailers(Http2Stream& stream);
  void submit_continue(Http2Stream& stream);
  void resume(Http2Stream& stream);              // it has more to send, or has ended
  void consume(Http2Stream& stream, std::size_t bytes);
  enum class Reset : std::uint8_t { no_error, cancel, internal };
  void reset(Http2Stream& stream, Reset why);

  // From nghttp2.
  bool frame_begins(std::uint8_t type, std::uint8_t flags);
  void head_begins(std::int32_t id, bool request);
  void head_ends(bool stream_ends);
  void request_ends(Http2Stream& stream, bool stream_ends);
  bool data_came(Http2Stream* stream, bool empty, bool ends);
  void stream_closed(Http2Stream& stream);
  void end_sent(Http2Stream& stream);
  void drained();                                // the client has seen that we drain
  void calm();

  void start_ready();
  boost::asio::awaitable<void> serve(std::shared_ptr<Http2Session> self, Http2Stream* stream);
  boost::asio::awaitable<void> refuse(std::shared_ptr<Http2Session> self, Http2Stream* stream, Refusal refusal);
  void handled(Http2Stream& stream);
  void forget(Http2Stream& stream);

  std::shared_ptr<LoopState> loop_;
  const Arrival arrival_;
  nghttp2_session* session_ = nullptr;
  Http2Guard guard_;
  Http2Head head_;
  Http2Stream* heading_ = nullptr;               // whose header block is being read
  std::vector<std::unique_ptr<Http2Stream>> streams_;
  std::vector<std::pair<Http2Stream*, std::optional<Refusal>>> ready_;
  char* out_ = nullptr;                          // where pull() writes
  std::size_t out_used_ = 0, out_size_ = 0;
  std::size_t running_ = 0, head_bytes_ = 0;
  std::uint64_t heads_ = 0;
  bool head_open_ = false, head_is_request_ = false, draining_ = false, gone_ = false, failed_ = false;
};

}  // namespace gatehouse::net
