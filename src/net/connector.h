// Makes outbound connections: name to addresses, rules on each address, TCP to the address that was checked, TLS to the
// name that was asked for. Internal to net.
#pragma once

#include <atomic>
#include <boost/asio/ssl/context.hpp>
#include <memory>
#include <optional>

#include "net/client.h"
#include "net/connection_pool.h"

namespace gatehouse::net {

struct Counters {
  std::atomic<std::uint64_t> exchanges = 0, failures = 0, connects = 0, reuses = 0, retries = 0, refusals = 0, short_circuits = 0;
  OutboundCounts now() const;
};
inline void count(std::atomic<std::uint64_t>& counter) { counter.fetch_add(1, std::memory_order_relaxed); }

std::string peer_name(const Url& url);   // "host:port", for messages
// Fault::upstream "<peer> <what>"; code() is "timeout" when the code says so.
std::unexpected<Error> peer_failure(const Url& url, std::string_view what, Errc code);

// What is said before anything else.
struct Preamble {
  ProxyProtocol version = ProxyProtocol::none;
  Address client;
};

// What we offer by ALPN. `either` prefers HTTP/2.
enum class Offer : std::uint8_t { http1, http2, either };

class Connector {
 public:
  // Without `tls` only plain HTTP is possible: reading the system's certificates takes a while.
  // `address`: connects there instead of looking up the host.
  Connector(Resolver& resolver, PeerRules rules, std::optional<ClientTls> tls, Offer offer = Offer::http1, std::string address = {});

  // Connected, checked and watched by the pool of the calling loop.
  Task<std::unique_ptr<ClientConnection>> connect(Url url, SteadyTime until, Counters* counters) { return connect(std::move(url), until, counters, Preamble()); }
  Task<std::unique_ptr<ClientConnection>> connect(Url url, SteadyTime until, Counters* counters, Preamble preamble);
  void set_rules(PeerRules rules) { rules_.store(std::make_shared<const PeerRules>(std::move(rules))); }

 private:
  Task<std::vector<std::string>> addresses_of(Url url, SteadyTime until, Counters* counters);
  Task<std::unique_ptr<ClientConnection>> connect_to(std::string address, Url url, SteadyTime until, Preamble preamble);

  Resolver& resolver_;
  std::string address_, server_name_;
  std::atomic<std::shared_ptr<const PeerRules>> rules_;
  boost::asio::ssl::context tls_;
  std::string tls_fault_;   // why no TLS is possible; told when somebody needs it
};

}  // namespace gatehouse::net
