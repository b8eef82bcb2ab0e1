#include "net/stream.h"

#include <openssl/err.h>
#include <poll.h>
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

asio::awaitable<bool> Stream::handshake(std::shared_ptr<const TlsIdentities> identities) {
  identities_ = std::move(identities);
  tls_ = TlsWire::make(identities_->first(), socket_.native_handle());
  if (!tls_) co_return false;
  for (;;) {
    const auto direction = tls_->accept();
    if (direction == Io::ok) co_return true;
    if (direction == Io::closed) co_return false;
    if (!co_await wait(direction)) co_return false;
  }
}

bool Stream::speaks_http2() const {
  if (!tls_) return false;
  const unsigned char* protocol = nullptr;
  unsigned length = 0;
  SSL_get0_alpn_selected(tls_->ssl(), &protocol, &length);
  return std::string_view(reinterpret_cast<const char*>(protocol), length) == "h2";
}

asio::awaitable<IoResult> Stream::read(char* data, std::size_t size) {
  if (tls_) return read_tls(data, size);
  return read_plain(data, size);
}

asio::awaitable<IoResult> Stream::read_plain(char* data, std::size_t size) {
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

asio::awaitable<IoResult> Stream::read_tls(char* data, std::size_t size) {
  looked_ = false;
  // Nothing was left the last time: waiting first spares a system call that would only say so.
  auto got = tls_->drained() ? IoResult{.io = Io::wait_read, .bytes = 0} : tls_->read(data, size);
  const TlsBuffer room(*tls_, data, size);
  while (got.io != Io::ok && got.io != Io::closed) {
    if (got.io == Io::wait_write) {
      if (!co_await wait(Io::wait_write)) co_return IoResult{.io = Io::closed, .bytes = 0};
      got = tls_->read(data, size);
      continue;
    }
    const auto [error, bytes] = co_await socket_.async_read_some(room, kAsTuple);
    if (!error) co_return IoResult{.io = Io::ok, .bytes = bytes};
    if (error != asio::error::would_block && !std::exchange(looked_, false)) co_return IoResult{.io = Io::closed, .bytes = 0};
    got = tls_->read(data, size);
  }
  co_return got;
}

IoResult Stream::write_now(std::span<const iovec> parts) {
  if (!tls_) {
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
  return tls_->write(from, size);
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
  if (tls_ && SSL_is_init_finished(tls_->ssl()) == 1) SSL_shutdown(tls_->ssl());
  ERR_clear_error();
  boost::system::error_code ignored;
  socket_.shutdown(Socket::shutdown_send, ignored);
}

void Stream::look() {
  if (!socket_.is_open() || !has_something(socket_.native_handle())) return;
  looked_ = wait_again_ = true;   // a write that waits is cancelled with it
  boost::system::error_code ignored;
  socket_.cancel(ignored);
}

void Stream::cancel() {
  looked_ = wait_again_ = false;
  boost::system::error_code ignored;
  socket_.cancel(ignored);
}

Stream::Peer Stream::peer() {
  if (!socket_.is_open()) return Peer::broken;
  pollfd asked{.fd = socket_.native_handle(), .events = POLLRDHUP, .revents = 0};
  if (::poll(&asked, 1, 0) <= 0) return Peer::there;
  if ((asked.revents & (POLLERR | POLLHUP)) != 0) return Peer::broken;
  // Whatever else TLS says: the peer sends nothing any more, and a record that is not whole never will be.
  if (tls_) return tls_->peek() == Io::ok ? Peer::there : Peer::ended;
  char byte = 0;
  return ::recv(asked.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0 ? Peer::there : Peer::ended;
}

void Stream::close() {
  looked_ = wait_again_ = false;
  if (tls_) tls_->forget_socket();
  boost::system::error_code ignored;
  socket_.close(ignored);
}

}  // namespace gatehouse::net
