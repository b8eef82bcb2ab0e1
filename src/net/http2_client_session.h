// One outbound HTTP/2 connection with many streams (RFC 9113). Reads while a stream is open and for a moment afterwards;
// an idle connection costs no coroutine. Everything that a hostile peer could make us keep or do is bounded: header blocks,
// frames that carry nothing, one window per stream. Internal to net; lives on one loop.
#pragma once

#include <nghttp2/nghttp2.h>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "net/connection_pool.h"
#include "net/http2_client_stream.h"
#include "net/url.h"

namespace gatehouse::net {

struct Http2ClientTimes {
  std::chrono::milliseconds write_timeout{60000};   // without a byte of progress
  std::chrono::milliseconds ping_after{20000};      // of silence, while somebody waits
  std::chrono::milliseconds ping_patience{10000};
};

class Http2ClientSession : public std::enable_shared_from_this<Http2ClientSession> {
 public:
  static constexpr std::size_t kStreamsMax = 128;         // at once, whatever the peer allows
  static constexpr std::int32_t kStreamWindow = 256 * 1024;
  static constexpr std::int32_t kConnectionWindow = 16 * 1024 * 1024;

  // `connection` is watched by the pool of `loop`.
  static std::shared_ptr<Http2ClientSession> start(const Executor& loop, std::unique_ptr<ClientConnection> connection, Http2ClientTimes times);
  Http2ClientSession(const Executor& loop, std::unique_ptr<ClientConnection> connection, Http2ClientTimes times);
  ~Http2ClientSession();
  Http2ClientSession(const Http2ClientSession&) = delete;
  Http2ClientSession& operator=(const Http2ClientSession&) = delete;

  // Waits for the peer's SETTINGS, which come first when it speaks HTTP/2 at all.
  Task<void> greet(SteadyTime until);
  bool takes_stream() const;        // may another one begin here?
  bool takes_websocket() const;     // RFC 8441 §3
  bool dead() const { return dead_; }
  std::size_t streams() const { return streams_.size(); }

  // `stream` lives until drop(). Names are lower case.
  Result<void> submit(Http2ClientStream& stream, const std::vector<std::pair<std::string, std::string>>& head, bool ends);
  void resume(Http2ClientStream& stream);                        // there is something to send
  void took(Http2ClientStream& stream, std::size_t bytes);       // of the answer, so that the peer may send as many more
  void drop(Http2ClientStream& stream);                          // resets it when it is not complete
  void give_up(Http2ClientStream& stream);                       // whoever waits on it learns that it was cancelled
  void abandon() { dead_ = true; }                         // the loop ends: nothing may be started any more

  // Idle connections: nothing is pending, so that the loop may end.
  bool parked() const { return parked_; }
  bool unpark();                    // false: the peer spoke or went meanwhile
  SteadyTime idle_since() const { return idle_since_; }
  void tick(SteadyTime now);        // parks, asks for a sign of life
  void fail(std::string why);       // ends the connection and every stream

 private:
  static boost::asio::awaitable<void> read_all(std::shared_ptr<Http2ClientSession> self);
  static boost::asio::awaitable<void> write_all(std::shared_ptr<Http2ClientSession> self);
  void open();
  bool take_in();
  bool collect();
  void flush();
  bool spend_patience();
  void earn_patience();
  void close_stream(Http2ClientStream& stream, std::uint32_t error);
  void head_ended(Http2ClientStream& stream, bool ends);
  Http2ClientStream* stream_of(std::int32_t id) const;
  static void set_callbacks(nghttp2_session_callbacks* callbacks);
  int on_frame(const nghttp2_frame& frame);
  int on_field(const nghttp2_frame& frame, std::string_view name, std::string_view value);
  std::ptrdiff_t read_out(std::int32_t id, std::uint8_t* into, std::size_t room, std::uint32_t* flags);

  Executor loop_;
  ConnectionPool& pool_;
  std::unique_ptr<ClientConnection> connection_;
  Http2ClientTimes times_;
  nghttp2_session* session_ = nullptr;
  std::unordered_set<Http2ClientStream*> streams_;
  std::string out_;
  Wake greeted_;
  SteadyTime idle_since_{}, heard_{}, pinged_{};
  std::size_t field_bytes_ = 0;     // of the header block that is being read
  std::size_t useless_ = 0;         // bytes since something came that carried anything
  int patience_ = 0;                // frames that carry nothing, still tolerated
  bool reading_ = false, writing_ = false, dead_ = false, parked_ = false, going_away_ = false, ready_ = false;
  bool ping_pending_ = false;
  std::string why_;
};

}  // namespace gatehouse::net
