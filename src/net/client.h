// Outbound HTTP. Everything the program asks of others goes through here: deadlines, size caps, no redirects, an SSRF
// guard applied to the resolved address, pooled connections. Two layers: HttpClient for small whole exchanges (JWKS,
// token endpoints, hooks), Upstream for the gateway's streaming.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/pool.h"
#include "core/task.h"
#include "net/http1.h"
#include "net/message.h"
#include "net/url.h"

namespace gatehouse::net {

// Names to addresses, injected. "localhost" and "*.localhost" are loopback without asking anybody (RFC 6761 §6.3).
class Resolver {
 public:
  virtual ~Resolver() = default;
  virtual Task<std::vector<std::string>> resolve(std::string host) = 0;   // numeric addresses, at least one
};
std::unique_ptr<Resolver> system_resolver(Pool& blocking);

// Whom we may connect to. Applied to the address after resolution, so that a name cannot lie (DNS rebinding).
// Public addresses only, unless the host (as configured by an administrator) or the address' network is allowed.
class PeerRules {
 public:
  static PeerRules public_only();
  static PeerRules anyone();                        // upstreams written in the configuration
  PeerRules& allow_host(std::string host_and_port); // "localhost:8080"
  Result<void> allow_network(std::string_view cidr);
  Result<void> check(std::string_view host, std::uint16_t port, std::string_view ip) const;

 private:
  bool anyone_ = false;
  std::set<std::string, std::less<>> hosts_;
  std::vector<std::pair<std::string, int>> networks_;
};

struct ClientTls {
  std::string ca_file;      // empty: the system's
};

struct Outbound {
  Method method = Method::get;
  Url url;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::chrono::milliseconds connect_timeout{3000}, total_timeout{10000};
  std::size_t answer_max = 1024 * 1024;
};
struct Answer {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::optional<std::string> header(std::string_view name) const;
};

// Thread-safe; pools connections per loop. Errors are Fault::upstream with the peer's name; Fault::denied when the rules refuse.
class HttpClient {
 public:
  virtual ~HttpClient() = default;
  virtual Task<Answer> send(Outbound request) = 0;
};
std::unique_ptr<HttpClient> make_http_client(Resolver& resolver, PeerRules rules, ClientTls tls);

// One streaming exchange with an upstream, on a pooled keep-alive connection of the calling loop.
class UpstreamExchange {
 public:
  virtual ~UpstreamExchange() = default;   // returns the connection to the pool if it is clean, else closes it
  // `head` is the whole serialised request head. Retried once on a fresh connection when a pooled one was already closed
  // by the peer before any byte of the answer (and the body has not begun).
  virtual Task<void> send_head(std::string head) = 0;
  virtual Task<void> send_body(std::string_view bytes) = 0;      // already framed
  virtual Task<const Head*> read_head(Method to) = 0;            // final head (1xx skipped); lives until the end
  virtual Task<std::string_view> read_some() = 0;                // decoded body piece; empty at the end
  virtual const std::vector<std::pair<std::string, std::string>>& trailers() const = 0;
  // Raw bytes in both directions after 101: for WebSocket tunnels.
  virtual Task<std::string_view> read_raw() = 0;
};

struct UpstreamOptions {
  Url url;                                        // scheme, host, port
  std::chrono::milliseconds connect_timeout{3000}, read_timeout{60000}, write_timeout{60000};
  std::size_t idle_max = 64;                      // pooled connections per loop
  std::chrono::milliseconds idle_timeout{60000};
};
class Upstream {
 public:
  virtual ~Upstream() = default;
  virtual Task<std::unique_ptr<UpstreamExchange>> open() = 0;   // connects or takes a pooled connection
};
std::unique_ptr<Upstream> make_upstream(Resolver& resolver, PeerRules rules, ClientTls tls, UpstreamOptions options);

}  // namespace gatehouse::net
