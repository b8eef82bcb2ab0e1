#include "net/stream.h"

#include <openssl/err.h>
#include <sys/socket.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "net/drain.h"

namespace gatehouse::net {
namespace {

namespace asio = boost::asio;
constexpr auto kAsTuple = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kTlsRecord = 16 * 1024;

}  // namespace

Io Stream::explain(int result) {
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ: return Io::wait_read;
    case SSL_ERROR_WANT_WRITE: return Io::wait_write;
    default: ERR_clear_error(); return Io::closed;
  }
}

asio::awaitable<bool> Stream::handshake(std::shared_ptr<const TlsIdentities> identities) {
  identities_ = std::move(identities);
  ssl_.reset(SSL_new(identities_->first()));
  if (!ssl_ || SSL_set_fd(ssl_.get(), socket_.native_handle()) != 1) co_return false;
  for (;;) {
    const int result = SSL_accept(ssl_.get());
    if (result == 1) co_return true;
    const auto direction = explain(result);
    if (direction == Io::closed) co_return false;
    if (!co_await wait(direction)) co_return false;
  }
}

bool Stream::speaks_http2() const {
  if (!ssl_) return false;
  const unsigned char* protocol = nullptr;
  unsigned length = 0;
  SSL_get0_alpn_selected(ssl_.get(), &protocol, &length);
  return std::string_view(reinterpret_cast<const char*>(protocol), length) == "h2";
}

asio::awaitable<IoResult> Stream::read(char* data, std::size_t size) {
  if (!ssl_) {
    looked_ = false;
    const DrainBuffer room(data, size);
    for (;;) {
      const auto [error, bytes] = co_await socket_.async_read_some(room, kAsTuple);
      if (!error) co_return IoResult{.io = Io::ok, .bytes = bytes};
      if (!std::exchange(looked_, false)) co_return IoResult{.io = Io::closed, .bytes = 0};
      const auto got = ::recv(socket_.native_handle(), data, size, MSG_DONTWAIT);
      if (got > 0) co_return IoResult{.io = Io::ok, .bytes = static_cast<std::size_t>(got)};
      if (got == 0 || (errno != EAGAIN && errno != EINTR)) co_return IoResult{.io = Io::closed, .bytes = 0};
    }
  }
  // Nothing was left the last time: waiting first spares a system call that would only say so.
  if (std::exchange(drained_, false) && !co_await wait(Io::wait_read)) co_return IoResult{.io = Io::closed, .bytes = 0};
  for (;;) {
    std::size_t bytes = 0;
    const int result = SSL_read_ex(ssl_.get(), data, size, &bytes);
    if (result == 1) {
      drained_ = bytes < size && SSL_has_pending(ssl_.get()) == 0;
      co_return IoResult{.io = Io::ok, .bytes = bytes};
    }
    const auto direction = explain(result);
    if (direction == Io::closed || !co_await wait(direction)) co_return IoResult{.io = Io::closed, .bytes = 0};
  }
}

IoResult Stream::write_now(std::span<const iovec> parts) {
  if (!ssl_) {
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(parts.data());
    message.msg_iovlen = parts.size();
    for (;;) {
      const auto sent = ::sendmsg(socket_.native_handle(), &message, MSG_NOSIGNAL);
      if (sent >= 0) return {.io = Io::ok, .bytes = static_cast<std::size_t>(sent)};
      if (errno == EINTR) continue;
      return {.io = errno == EAGAIN || errno == EWOULDBLOCK ? Io::wait_write : Io::closed, .bytes = 0};
    }
  }
  // Small parts go out as one record; one part alone need not be copied for that.
  std::array<char, kTlsRecord> record;
  const void* from = record.data();
  std::size_t size = 0;
  if (parts.size() == 1) {
    from = parts.front().iov_base;
    size = std::min(parts.front().iov_len, kTlsRecord);
  } else {
    for (const auto& part : parts) {
      const auto take = std::min(part.iov_len, record.size() - size);
      std::memcpy(record.data() + size, part.iov_base, take);
      size += take;
    }
  }
  std::size_t bytes = 0;
  const int result = SSL_write_ex(ssl_.get(), from, size, &bytes);
  if (result == 1) return {.io = Io::ok, .bytes = bytes};
  return {.io = explain(result), .bytes = 0};
}

asio::awaitable<bool> Stream::wait(Io direction) {
  const auto what = direction == Io::wait_write ? Socket::wait_write : Socket::wait_read;
  wait_again_ = false;
  for (;;) {
    const auto [error] = co_await socket_.async_wait(what, kAsTuple);
    if (!error || !std::exchange(wait_again_, false)) co_return !error;
  }
}

void Stream::end() {
  if (ssl_ && SSL_is_init_finished(ssl_.get()) == 1) SSL_shutdown(ssl_.get());
  ERR_clear_error();
  boost::system::error_code ignored;
  socket_.shutdown(Socket::shutdown_send, ignored);
}

void Stream::look() {
  if (ssl_ || !socket_.is_open() || !has_something(socket_.native_handle())) return;
  looked_ = wait_again_ = true;   // a write that waits is cancelled with it
  boost::system::error_code ignored;
  socket_.cancel(ignored);
}

void Stream::cancel() {
  looked_ = wait_again_ = false;
  boost::system::error_code ignored;
  socket_.cancel(ignored);
}

void Stream::close() {
  boost::system::error_code ignored;
  socket_.close(ignored);
}

}  // namespace gatehouse::net
