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
#include "core/secret.h"
#include "core/task.h"
#include "net/http1.h"
#include "net/message.h"
#include "net/network.h"
#include "net/url.h"

namespace gatehouse::net {

// Names to addresses, injected. "localhost" and "*.localhost" are loopback without asking anybody (RFC 6761 §6.3).
class Resolver {
 public:
  virtual ~Resolver() = default;
  virtual Task<std::vector<std::string>> resolve(std::string host) = 0;   // numeric addresses, at least one
  // The same without looking at what is remembered, for whoever asks now and then in the background.
  virtual Task<std::vector<std::string>> resolve_anew(std::string host) { return resolve(std::move(host)); }
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
  std::vector<Networks> networks_;
};

// Towards whom we connect. The peer's certificate is always checked, unless `verify` says otherwise in so many words.
struct ClientTls {
  std::string ca_file = {};       // PEM; empty: the system's, unless there is `ca_pem`
  std::string ca_pem = {};        // the authorities themselves, and no others
  std::string server_name = {};   // asked for (SNI) and expected in the certificate; empty: the host of the URL
  std::string certificate_pem = {};   // that we show when asked (mTLS), chain included
  Secret key_pem = {};                // of that certificate
  enum class Least : std::uint8_t { tls12, tls13 } least = Least::tls12;
  enum class Verify : std::uint8_t { peer, nobody } verify = Verify::peer;   // nobody: anybody in between can read and change everything
  friend bool operator==(const ClientTls&, const ClientTls&) = default;
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

// What was done so far, for metrics. Counted over all loops.
struct OutboundCounts {
  std::uint64_t exchanges = 0;   // begun
  std::uint64_t failures = 0;    // ended in Fault::upstream
  std::uint64_t connects = 0;    // new connections
  std::uint64_t reuses = 0;      // exchanges on a pooled connection
  std::uint64_t retries = 0;     // a pooled connection was stale, the request went out again on a fresh one
  std::uint64_t refusals = 0;    // by PeerRules
  std::uint64_t short_circuits = 0;  // not tried, because the peer failed too often just before

  OutboundCounts& operator+=(const OutboundCounts& more);
};

// A peer that fails `failures` times in a row is left alone for `pause`; then one request may try it again.
struct BreakerOptions {
  int failures = 5;
  std::chrono::milliseconds pause{5000};
};

// Thread-safe; pools connections per loop. Errors are Fault::upstream with the peer's name (code() is "timeout" when a
// deadline passed); Fault::denied when the rules refuse. Redirects are answers like any other: nobody follows them.
// Sent again once, on a fresh connection, if a pooled one was closed before any byte of the answer came and the method
// is idempotent (RFC 9110 §9.2.2) or nothing had been sent.
class HttpClient {
 public:
  virtual ~HttpClient() = default;
  virtual Task<Answer> send(Outbound request) = 0;
  // From now on for new connections; any thread.
  virtual void set_rules(PeerRules) {}
  virtual OutboundCounts counts() const { return {}; }
};
std::unique_ptr<HttpClient> make_http_client(Resolver& resolver, PeerRules rules, ClientTls tls, BreakerOptions breaker = {});

// How long one exchange may take, besides what its peer's timeouts say.
struct ExchangeLimits {
  std::chrono::steady_clock::time_point until = std::chrono::steady_clock::time_point::max();   // nothing of it passes this instant
  std::chrono::milliseconds first_byte{0}, idle{0};   // instead of the peer's read_timeout, until the head and after it; 0: as it is
};

// One streaming exchange with an upstream, on a pooled keep-alive connection of the calling loop. Lives and dies there.
// Reading and sending may go on at the same time (two coroutines of that loop), each only once.
class UpstreamExchange {
 public:
  enum class Body : std::uint8_t { ends, follows };  // is the request complete with this piece?

  virtual ~UpstreamExchange() = default;   // returns the connection to the pool if it is clean, else closes it
  // An empty string with room from earlier exchanges: write the head into it, move it into send_head.
  virtual std::string spare() { return {}; }
  // `head` is the whole serialised request head; `first` are the body bytes known already (framed as the head says),
  // sent with it in one write. `first` must live until read_head has returned: both are sent once more, on a fresh
  // connection, when a pooled one turns out to be closed before any byte of the answer came, if the method is idempotent
  // and the request complete, or if nothing had been sent.
  // When sending fails, the answer may still be there: a peer may refuse early (413) and close.
  virtual Task<void> send_head(std::string head, std::string_view first, Body body) = 0;
  virtual Task<void> send_body(std::string_view bytes, Body body) = 0;    // already framed
  virtual Task<void> send_chunk(std::string_view data, Body body) = 0;    // framed as a chunk here; `ends` adds the last one
  // The end of a body that was sent with send_chunk, with trailer fields. Names and values have been checked.
  virtual Task<void> send_end(std::vector<std::pair<std::string, std::string>> trailers) = 0;
  virtual Task<const Head*> read_head(Method to) = 0;            // final head (1xx but 101 skipped); lives until the end
  virtual Task<std::string_view> read_some() = 0;                // decoded body piece, a view until the next call; empty at the end
  virtual const std::vector<std::pair<std::string, std::string>>& trailers() const = 0;
  // What read_some() would give without waiting; nullopt: ask that.
  virtual std::optional<std::string_view> at_hand() { return std::nullopt; }
  // Raw bytes in both directions after 101 (send_body sends them): for WebSocket tunnels. Empty when the peer has closed.
  // It waits as long as it takes: who holds the tunnel knows when it is over. (After 101, which stands also for the 200 of
  // RFC 8441 when the peer speaks HTTP/2; then its head has the Sec-WebSocket-Accept that HTTP/1.1 would have had.)
  virtual Task<std::string_view> read_raw() = 0;
  virtual Task<void> end_raw() = 0;   // nothing more goes in our direction; the other one goes on
  // From now on; asked for again, it takes the place of what was said before.
  virtual void limit(const ExchangeLimits& limits) = 0;
  // Can nobody have done anything with the request? Nothing of it was written, or the peer says so (RFC 9113 §8.7): then it
  // may be sent again, whatever its method.
  virtual bool untouched() const = 0;
  // Nobody wants the answer any more: what waits here ends with Fault::upstream, and the peer is told as its protocol can.
  virtual void abort() = 0;
};

// What is spoken to an upstream. `h2` without TLS is HTTP/2 with prior knowledge, `automatic` is decided by ALPN (and is
// http1 without TLS).
enum class UpstreamProtocol : std::uint8_t { http1, h2, automatic };

// What a connection to an upstream says first: for whom it was made. It then serves one exchange and is not pooled, because
// the next one may be somebody else's; HTTP/2, where many share a connection, cannot have it.
enum class ProxyProtocol : std::uint8_t { none, v1, v2 };

struct UpstreamOptions {
  Url url;                                        // scheme, host, port
  std::string address = {};                       // numeric; instead of looking up the host, which stays the name
  ClientTls tls = {};
  std::chrono::milliseconds connect_timeout{3000}, read_timeout{60000}, write_timeout{60000};  // without a byte of progress
  std::size_t idle_max = 256;                     // pooled connections per loop: what one HTTP/2 client or two ask for at once
  std::chrono::milliseconds idle_timeout{60000};
  std::size_t connections_max = 4096;             // exchanges at once, per loop; more are Fault::limited
  UpstreamProtocol protocol = UpstreamProtocol::http1;
  ProxyProtocol proxy_protocol = ProxyProtocol::none;
  std::size_t sessions_max = 8;                   // HTTP/2: connections per loop, each with as many streams as the peer allows
  std::chrono::milliseconds ping_after{20000}, ping_patience{10000};   // HTTP/2: silence while somebody waits
};
class Upstream {
 public:
  virtual ~Upstream() = default;   // exchanges may outlive it
  // Connects or takes a pooled connection. Nothing of the exchange passes `until`, unless its limit() says otherwise. `client`:
  // who is told to an upstream with proxy_protocol; nobody, and it hears that this program itself asks.
  virtual Task<std::unique_ptr<UpstreamExchange>> open(std::chrono::steady_clock::time_point until, Address client) = 0;
  Task<std::unique_ptr<UpstreamExchange>> open(std::chrono::steady_clock::time_point until) { return open(until, Address()); }
  Task<std::unique_ptr<UpstreamExchange>> open() { return open(std::chrono::steady_clock::time_point::max()); }
  // On a pooled connection of this loop, without waiting; nullptr: ask open(). `loop` is the caller's.
  virtual std::unique_ptr<UpstreamExchange> reopen(const Executor&) { return nullptr; }
  virtual OutboundCounts counts() const { return {}; }
};
// The resolver must outlive the last exchange.
std::unique_ptr<Upstream> make_upstream(Resolver& resolver, PeerRules rules, UpstreamOptions options);
// `tls` instead of that in `options`.
std::unique_ptr<Upstream> make_upstream(Resolver& resolver, PeerRules rules, ClientTls tls, UpstreamOptions options);
// Fault::invalid when nobody can connect with this: authorities, certificate or key that cannot be read, or do not fit.
Result<void> check_client_tls(const ClientTls& tls);

}  // namespace gatehouse::net
