// TLS straight on a socket that Asio watches. A read that has to wait is an operation of Asio's whose attempt is SSL_read itself,
// so that it waits like any other read: the socket stays registered as it is, where waiting for readiness alone would register
// it anew each time, for one system call more per read. And like drain.h it remembers when nothing is left in the kernel, so
// that the next read does not ask in vain. Internal to net.
#pragma once

#include <openssl/ssl.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/socket_base.hpp>
// clang-format off: it does not include all that it needs
#include <boost/asio/detail/reactive_socket_recv_op.hpp>
// clang-format on
#include <memory>

#include "net/tls.h"

namespace gatehouse::net {

enum class Io : std::uint8_t { ok, wait_read, wait_write, closed };

struct IoResult {
  Io io = Io::ok;
  std::size_t bytes = 0;
};

class TlsWire {
 public:
  // nullptr when OpenSSL has no memory. The socket is borrowed.
  static std::unique_ptr<TlsWire> make(SSL_CTX* context, int socket);

  // What is there now: decrypted bytes, or why there are none.
  IoResult read(void* to, std::size_t size);
  IoResult write(const void* from, std::size_t size);
  // Would read() give bytes? ok: it would; wait_read: nothing is there yet; closed: nothing comes any more. Takes none of them.
  Io peek();
  Io accept();
  // The last read took all that was there, here and in the kernel.
  bool drained() const { return drained_; }
  // The socket is closed: its number may be somebody else's from now on.
  void forget_socket() { socket_ = -1; }
  SSL* ssl() const { return ssl_.get(); }

 private:
  explicit TlsWire(int socket) : socket_(socket) {}
  static const BIO_METHOD* method();
  static int receive(BIO* bio, char* to, int size);
  static int send(BIO* bio, const char* from, int size);
  static long control(BIO* bio, int command, long number, void* pointer);
  Io explain(int result);

  int socket_;
  bool short_ = false;     // the last receive gave less than it had room for
  bool drained_ = false;
  SslPtr ssl_;
};

// Where to put what a waiting read decrypts.
class TlsBuffer : public boost::asio::mutable_buffer {
 public:
  TlsBuffer(TlsWire& wire, void* to, std::size_t size) : mutable_buffer(to, size), wire_(&wire) {}
  IoResult read() const { return wire_->read(data(), size()); }
  bool drained() const { return wire_->drained(); }

 private:
  TlsWire* wire_;
};

}  // namespace gatehouse::net

template <>
class boost::asio::detail::reactive_socket_recv_op_base<gatehouse::net::TlsBuffer> : public reactor_op {
 public:
  reactive_socket_recv_op_base(const boost::system::error_code& success, socket_type, socket_ops::state_type,
                               const gatehouse::net::TlsBuffer& buffer, socket_base::message_flags, func_type complete)
      : reactor_op(success, &reactive_socket_recv_op_base::do_perform, complete), buffer_(buffer) {}

  // would_block: TLS has to write before it can read on (a change of keys, and the socket is full).
  static status do_perform(reactor_op* base) {
    auto& op = *static_cast<reactive_socket_recv_op_base*>(base);
    const auto got = op.buffer_.read();
    if (got.io == gatehouse::net::Io::wait_read) return not_done;
    op.bytes_transferred_ = got.bytes;
    if (got.io == gatehouse::net::Io::wait_write) op.ec_ = error::would_block;
    if (got.io == gatehouse::net::Io::closed) op.ec_ = error::eof;
    return op.buffer_.drained() ? done_and_exhausted : done;
  }

 private:
  gatehouse::net::TlsBuffer buffer_;
};
