// A buffer to read into that remembers a short read: when the kernel gave less than there was room for, nothing is left, and
// the next read waits for the loop instead of asking the kernel in vain first. Asio's own reads ask each time, which is one
// system call in three of a proxied request. Internal to net.
//
// Asio leaves that choice to the operation (done_and_exhausted), and picks the operation by the type of the buffer; hence the
// specialisation below, the same in Boost 1.81 and 1.83.
//
// What a short read hides: an end of stream that came together with the last bytes raises no event of its own. Whoever waits
// after a short read has to look once more after a while: see has_something().
#pragma once

#include <sys/socket.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/socket_base.hpp>
// clang-format off: it does not include all that it needs
#include <boost/asio/detail/reactive_socket_recv_op.hpp>
// clang-format on
#include <cerrno>

namespace gatehouse::net {

class DrainBuffer : public boost::asio::mutable_buffer {
 public:
  using boost::asio::mutable_buffer::mutable_buffer;
};

// Bytes, an end or an error: a read would not wait.
inline bool has_something(int socket) {
  char byte = 0;
  const auto got = ::recv(socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return got >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

// How many ticks of the loop's watch a read waits before it is looked after: those that are answered sooner cost nothing.
inline constexpr int kLookAfterTicks = 2;

}  // namespace gatehouse::net

template <>
class boost::asio::detail::reactive_socket_recv_op_base<gatehouse::net::DrainBuffer> : public reactor_op {
 public:
  reactive_socket_recv_op_base(const boost::system::error_code& success, socket_type socket, socket_ops::state_type,
                               const gatehouse::net::DrainBuffer& buffer, socket_base::message_flags flags, func_type complete)
      : reactor_op(success, &reactive_socket_recv_op_base::do_perform, complete), socket_(socket), buffer_(buffer), flags_(flags) {}

  static status do_perform(reactor_op* base) {
    auto& op = *static_cast<reactive_socket_recv_op_base*>(base);
    if (!socket_ops::non_blocking_recv1(op.socket_, op.buffer_.data(), op.buffer_.size(), op.flags_, true, op.ec_, op.bytes_transferred_))
      return not_done;
    return op.bytes_transferred_ < op.buffer_.size() ? done_and_exhausted : done;
  }

 private:
  socket_type socket_;
  gatehouse::net::DrainBuffer buffer_;
  socket_base::message_flags flags_;
};
