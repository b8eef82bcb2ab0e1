// For tests: a gateway on a real socket before an application that tells what it was sent, and a client that says byte for
// byte what a test wants. Never part of the program.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <map>
#include <mutex>
#include <thread>

#include "core/text.h"
#include "gateway/gateway.h"
#include "net/fixed_resolver.h"
#include "net/server.h"

namespace gatehouse::gateway {

struct HttpAnswer {
  int status = 0;
  std::string head, body;
  std::vector<std::string> all(std::string_view name) const {
    std::vector<std::string> values;
    for (auto line : split(head, '\n')) {
      const auto colon = line.find(':');
      if (colon != std::string_view::npos && equal_ignoring_case(line.substr(0, colon), name)) {
        auto value = trim(line.substr(colon + 1));
        if (value.ends_with('\r')) value.remove_suffix(1);
        values.emplace_back(value);
      }
    }
    return values;
  }
  std::string header(std::string_view name) const {
    const auto values = all(name);
    return values.empty() ? std::string() : values.front();
  }
};

// Blocking, one connection.
class RawClient {
 public:
  explicit RawClient(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(socket_, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) throw std::runtime_error("connect");
    const timeval patience{10, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }
  ~RawClient() { ::close(socket_); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  void shut() { ::shutdown(socket_, SHUT_WR); }
  // The next answer; status 0 when the connection ended before one.
  HttpAnswer read(bool head_only = false) {
    HttpAnswer answer;
    std::size_t end = std::string::npos;
    while ((end = input_.find("\r\n\r\n")) == std::string::npos)
      if (!more()) return answer;
    answer.head = take(end + 4);
    answer.status = std::atoi(answer.head.substr(9, 3).c_str());
    if (answer.status < 200) return read(head_only);
    if (head_only || answer.status == 204 || answer.status == 304) return answer;
    if (answer.header("Transfer-Encoding") == "chunked") {
      read_chunks(answer);
    } else if (const auto length = answer.header("Content-Length"); !length.empty()) {
      const auto wanted = static_cast<std::size_t>(std::stoull(length));
      while (input_.size() < wanted && more()) {}
      answer.body = take(std::min(wanted, input_.size()));
    } else {
      while (more()) {}
      answer.body = take(input_.size());
    }
    return answer;
  }
  // The head of whatever comes, and no body.
  HttpAnswer read_switch() {
    HttpAnswer answer;
    answer.head = text_until("\r\n\r\n");
    if (answer.head.size() > 12) answer.status = std::atoi(answer.head.substr(9, 3).c_str());
    return answer;
  }
  std::string text_until(std::string_view end) {
    std::size_t at = std::string::npos;
    while ((at = input_.find(end)) == std::string::npos)
      if (!more()) return take(input_.size());
    return take(at + end.size());
  }
  std::string bytes(std::size_t count) {
    while (input_.size() < count && more()) {}
    return take(std::min(count, input_.size()));
  }
  bool closed() {   // nothing more comes
    return input_.empty() && !more();
  }

 private:
  bool more() {
    char bytes[16384];
    const auto got = ::recv(socket_, bytes, sizeof bytes, 0);
    if (got > 0) input_.append(bytes, static_cast<std::size_t>(got));
    return got > 0;
  }
  std::string take(std::size_t count) {
    auto taken = input_.substr(0, count);
    input_.erase(0, count);
    return taken;
  }
  void read_chunks(HttpAnswer& answer) {
    for (;;) {
      std::size_t end = std::string::npos;
      while ((end = input_.find("\r\n")) == std::string::npos)
        if (!more()) return;
      const auto size = static_cast<std::size_t>(std::stoull(take(end + 2), nullptr, 16));
      if (size == 0) {
        while ((end = input_.find("\r\n")) != 0) {   // trailers, kept behind the head
          if (end == std::string::npos) {
            if (!more()) return;
            continue;
          }
          answer.head += take(end + 2);
        }
        take(2);
        return;
      }
      while (input_.size() < size + 2)
        if (!more()) return;
      answer.body += take(size);
      take(2);
    }
  }
  int socket_;
  std::string input_;
};

// An upstream that answers every request head with one fixed text and hangs up; without a text it stays silent.
class OddPeer {
 public:
  explicit OddPeer(std::optional<std::string> answer) : answer_(std::move(answer)), listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&at), size) != 0 || ::listen(listener_, 16) != 0) throw std::runtime_error("listen");
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&at), &size);
    url_ = "http://127.0.0.1:" + std::to_string(ntohs(at.sin_port));
    thread_ = std::jthread([this] { serve(); });
  }
  ~OddPeer() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
    for (const int kept : silent_) ::close(kept);
  }
  OddPeer(const OddPeer&) = delete;
  OddPeer& operator=(const OddPeer&) = delete;
  const std::string& url() const { return url_; }

 private:
  void serve() {
    for (int peer = 0; (peer = ::accept(listener_, nullptr, nullptr)) >= 0;) {
      if (!answer_) {
        silent_.push_back(peer);
        continue;
      }
      char bytes[8192];
      if (::recv(peer, bytes, sizeof bytes, 0) > 0) (void)::send(peer, answer_->data(), answer_->size(), MSG_NOSIGNAL);
      ::shutdown(peer, SHUT_WR);
      while (::recv(peer, bytes, sizeof bytes, 0) > 0) {}
      ::close(peer);
    }
  }
  std::optional<std::string> answer_;
  int listener_;
  std::string url_;
  std::vector<int> silent_;
  std::jthread thread_;
};

// Remembers every request; answers "app" or what the path asks for.
class RecordingApp final : public net::Handler {
 public:
  struct Seen {
    std::string method, target, body;
    std::vector<std::pair<std::string, std::string>> headers;
    std::vector<std::string> all(std::string_view folded) const {   // as CGI would see it
      std::vector<std::string> values;
      for (const auto& [name, value] : headers) {
        auto key = to_lower(name);
        for (auto& c : key)
          if (c == '_' || c == '.') c = '-';
        if (key == folded) values.push_back(value);
      }
      return values;
    }
  };

  boost::asio::awaitable<void> handle(net::Exchange& exchange) override {
    const auto& request = exchange.request();
    Seen seen{std::string(request.method_name), request.target(), {}, {}};
    for (const auto& field : request.fields.all()) seen.headers.emplace_back(field.name, field.value);
    if (request.path == "/early") {
      auto early = net::Reply::text(413, "too much");
      (void)co_await exchange.reply(std::move(early));
      co_return;
    }
    if (request.path == "/echo") co_return co_await echo(exchange, std::move(seen));
    if (auto body = co_await exchange.read_all(64 << 20)) seen.body = *std::move(body);
    remember(std::move(seen));
    if (request.path == "/stream") co_return co_await stream(exchange);
    auto reply = net::Reply::text(200, request.path == "/big" ? std::string(300'000, 'b') : "app");
    reply.with("X-App", "yes").with("X-Remote-User", "planted").with("Set-Cookie", "gh_session=planted; Path=/").with("Set-Cookie", "theme=dark");
    (void)co_await exchange.reply(std::move(reply));
  }
  std::vector<Seen> seen() {
    const std::lock_guard lock(mutex_);
    return seen_;
  }
  Seen last() {
    auto all = seen();
    return all.empty() ? Seen() : all.back();
  }

 private:
  void remember(Seen seen) {
    const std::lock_guard lock(mutex_);
    seen_.push_back(std::move(seen));
  }
  boost::asio::awaitable<void> echo(net::Exchange& exchange, Seen seen) {
    remember(std::move(seen));
    (void)co_await exchange.start(net::Reply::text(200, ""), std::nullopt);
    for (;;) {
      auto piece = co_await exchange.read_some();
      if (!piece || piece->empty()) break;
      const std::string copy(*piece);
      if (!co_await exchange.send(copy)) co_return;
    }
    (void)co_await exchange.finish();
  }
  boost::asio::awaitable<void> stream(net::Exchange& exchange) {
    (void)co_await exchange.start(net::Reply::text(200, ""), std::nullopt);
    (void)co_await exchange.send("one ");
    (void)co_await exchange.send("two");
    std::vector<std::pair<std::string, std::string>> trailers{{"X-Sum", "12"}, {"X-Remote-User", "late"}, {"Content-Length", "1"}};
    (void)co_await exchange.finish(std::move(trailers));
  }
  std::mutex mutex_;
  std::vector<Seen> seen_;
};

// Handlers given before start() are served on ports of their own; clock stands still.
class House {
 public:
  ManualClock clock;
  RecordingApp app;

  House() : random_(seeded_random(7)) {
    resolver_.set("127.0.0.1", {"127.0.0.1"});
    app_server_ = serve(app);
  }
  ~House() { stop(); }
  void stop() {
    runtime_.stop();
    runtime_.join();
  }
  std::unique_ptr<net::Server> serve(net::Handler& handler) {
    net::ServerOptions options;
    options.port = 0;
    options.grace = std::chrono::milliseconds(100);
    return net::Server::listen(runtime_, options, handler, clock, *random_, silent_log()).value();
  }
  std::string app_url() const { return "http://127.0.0.1:" + std::to_string(app_server_->port()); }
  SnapshotNeeds needs(net::HttpClient& http) {
    auto make = [this](net::UpstreamOptions options) {
      return net::make_upstream(resolver_, net::PeerRules::anyone(), net::ClientTls(), std::move(options));
    };
    return SnapshotNeeds{clock, http, make};
  }
  // A client that knows 127.0.0.1 and may go there.
  std::unique_ptr<net::HttpClient> http() { return net::make_http_client(resolver_, net::PeerRules::anyone(), net::ClientTls()); }
  void open(const SnapshotNeeds& wanted, const Config& config, const Policies& policies = {}) {
    auto built = Snapshot::build(wanted, config, policies);
    if (!built) throw std::runtime_error(built.error().message() + " " + built.error().trail());
    gateway_ = std::make_unique<Gateway>(*std::move(built));
    gateway_server_ = serve(*gateway_);
    runtime_.start();
  }
  std::uint16_t port() const { return gateway_server_->port(); }
  Gateway& gateway() { return *gateway_; }
  Random& random() { return *random_; }

  // A whole exchange on a connection of its own. `lines` are header lines without Host.
  HttpAnswer ask(std::string_view request_line, std::string_view host, const std::vector<std::string>& lines = {}, std::string_view body = {}) {
    RawClient client(port());
    std::string text(request_line);
    text.append(" HTTP/1.1\r\nHost: ").append(host).append("\r\n");
    for (const auto& line : lines) text.append(line).append("\r\n");
    if (!body.empty()) text.append("Content-Length: ").append(std::to_string(body.size())).append("\r\n");
    text.append("\r\n").append(body);
    client.send(text);
    return client.read(request_line.starts_with("HEAD "));
  }

 private:
  std::unique_ptr<Random> random_;
  net::FixedResolver resolver_;
  net::Runtime runtime_{1};
  std::unique_ptr<Gateway> gateway_;
  std::unique_ptr<net::Server> app_server_, gateway_server_;
};

}  // namespace gatehouse::gateway
