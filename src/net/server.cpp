#include "net/server.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "core/spawn.h"
#include "net/connection.h"
#include "net/http2_connection.h"
#include "net/proxy_door.h"

namespace gatehouse::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
constexpr auto kAsTuple = asio::as_tuple(asio::use_awaitable);
constexpr int kBacklog = 4096;
constexpr std::chrono::milliseconds kAcceptPause{100};  // when the system has no file descriptor or memory left

std::string what_of(std::exception_ptr bug) {
  try {
    std::rethrow_exception(bug);
  } catch (const std::exception& error) {
    return error.what();
  } catch (...) {
    return "unknown";
  }
}

Address address_of(const tcp::endpoint& endpoint) {
  const auto ip = parse_ip(endpoint.address().to_string());
  return {.ip = ip ? ip_text(*ip) : endpoint.address().to_string(), .port = endpoint.port()};
}

bool says_who_is_there(const ServerShared& shared, const Address& peer) {
  const auto ip = parse_ip(peer.ip);
  return ip && shared.balancers.contains(*ip);
}

// One connection from its first byte to its last. What a handler throws is a bug: it ends this connection and is logged.
asio::awaitable<void> serve(std::shared_ptr<LoopState> loop, tcp::socket socket, Address peer) {
  struct Count {
    std::atomic<std::size_t>& connections;
    ~Count() { --connections; }
  };
  const Count count(loop->shared->connections);
  try {
    if (!loop->shared->balancers.empty() && says_who_is_there(*loop->shared, peer)) {
      auto client = co_await take_proxy_header(*loop, socket, std::move(peer));
      if (!client) co_return;
      peer = *std::move(client);
    }
    std::optional<Connection> connection(std::in_place, *loop, std::move(socket), std::move(peer));
    co_await connection->run();
    if (!connection->speaks_http2()) co_return;
    const auto http2 = std::make_shared<Http2Connection>(loop, std::move(connection->stream()), connection->arrival());
    std::string early(connection->waiting());
    connection.reset();
    co_await http2->run(std::move(early));
  } catch (const std::exception& bug) {
    loop->shared->log.error("bug", {{"where", "connection"}, {"what", bug.what()}});
  }
}

// One listening socket of one loop.
class Door : public std::enable_shared_from_this<Door> {
 public:
  Door(std::shared_ptr<ServerShared> shared, const Executor& executor)
      : loop_(std::make_shared<LoopState>(std::move(shared), executor)), acceptor_(executor), pause_(executor) {}

  error_code open(const tcp::endpoint& at) {
    error_code error;
    const auto try_all = [&error](auto&& step) { if (!error) step(); };
    acceptor_.open(at.protocol(), error);
    const asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT> share(true);
    try_all([&] { acceptor_.set_option(tcp::acceptor::reuse_address(true), error); });
    try_all([&] { acceptor_.set_option(share, error); });
    try_all([&] { acceptor_.set_option(tcp::no_delay(true), error); });  // accepted sockets inherit it
    try_all([&] { acceptor_.bind(at, error); });
    try_all([&] { acceptor_.listen(kBacklog, error); });
    return error;
  }
  // A socket that listens already.
  error_code adopt(int socket, const tcp& protocol) {
    error_code error;
    acceptor_.assign(protocol, socket, error);
    return error;
  }
  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
  int socket() { return acceptor_.native_handle(); }

  void start() {
    const auto report = [shared = loop_->shared](std::exception_ptr bug) {
      shared->log.error("bug", {{"where", "accept"}, {"what", what_of(bug)}});
    };
    spawn(loop_->executor, accept_all(shared_from_this()), report);
  }

  // From any thread.
  void close(std::optional<Farewell> farewell) {
    asio::post(loop_->executor, [self = shared_from_this(), farewell] {
      error_code ignored;
      self->acceptor_.close(ignored);
      self->pause_.cancel();
      if (farewell) self->loop_->deadlines->stop(farewell->quiet, farewell->grace);
    });
  }

 private:
  static asio::awaitable<void> accept_all(std::shared_ptr<Door> self) {
    auto& shared = *self->loop_->shared;
    while (self->acceptor_.is_open()) {
      tcp::endpoint peer;
      auto [error, socket] = co_await self->acceptor_.async_accept(peer, kAsTuple);
      if (error) {
        if (!self->acceptor_.is_open()) co_return;
        if (error == asio::error::connection_aborted) continue;
        shared.log.warn("accept.failed", {{"why", error.message()}});
        self->pause_.expires_after(kAcceptPause);
        co_await self->pause_.async_wait(kAsTuple);
        continue;
      }
      self->take(std::move(socket), peer);
    }
  }

  void take(tcp::socket socket, const tcp::endpoint& peer) {
    auto& shared = *loop_->shared;
    if (++shared.connections > shared.options.connections_max) {
      --shared.connections;
      return;  // closed at once
    }
    error_code error;
    socket.native_non_blocking(true, error);
    const auto report = [log = shared.log](std::exception_ptr bug) { log.error("bug", {{"where", "connection"}, {"what", what_of(bug)}}); };
    spawn(loop_->executor, serve(loop_, std::move(socket), address_of(peer)), report);
  }

  std::shared_ptr<LoopState> loop_;
  tcp::acceptor acceptor_;
  asio::steady_timer pause_;
};

class Listener final : public Server, public Guest {
 public:
  explicit Listener(std::shared_ptr<ServerShared> shared) : shared_(std::move(shared)) {}

  Result<void> open(Runtime& runtime) {
    const auto& options = shared_->options;
    error_code error;
    const auto address = asio::ip::make_address(options.address, error);
    if (error) return failure(Fault::invalid, fmt::format("'{}' is not an address to listen on; write one like 127.0.0.1 or ::", options.address));
    port_ = options.port;
    if (!options.inherited.empty()) return adopt(runtime);
    GH_DO(probe(tcp::endpoint(address, port_)));
    for (std::size_t i = 0; i < runtime.size(); ++i) {
      auto door = std::make_shared<Door>(shared_, runtime.loop(i));
      error = door->open(tcp::endpoint(address, port_));
      if (error) return explain(error);
      port_ = door->port();  // port 0: the first one picks, the others share
      doors_.push_back(std::move(door));
    }
    for (const auto& door : doors_) door->start();
    return {};
  }

  std::uint16_t port() const override { return port_; }
  Result<void> reload_certificates() override {
    if (!shared_->tls) return {};
    return shared_->tls->load(shared_->clock.now());
  }
  void stop_accepting() override {
    for (const auto& door : doors_) door->close(std::nullopt);
  }
  std::vector<int> sockets() const override {
    std::vector<int> sockets;
    for (const auto& door : doors_) sockets.push_back(door->socket());
    return sockets;
  }
  std::size_t connections() const override { return shared_->connections; }

  void leave(std::optional<Farewell> farewell) override {
    shared_->stopping = true;
    const auto patience = farewell.value_or(Farewell{shared_->options.quiet, shared_->options.grace});
    for (const auto& door : doors_) door->close(patience);
  }
  bool gone() const override { return shared_->connections == 0; }
  std::chrono::milliseconds grace() const override { return shared_->options.grace; }

 private:
  // A queue of connections that nobody accepts from would be connections lost: every socket gets a loop, and with fewer
  // sockets than loops some loops share one.
  Result<void> adopt(Runtime& runtime) {
    const auto& sockets = shared_->options.inherited;
    const auto address = asio::ip::make_address(shared_->options.address);
    for (std::size_t i = 0; i < std::max(runtime.size(), sockets.size()); ++i) {
      const int socket = i < sockets.size() ? sockets[i] : ::fcntl(sockets[i % sockets.size()], F_DUPFD_CLOEXEC, 0);
      auto door = std::make_shared<Door>(shared_, runtime.loop(i % runtime.size()));
      if (const auto error = door->adopt(socket, address.is_v6() ? tcp::v6() : tcp::v4())) return explain(error);
      doors_.push_back(std::move(door));
    }
    port_ = doors_.front()->port();
    for (const auto& door : doors_) door->start();
    return {};
  }

  // SO_REUSEPORT lets a second program of the same user share our port in silence. So: bind without it once.
  Result<void> probe(const tcp::endpoint& at) const {
    if (at.port() == 0) return {};
    asio::io_context context;
    tcp::acceptor acceptor(context);
    error_code error;
    acceptor.open(at.protocol(), error);
    if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor.bind(at, error);
    if (error) return explain(error);
    return {};
  }

  std::unexpected<Error> explain(const error_code& error) const {
    const auto& options = shared_->options;
    if (error == asio::error::address_in_use)
      return failure(Fault::conflict, fmt::format("port {} is taken; stop the program that uses it or choose another port", port_));
    if (error == asio::error::access_denied)
      return failure(Fault::denied, fmt::format("port {} may not be used by this user; choose one from 1024 on", port_));
    return failure(Fault::invalid, fmt::format("cannot listen on {} port {}: {}", options.address, port_, error.message()));
  }

  std::shared_ptr<ServerShared> shared_;
  std::vector<std::shared_ptr<Door>> doors_;
  std::uint16_t port_ = 0;
};

// The runtime keeps a weak reference, the owner this handle.
class Handle final : public Server {
 public:
  explicit Handle(std::shared_ptr<Listener> listener) : listener_(std::move(listener)) {}
  ~Handle() override { listener_->stop_accepting(); }
  std::uint16_t port() const override { return listener_->port(); }
  Result<void> reload_certificates() override { return listener_->reload_certificates(); }
  void stop_accepting() override { listener_->stop_accepting(); }
  std::vector<int> sockets() const override { return listener_->sockets(); }
  std::size_t connections() const override { return listener_->connections(); }

 private:
  std::shared_ptr<Listener> listener_;
};

}  // namespace

Result<std::unique_ptr<Server>> Server::listen(Runtime& runtime, ServerOptions options, Handler& handler, const Clock& clock, Random& random, Log log) {
  GH_TRY(auto trusted, Networks::parse(options.trusted_proxies));
  GH_TRY(auto balancers, Networks::parse(options.proxy_protocol));
  std::unique_ptr<TlsStore> tls;
  if (options.tls) {
    options.tls->http2 = options.http2.enabled;
    tls = std::make_unique<TlsStore>(*options.tls);
    GH_DO(tls->load(clock.now()));
  }
  auto shared = std::shared_ptr<ServerShared>(new ServerShared{.options = std::move(options),
                                                               .handler = handler,
                                                               .clock = clock,
                                                               .random = random,
                                                               .log = std::move(log),
                                                               .trusted = std::move(trusted),
                                                               .balancers = std::move(balancers),
                                                               .tls = std::move(tls)});
  auto listener = std::make_shared<Listener>(std::move(shared));
  GH_DO(listener->open(runtime));
  runtime.attend(listener);
  return std::make_unique<Handle>(std::move(listener));
}

}  // namespace gatehouse::net
