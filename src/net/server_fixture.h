// A server on a free port and a raw client, for tests that talk through real sockets.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "net/server.h"

namespace gatehouse::net::testing_net {

using namespace std::chrono_literals;

inline constexpr int kPatienceMs = 5000;   // a test that waits longer has failed

// Blocking, with patience. Reads until a condition or the end.
class RawClient {
 public:
  enum class Connect { now, later };
  explicit RawClient(std::uint16_t port, Connect when = Connect::now) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    if (when == Connect::now) connect(port);
  }
  void connect(std::uint16_t port) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_port = htons(port);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(fd_, reinterpret_cast<sockaddr*>(&at), sizeof at) == 0;
  }
  ~RawClient() { if (fd_ >= 0) ::close(fd_); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  int fd() const { return fd_; }
  bool connected() const { return connected_; }
  bool send(std::string_view text) {
    while (!text.empty()) {
      const auto sent = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      text.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  void half_close() { ::shutdown(fd_, SHUT_WR); }

  // Everything up to and including `until`.
  std::string read_until(std::string_view until) {
    for (;;) {
      if (const auto at = pending_.find(until); at != std::string::npos) return take(at + until.size());
      if (!more()) return take(pending_.size());
    }
  }
  std::string read_exactly(std::size_t size) {
    while (pending_.size() < size && more()) {}
    return take(std::min(size, pending_.size()));
  }
  std::string read_to_end() {
    while (more()) {}
    return take(pending_.size());
  }
  // Head and body of an answer with Content-Length.
  std::string read_answer() {
    auto head = read_until("\r\n\r\n");
    const auto at = head.find("Content-Length: ");
    if (at == std::string::npos) return head;
    return head + read_exactly(static_cast<std::size_t>(std::stoul(head.substr(at + 16))));
  }
  bool closed_by_peer() {
    while (more()) {}
    return ended_;
  }
  bool quiet_for(std::chrono::milliseconds time) {
    pollfd wait{.fd = fd_, .events = POLLIN, .revents = 0};
    return pending_.empty() && ::poll(&wait, 1, static_cast<int>(time.count())) == 0;
  }

 private:
  std::string take(std::size_t size) {
    auto text = pending_.substr(0, size);
    pending_.erase(0, size);
    return text;
  }
  bool more() {
    pollfd wait{.fd = fd_, .events = POLLIN, .revents = 0};
    if (::poll(&wait, 1, kPatienceMs) <= 0) return false;
    char buffer[65536];
    const auto got = ::recv(fd_, buffer, sizeof buffer, 0);
    if (got <= 0) {
      ended_ = true;
      return false;
    }
    pending_.append(buffer, static_cast<std::size_t>(got));
    return true;
  }

  int fd_ = -1;
  bool connected_ = false, ended_ = false;
  std::string pending_;
};

using HandleFn = std::function<boost::asio::awaitable<void>(Exchange&)>;

class FnHandler final : public Handler {
 public:
  explicit FnHandler(HandleFn handle) : handle_(std::move(handle)) {}
  boost::asio::awaitable<void> handle(Exchange& exchange) override { return handle_(exchange); }

 private:
  HandleFn handle_;
};

inline ServerOptions quick_options() {
  ServerOptions options;
  options.port = 0;
  options.head_timeout = 2000ms;
  options.idle_timeout = 2000ms;
  options.body_timeout = 2000ms;
  options.write_timeout = 2000ms;
  options.handshake_timeout = 2000ms;
  options.grace = 1000ms;
  return options;
}

// Collects what was logged.
class MemorySink final : public LogSink {
 public:
  void write(LogLevel, std::string_view line) override {
    const std::lock_guard lock(mutex_);
    text_.append(line).append("\n");
    written_.notify_all();
  }
  // True once a line holds `part`; waits for it, because a line may follow the answer.
  bool has(std::string_view part) const {
    std::unique_lock lock(mutex_);
    return written_.wait_for(lock, std::chrono::milliseconds(kPatienceMs), [&] { return text_.find(part) != std::string::npos; });
  }

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable written_;
  std::string text_;
};

struct TestServer {
  explicit TestServer(Handler& handler, ServerOptions options = quick_options(), std::size_t loops = 2) : runtime(loops) {
    auto listening = Server::listen(runtime, std::move(options), handler, *clock, *random, Log(sink, *clock, LogLevel::debug, LogForm::people));
    if (!listening) throw std::runtime_error(listening.error().message());
    server = *std::move(listening);
    runtime.start();
  }
  ~TestServer() {
    runtime.stop();
    runtime.join();
  }
  std::uint16_t port() const { return server->port(); }

  MemorySink sink;
  std::unique_ptr<Clock> clock = system_clock();
  std::unique_ptr<Random> random = system_random();
  Runtime runtime;
  std::unique_ptr<Server> server;
};

}  // namespace gatehouse::net::testing_net
