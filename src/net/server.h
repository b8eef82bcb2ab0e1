// Listeners and the loops that serve them: one loop per core, each with its own listener (SO_REUSEPORT).
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/log.h"
#include "core/random.h"
#include "core/task.h"
#include "net/exchange.h"
#include "net/http1.h"

namespace gatehouse::net {

// How patiently a server ends. Answers say `Connection: close` from the beginning; idle connections may bring one more
// request during `quiet`, requests under way may end until `grace` is over.
struct Farewell {
  std::chrono::milliseconds quiet{0}, grace{10000};
};

// Something with work on the loops that must have ended before they do: a listener with its connections.
class Guest {
 public:
  virtual ~Guest() = default;
  virtual void leave(std::optional<Farewell> farewell) = 0;   // any thread: begin to end; its own patience unless told
  virtual bool gone() const = 0;   // any thread
  virtual std::chrono::milliseconds grace() const = 0;
};

// The loops. Each runs on a thread of its own. stop() is graceful: listeners close, idle connections close, requests in
// flight get `grace` to end, then are cancelled; join() returns when all is quiet.
class Runtime {
 public:
  explicit Runtime(std::size_t loops);   // 0: one per core
  ~Runtime();
  std::size_t size() const;
  Executor loop(std::size_t index) const;
  void start();
  void stop(std::optional<Farewell> farewell = std::nullopt);    // any thread, also before start()
  // Also ends what still waits on the loops, so services may be destroyed afterwards. `before`: when the loops have ended, to end
  // those threads that still report to them.
  void join(const std::function<void()>& before = {});
  void attend(std::weak_ptr<Guest> guest);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

struct ServerTls {
  struct Identity {
    std::string certificate_file, key_file;  // PEM, chain included
  };
  std::vector<Identity> identities;          // chosen by SNI; the first one serves unknown names
  bool http2 = true;                         // offer h2 by ALPN; Server::listen sets it from ServerOptions::http2
  std::string client_ca_file = {};           // PEM: clients may show a certificate of these authorities
  // Certificates of nobody's authority are taken too (self-signed clients, RFC 8705 §2.2); Request tells them apart. Otherwise
  // one of those ends the handshake.
  bool any_client_certificate = false;

  bool asks_clients() const { return any_client_certificate || !client_ca_file.empty(); }
};

// HTTP/2: over TLS by ALPN, over plain sockets by prior knowledge (its preface). RFC 9113, RFC 8441.
struct Http2Options {
  bool enabled = true;
  std::uint32_t streams_max = 100;                  // requests of one connection at a time, their handlers included
  std::uint32_t stream_window = 256 * 1024;         // bytes of one body that may wait for its handler
  std::uint32_t connection_window = 1024 * 1024;    // … and of all bodies of one connection
};

struct ServerOptions {
  std::string address = "127.0.0.1";         // "0.0.0.0", "::" …
  std::uint16_t port = 8080;                 // 0: any free one
  std::optional<ServerTls> tls;
  HttpLimits limits;
  Http2Options http2;
  std::chrono::milliseconds head_timeout{10000};      // first byte of a head to its end
  std::chrono::milliseconds idle_timeout{75000};      // between requests
  std::chrono::milliseconds body_timeout{30000};      // without a byte of the body
  std::chrono::milliseconds write_timeout{30000};     // without progress
  std::chrono::milliseconds tunnel_timeout{300000};   // without a byte in either direction of a tunnel
  std::chrono::milliseconds handshake_timeout{10000};
  std::chrono::milliseconds quiet{0}, grace{10000};   // Farewell, unless stop() is told otherwise
  std::size_t connections_max = 20000;       // over all loops; more are closed at once
  std::vector<std::string> trusted_proxies;  // networks whose X-Forwarded-* are believed; nobody by default
  std::vector<std::string> proxy_protocol;   // networks whose connections begin with a PROXY header, and must; nobody by default
  std::vector<int> inherited;                // listening sockets to accept from instead of binding; ours from then on
};

class Server {
 public:
  // Binds at once: Fault::conflict "port 8080 is taken" with what to do; Fault::invalid for a bad, expired or mismatched
  // certificate (file and date named).
  static Result<std::unique_ptr<Server>> listen(Runtime& runtime, ServerOptions options, Handler& handler, const Clock& clock, Random& random, Log log);
  virtual ~Server() = default;
  virtual std::uint16_t port() const = 0;
  virtual Result<void> reload_certificates() = 0;   // new connections use the new ones; on a fault the old ones stay
  virtual void stop_accepting() = 0;
  // The listening sockets, for a successor that goes on accepting from them. They stay ours.
  virtual std::vector<int> sockets() const = 0;
  virtual std::size_t connections() const = 0;
};

}  // namespace gatehouse::net
