#include "net/tls_wire.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <sys/socket.h>

#include <cerrno>
#include <stdexcept>

namespace gatehouse::net {

std::unique_ptr<TlsWire> TlsWire::make(SSL_CTX* context, int socket) {
  std::unique_ptr<TlsWire> wire(new TlsWire(socket));
  wire->ssl_.reset(SSL_new(context));
  auto* bio = BIO_new(method());
  if (!wire->ssl_ || bio == nullptr) {
    BIO_free(bio);
    return nullptr;
  }
  BIO_set_data(bio, wire.get());
  BIO_set_init(bio, 1);
  SSL_set_bio(wire->ssl_.get(), bio, bio);   // takes it
  return wire;
}

IoResult TlsWire::read(void* to, std::size_t size) {
  std::size_t bytes = 0;
  drained_ = false;
  short_ = false;
  const int result = SSL_read_ex(ssl_.get(), to, size, &bytes);
  if (result != 1) return {.io = explain(result), .bytes = 0};
  drained_ = short_ && bytes < size && SSL_has_pending(ssl_.get()) == 0;
  return {.io = Io::ok, .bytes = bytes};
}

IoResult TlsWire::write(const void* from, std::size_t size) {
  std::size_t bytes = 0;
  const int result = SSL_write_ex(ssl_.get(), from, size, &bytes);
  if (result == 1) return {.io = Io::ok, .bytes = bytes};
  return {.io = explain(result), .bytes = 0};
}

Io TlsWire::peek() {
  char byte = 0;
  std::size_t bytes = 0;
  drained_ = false;   // a record may go from the kernel to OpenSSL here
  const int result = SSL_peek_ex(ssl_.get(), &byte, 1, &bytes);
  return result == 1 ? Io::ok : explain(result);
}

Io TlsWire::accept() {
  const int result = SSL_accept(ssl_.get());
  return result == 1 ? Io::ok : explain(result);
}

Io TlsWire::explain(int result) {
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ: return Io::wait_read;
    case SSL_ERROR_WANT_WRITE: return Io::wait_write;
    default: ERR_clear_error(); return Io::closed;
  }
}

// OpenSSL's own BIO for sockets does not tell how much it asked for.
const BIO_METHOD* TlsWire::method() {
  static const BIO_METHOD* const made = [] {
    auto* table = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK | BIO_TYPE_DESCRIPTOR, "watched socket");
    if (table == nullptr || BIO_meth_set_read(table, receive) != 1 || BIO_meth_set_write(table, send) != 1 || BIO_meth_set_ctrl(table, control) != 1)
      throw std::runtime_error("OpenSSL: no room for a kind of BIO");
    return table;
  }();
  return made;
}

int TlsWire::receive(BIO* bio, char* to, int size) {
  auto& self = *static_cast<TlsWire*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  for (;;) {
    const auto got = ::recv(self.socket_, to, static_cast<std::size_t>(size), 0);
    if (got < 0 && errno == EINTR) continue;
    self.short_ = got < size;
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) BIO_set_retry_read(bio);
    return static_cast<int>(got);
  }
}

int TlsWire::send(BIO* bio, const char* from, int size) {
  auto& self = *static_cast<TlsWire*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  for (;;) {
    const auto sent = ::send(self.socket_, from, static_cast<std::size_t>(size), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) BIO_set_retry_write(bio);
    return static_cast<int>(sent);
  }
}

long TlsWire::control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

}  // namespace gatehouse::net
