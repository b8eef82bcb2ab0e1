#include "net/connector.h"

#include <openssl/ssl.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "core/spawn.h"
#include "net/proxy_protocol.h"

namespace gatehouse::net {

namespace asio = boost::asio;

namespace {

constexpr std::size_t kAddressesTriedMax = 8;
constexpr std::string_view kAlpnHttp2 = "\x02h2", kAlpnHttp1 = "\x08http/1.1", kAlpnEither = "\x02h2\x08http/1.1";

std::string_view alpn_of(Offer offer) {
  switch (offer) {
    case Offer::http1: return kAlpnHttp1;
    case Offer::http2: return kAlpnHttp2;
    case Offer::either: return kAlpnEither;
  }
  std::unreachable();
}

// A watched connection that is still being made.
class Attempt {
 public:
  explicit Attempt(const Executor& loop) : pool_(ConnectionPool::of(loop)), connection_(std::make_unique<ClientConnection>(loop)) {
    pool_.watch(*connection_);
  }
  ~Attempt() {
    if (connection_) pool_.unwatch(*connection_);
  }
  Attempt(const Attempt&) = delete;
  Attempt& operator=(const Attempt&) = delete;
  ClientConnection& connection() { return *connection_; }
  std::unique_ptr<ClientConnection> succeed() { return std::move(connection_); }

 private:
  ConnectionPool& pool_;
  std::unique_ptr<ClientConnection> connection_;
};

// A name look-up cannot be called off, so it goes on by itself when nobody wants to wait longer.
struct LookUp {
  explicit LookUp(const Executor& loop) : done(loop) {}
  std::optional<Result<std::vector<std::string>>> answer;
  asio::steady_timer done;
};

asio::awaitable<void> look_up(std::shared_ptr<LookUp> state, Resolver* resolver, std::string host) {
  state->answer = co_await resolver->resolve(std::move(host));
  state->done.cancel();
}

Errc use_authorities(asio::ssl::context& context, const ClientTls& tls) {
  Errc code;
  if (!tls.ca_pem.empty()) context.add_certificate_authority(asio::buffer(tls.ca_pem), code);
  else if (tls.ca_file.empty()) context.set_default_verify_paths(code);
  else context.load_verify_file(tls.ca_file, code);
  return code;
}

Errc use_identity(asio::ssl::context& context, const ClientTls& tls) {
  Errc code;
  const auto key = tls.key_pem.reveal();
  context.use_certificate_chain(asio::buffer(tls.certificate_pem), code);
  if (!code) context.use_private_key(asio::buffer(key.data(), key.size()), asio::ssl::context::pem, code);
  return code;
}

// Why nobody can connect with this; empty: nothing is wrong.
std::string prepare(asio::ssl::context& context, const std::optional<ClientTls>& tls, Offer offer) {
  if (!tls) return "no TLS is configured for this peer";
  auto* const native = context.native_handle();
  SSL_CTX_set_min_proto_version(native, tls->least == ClientTls::Least::tls13 ? TLS1_3_VERSION : TLS1_2_VERSION);
  SSL_CTX_set_verify(native, tls->verify == ClientTls::Verify::nobody ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, nullptr);
  const auto alpn = alpn_of(offer);
  SSL_CTX_set_alpn_protos(native, reinterpret_cast<const unsigned char*>(alpn.data()), static_cast<unsigned>(alpn.size()));
  if (const auto code = use_authorities(context, *tls); code)
    return "cannot read the CA certificates" + (tls->ca_file.empty() ? std::string() : " of " + tls->ca_file) + ": " + code.message();
  if (tls->certificate_pem.empty()) return {};
  if (const auto code = use_identity(context, *tls); code) return "cannot use the client certificate and its key: " + code.message();
  return {};
}

}  // namespace

OutboundCounts Counters::now() const {
  return {.exchanges = exchanges, .failures = failures, .connects = connects, .reuses = reuses,
          .retries = retries, .refusals = refusals, .short_circuits = short_circuits};
}

OutboundCounts& OutboundCounts::operator+=(const OutboundCounts& more) {
  exchanges += more.exchanges;
  failures += more.failures;
  connects += more.connects;
  reuses += more.reuses;
  retries += more.retries;
  refusals += more.refusals;
  short_circuits += more.short_circuits;
  return *this;
}

std::string peer_name(const Url& url) {
  return (url.host.contains(':') ? "[" + url.host + "]" : url.host) + ":" + std::to_string(url.port);
}

std::unexpected<Error> peer_failure(const Url& url, std::string_view what, Errc code) {
  Error error(Fault::upstream, peer_name(url) + " " + std::string(what));
  if (code == asio::error::timed_out) error = std::move(error).with_code("timeout");
  return std::unexpected(std::move(error));
}

Result<void> check_client_tls(const ClientTls& tls) {
  asio::ssl::context context(asio::ssl::context::tls_client);
  if (auto fault = prepare(context, tls, Offer::http1); !fault.empty()) return failure(Fault::invalid, std::move(fault));
  return {};
}

Connector::Connector(Resolver& resolver, PeerRules rules, std::optional<ClientTls> tls, Offer offer, std::string address)
    : resolver_(resolver), address_(std::move(address)), server_name_(tls ? tls->server_name : std::string()),
      rules_(std::make_shared<const PeerRules>(std::move(rules))), tls_(asio::ssl::context::tls_client), tls_fault_(prepare(tls_, tls, offer)) {}

Task<std::vector<std::string>> Connector::addresses_of(Url url, SteadyTime until, Counters* counters) {
  std::vector<std::string> found{address_};
  if (address_.empty()) {
    const auto loop = co_await asio::this_coro::executor;
    const auto state = std::make_shared<LookUp>(loop);
    state->done.expires_at(until);
    spawn(loop, look_up(state, &resolver_, url.host));
    if (!state->answer) co_await state->done.async_wait(asio::as_tuple(asio::use_awaitable));
    if (!state->answer) co_return peer_failure(url, "could not be found in time", asio::error::timed_out);
    GH_CO_TRY(found, std::move(*state->answer));
  }

  std::vector<std::string> allowed;
  std::optional<Error> refusal;
  const auto rules = rules_.load();
  for (const auto& address : found) {
    auto verdict = rules->check(url.host, url.port, address);
    if (!verdict) refusal = std::move(verdict.error());
    else if (allowed.size() < kAddressesTriedMax) allowed.push_back(address);
  }
  if (!allowed.empty()) co_return allowed;
  if (!refusal) co_return peer_failure(url, "has no address", Errc());
  count(counters->refusals);
  co_return std::unexpected(*std::move(refusal));
}

Task<std::unique_ptr<ClientConnection>> Connector::connect_to(std::string address, Url url, SteadyTime until, Preamble preamble) {
  const auto loop = co_await asio::this_coro::executor;
  Attempt attempt(loop);
  const asio::ip::tcp::endpoint peer(asio::ip::make_address(address), url.port);
  auto code = co_await attempt.connection().connect(peer, until);
  if (code == asio::error::timed_out) co_return peer_failure(url, "could not be reached in time (" + address + ")", code);
  if (code) co_return peer_failure(url, "could not be reached (" + address + "): " + code.message(), code);
  if (preamble.version != ProxyProtocol::none) {
    const auto header = write_proxy_header(preamble.version, preamble.client, {.ip = address, .port = url.port});
    ClientConnection::Pieces pieces;
    pieces[0] = header;
    code = co_await attempt.connection().write(pieces, std::chrono::ceil<std::chrono::milliseconds>(until - steady_now()));
    if (code) co_return peer_failure(url, "did not take who it is for: " + code.message(), code);
  }
  if (url.tls) {
    std::string why;
    code = co_await attempt.connection().handshake(tls_, server_name_.empty() ? url.host : server_name_, until, &why);
    if (code == asio::error::timed_out) co_return peer_failure(url, "did not finish the TLS handshake in time", code);
    if (code) co_return peer_failure(url, "failed the TLS handshake: " + why, code);
  }
  co_return attempt.succeed();
}

Task<std::unique_ptr<ClientConnection>> Connector::connect(Url url, SteadyTime until, Counters* counters, Preamble preamble) {
  if (url.tls && !tls_fault_.empty()) co_return failure(Fault::internal, tls_fault_);
  GH_CO_TRY(const auto addresses, co_await addresses_of(url, until, counters));
  count(counters->connects);
  for (std::size_t i = 0;; ++i) {
    const auto now = steady_now();
    const auto share = (until - now) / static_cast<int>(addresses.size() - i);   // a dead address must not eat all the time
    auto connection = co_await connect_to(addresses[i], url, now + share, preamble);
    if (connection || i + 1 == addresses.size()) co_return connection;
  }
}

}  // namespace gatehouse::net
