// One outbound TCP or TLS connection: bytes, deadlines, one buffer. Knows nothing of HTTP (it only keeps room for a
// parsed head, so that a reused connection allocates nothing). Internal to net; used on one loop only.
#pragma once

#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/task.h"
#include "net/http1.h"
#include "net/steady.h"

namespace gatehouse::net {

using Errc = boost::system::error_code;

class ClientConnection {
 public:
  // Room for the largest head, and behind it at least 8 KiB for the body: a head stays where it is while the body streams.
  static constexpr std::size_t kRoom = 40 * 1024;
  static constexpr std::size_t kPiecesMax = 4;
  using Pieces = std::array<std::string_view, kPiecesMax>;

  explicit ClientConnection(const Executor& loop);
  explicit ClientConnection(boost::asio::ip::tcp::socket connected);
  ~ClientConnection();
  ClientConnection(const ClientConnection&) = delete;
  ClientConnection& operator=(const ClientConnection&) = delete;

  boost::asio::awaitable<Errc> connect(boost::asio::ip::tcp::endpoint peer, SteadyTime until);
  // Verifies the peer's certificate against `host`; on a fault `why` says what was wrong with it.
  boost::asio::awaitable<Errc> handshake(boost::asio::ssl::context& context, std::string host, SteadyTime until, std::string* why);

  // What the kernel takes at once: all pieces with one system call, as a rule. nullopt: something is left in `pieces`; go on
  // with write(). written() tells how many bytes both took together. The deadline is for each step forward.
  std::optional<Errc> write_now(Pieces& pieces);
  boost::asio::awaitable<Errc> write(Pieces pieces, std::chrono::milliseconds timeout);
  std::size_t written() const { return written_; }

  // Appends to unread(). An orderly close is boost::asio::error::eof; a passed deadline is timed_out.
  // `hasty`: an end of stream is part of the answer and must be seen at once, for one more system call.
  boost::asio::awaitable<Errc> fill(std::chrono::milliseconds timeout, bool hasty = false);
  std::string_view unread() const { return {buffer_.get() + begin_, end_ - begin_}; }
  void consume(std::size_t bytes) { begin_ += bytes; }
  // What stands before here (a head) stays until rewind().
  void pin() { floor_ = begin_; }
  void rewind() { begin_ = end_ = floor_ = 0; }   // only when nothing is unread

  // An instant that no operation may pass, besides its own timeout (SteadyTime::max(): none).
  void limit_total(SteadyTime until) { total_until_ = until; }
  bool expired() const { return expired_; }
  // In a tunnel, a byte in one direction shows that the other is alive.
  void keep_reading_alive(std::chrono::milliseconds timeout);

  // Is an idle connection still open, and silent as it should be?
  bool quiet();
  bool has_hidden_bytes();   // inside TLS, decrypted but not read
  bool speaks_http2();       // as agreed by ALPN (RFC 7301)
  void end();                // tells the peer that nothing follows
  void cancel();             // what is pending ends with operation_aborted

  // For the loop's watch.
  SteadyTime deadline() const;
  void expire();   // closes; the pending operation ends with timed_out
  void tick();     // a read that has waited for some ticks asks the kernel once more (net/drain.h)
  std::size_t watch_slot = 0;

  // Kept from exchange to exchange.
  Head head;
  std::string out;
  SteadyTime idle_since{};

 private:
  bool read_now(char* into, std::size_t room, Errc& code, std::size_t& got);
  Errc verdict(Errc code) const;

  boost::asio::ip::tcp::socket socket_;
  std::optional<boost::asio::ssl::stream<boost::asio::ip::tcp::socket&>> tls_;
  std::unique_ptr<char[]> buffer_;
  std::size_t begin_ = 0, end_ = 0, floor_ = 0;
  std::size_t written_ = 0;
  int inline_reads_ = 0;
  int look_in_ = 0;        // ticks until the read that waits is looked after; 0: never
  bool looked_ = false, wait_again_ = false;   // it (the write) was cancelled to ask the kernel
  SteadyTime read_until_ = SteadyTime::max(), write_until_ = SteadyTime::max(), total_until_ = SteadyTime::max();
  bool expired_ = false;
};

}  // namespace gatehouse::net
