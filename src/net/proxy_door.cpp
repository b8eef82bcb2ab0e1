#include "net/proxy_door.h"

#include <sys/socket.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>

#include "net/proxy_protocol.h"

namespace gatehouse::net {
namespace {

namespace asio = boost::asio;

// The deadline of the header, and the end of the server while it is waited for.
class Patience final : private Deadlines::Waiter {
 public:
  Patience(LoopState& loop, Stream::Socket& socket) : deadlines_(*loop.deadlines), socket_(socket), slot_(deadlines_.add(*this)) {
    deadlines_.arm(slot_, loop.shared->options.handshake_timeout);
  }
  ~Patience() override { deadlines_.remove(slot_); }
  Patience(const Patience&) = delete;
  Patience& operator=(const Patience&) = delete;
  bool over() const { return over_; }

 private:
  void on_deadline() override {
    over_ = true;
    boost::system::error_code ignored;
    socket_.cancel(ignored);
  }
  void on_stop() override { on_deadline(); }
  void on_kill() override { on_deadline(); }

  Deadlines& deadlines_;
  Stream::Socket& socket_;
  Deadlines::Slot slot_;
  bool over_ = false;
};

// All of it, which is there.
bool take(int socket, char* into, std::size_t bytes) {
  return ::recv(socket, into, bytes, MSG_DONTWAIT) == static_cast<ssize_t>(bytes);
}

}  // namespace

asio::awaitable<std::optional<Address>> take_proxy_header(LoopState& loop, Stream::Socket& socket, Address peer) {
  Patience patience(loop, socket);
  std::array<char, 16 + kProxyHeaderMax> bytes;
  std::size_t have = 0;
  std::string_view why = "the header did not come in time";
  while (!patience.over()) {
    const auto [error] = co_await socket.async_wait(Stream::Socket::wait_read, asio::as_tuple(asio::use_awaitable));
    if (error || patience.over()) break;
    const auto seen = ::recv(socket.native_handle(), bytes.data() + have, bytes.size() - have, MSG_PEEK | MSG_DONTWAIT);
    if (seen < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (seen <= 0) co_return std::nullopt;
    const auto header = parse_proxy_header({bytes.data(), have + static_cast<std::size_t>(seen)});
    if (!header) {
      why = header.error().why;
      break;
    }
    const auto ours = *header ? (*header)->bytes - have : static_cast<std::size_t>(seen);
    if (!take(socket.native_handle(), bytes.data() + have, ours)) co_return std::nullopt;
    have += ours;
    if (*header) co_return (*header)->client.value_or(std::move(peer));
  }
  loop.shared->log.info("proxy_protocol.refused", {{"why", why}, {"peer", peer.ip}});
  co_return std::nullopt;
}

}  // namespace gatehouse::net
