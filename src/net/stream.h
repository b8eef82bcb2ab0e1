// A connected socket, plain or under TLS, for one coroutine at a time. Internal to net.
// TLS works directly on the socket (no buffers in between); errors are values.
#pragma once

#include <sys/uio.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstddef>
#include <memory>
#include <span>

#include "net/tls_wire.h"

namespace gatehouse::net {

class Stream {
 public:
  using Socket = boost::asio::ip::tcp::socket;
  explicit Stream(Socket socket) : socket_(std::move(socket)) {}

  // Server side of the handshake. False when the peer spoke something else or went away.
  boost::asio::awaitable<bool> handshake(std::shared_ptr<const TlsIdentities> identities);
  // At least one byte; closed at the end, on an error and when cancelled.
  boost::asio::awaitable<IoResult> read(char* data, std::size_t size);
  // Writes what fits now. wait_*: call wait() with it, then again.
  IoResult write_now(std::span<const iovec> parts);
  boost::asio::awaitable<bool> wait(Io direction);
  // Tells the peer that nothing follows.
  void end();
  void cancel();  // what waits now returns
  // A read that waits asks the kernel once more (net/drain.h): call it when the read has waited for a while.
  void look();
  void close();   // and nothing works any more
  // For when nobody reads: has the peer ended its direction, and said nothing that was not read before that? Or has the
  // connection broken? One system call while it is there.
  enum class Peer : std::uint8_t { there, ended, broken };
  Peer peer();
  bool speaks_http2() const;   // agreed upon by ALPN
  bool tls() const { return tls_ != nullptr; }
  ClientCertificate client_certificate() const { return tls_ ? net::client_certificate(tls_->ssl()) : ClientCertificate(); }
  Socket& socket() { return socket_; }

 private:
  boost::asio::awaitable<IoResult> read_plain(char* data, std::size_t size);
  boost::asio::awaitable<IoResult> read_tls(char* data, std::size_t size);
  Socket socket_;
  std::shared_ptr<const TlsIdentities> identities_;  // the SNI callback looks there
  std::unique_ptr<TlsWire> tls_;
  bool looked_ = false, wait_again_ = false;   // the read (the write) under way was cancelled to ask the kernel
};

}  // namespace gatehouse::net
