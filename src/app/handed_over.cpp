#include "app/handed_over.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>

#include <cstdlib>

#include "app/successor.h"
#include "core/text.h"
#include "net/network.h"

namespace gatehouse::app {
namespace {

Result<Listening> look_at(int socket) {
  if (sd_is_socket_inet(socket, AF_UNSPEC, SOCK_STREAM, 1, 0) <= 0)
    return failure(Fault::invalid, fmt::format("file descriptor {} was handed over, but is not a listening TCP socket", socket));
  ::fcntl(socket, F_SETFD, FD_CLOEXEC);
  sockaddr_storage at{};
  socklen_t size = sizeof at;
  ::getsockname(socket, reinterpret_cast<sockaddr*>(&at), &size);
  char text[INET6_ADDRSTRLEN] = "";
  const auto* v4 = reinterpret_cast<const sockaddr_in*>(&at);
  const auto* v6 = reinterpret_cast<const sockaddr_in6*>(&at);
  const bool is_v6 = at.ss_family == AF_INET6;
  ::inet_ntop(at.ss_family, is_v6 ? static_cast<const void*>(&v6->sin6_addr) : &v4->sin_addr, text, sizeof text);
  return Listening{text, ntohs(is_v6 ? v6->sin6_port : v4->sin_port), socket};
}

// From a predecessor, whose word is an environment variable of our own, or from systemd.
int count_of_handed_over() {
  const char* of_predecessor = std::getenv(kSocketsVariable);  // NOLINT(concurrency-mt-unsafe): before any thread
  if (of_predecessor != nullptr) {
    const auto count = parse_int(of_predecessor);
    ::unsetenv(kSocketsVariable);  // NOLINT(concurrency-mt-unsafe)
    return count ? static_cast<int>(*count) : 0;
  }
  return sd_listen_fds(1);
}

bool same(const std::string& written, const std::string& real) {
  const auto ip = net::parse_ip(written);
  return ip && net::ip_text(*ip) == real;
}

}  // namespace

Result<HandedOver> HandedOver::of_this_process() {
  const auto count = count_of_handed_over();
  if (count < 0 || count > kHandedOverMax) return failure(Fault::invalid, "the sockets that were handed over cannot be counted");
  HandedOver all;
  if (const char* lock = std::getenv(kLockVariable)) {  // NOLINT(concurrency-mt-unsafe)
    all.lock_ = static_cast<int>(parse_int(lock).value_or(-1));
    ::fcntl(all.lock_, F_SETFD, FD_CLOEXEC);
    ::unsetenv(kLockVariable);  // NOLINT(concurrency-mt-unsafe)
  }
  for (int i = 0; i < count; ++i) {
    GH_TRY(auto listening, look_at(kFirstHandedOver + i));
    all.sockets_.push_back(std::move(listening));
  }
  return all;
}

std::vector<int> HandedOver::take(const std::string& address, std::uint16_t port) {
  std::vector<int> taken;
  std::vector<Listening> left;
  for (auto& socket : sockets_) {
    if (same(address, socket.address) && (port == 0 || port == socket.port)) {
      taken.push_back(socket.socket);
      port = socket.port;
    } else {
      left.push_back(std::move(socket));
    }
  }
  sockets_ = std::move(left);
  return taken;
}

std::string HandedOver::complaint() const {
  const auto& first = sockets_.front();
  return fmt::format("a socket for {} port {} was handed over, but no listener has that address and port; add it to `listeners`, or take it out of "
                     "the socket unit", first.address, first.port);
}

}  // namespace gatehouse::app
