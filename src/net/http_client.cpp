// Small whole exchanges with anybody: JWKS, token endpoints, hooks.
#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>

#include "core/text.h"
#include "net/chars.h"
#include "net/client.h"
#include "net/peer_exchange.h"

namespace gatehouse::net {

namespace {

constexpr std::size_t kBrokenPeersMax = 1024;
constexpr std::size_t kIdlePerPeerMax = 8;
constexpr std::size_t kExchangesPerPeerMax = 256;   // at once, per loop
constexpr std::chrono::seconds kIdleTimeout{30};
constexpr std::string_view kUserAgent = "Gatehouse/" GATEHOUSE_VERSION;

// Leaves a peer alone that failed several times in a row: callers learn it at once instead of at their deadline, and the
// peer can recover. Keeps only peers that failed last time.
class Breaker {
 public:
  explicit Breaker(BreakerOptions options) : options_(options) {}

  bool admits(const std::string& peer) {
    const std::lock_guard lock(mutex_);
    const auto found = peers_.find(peer);
    if (found == peers_.end() || found->second.failures < options_.failures) return true;
    const auto now = steady_now();
    if (now < found->second.closed_until) return false;
    found->second.closed_until = now + options_.pause;   // this one may try; the others wait for what it finds
    return true;
  }
  void succeeded(const std::string& peer) {
    const std::lock_guard lock(mutex_);
    peers_.erase(peer);
  }
  void failed(const std::string& peer) {
    const auto now = steady_now();
    const std::lock_guard lock(mutex_);
    if (peers_.size() >= kBrokenPeersMax && !peers_.contains(peer))
      std::erase_if(peers_, [now](const auto& entry) { return entry.second.closed_until < now; });
    if (peers_.size() >= kBrokenPeersMax && !peers_.contains(peer)) return;
    auto& state = peers_[peer];
    ++state.failures;
    state.closed_until = now + options_.pause;
  }

 private:
  struct State {
    int failures = 0;
    SteadyTime closed_until{};
  };
  const BreakerOptions options_;
  std::mutex mutex_;
  std::map<std::string, State> peers_;
};

bool is_ours(std::string_view name) {
  constexpr std::string_view kOurs[] = {"host", "connection", "content-length", "transfer-encoding", "te", "upgrade", "expect", "trailer"};
  return std::ranges::any_of(kOurs, [name](std::string_view ours) { return equal_ignoring_case(name, ours); });
}

Result<void> write_head(const Outbound& request, std::string& out) {
  if (request.method == Method::connect || request.method == Method::other)
    return failure(Fault::internal, "outbound request: this method is not possible");
  out.append(name_of(request.method)).append(" ").append(request.url.target()).append(" HTTP/1.1\r\nHost: ").append(request.url.authority());
  bool has_agent = false;
  for (const auto& [name, value] : request.headers) {
    if (name.empty() || !chars::all(name, chars::token) || chars::has_control(value))
      return failure(Fault::internal, "outbound request: a header field has forbidden characters");
    if (is_ours(name)) return failure(Fault::internal, "outbound request: the client itself writes " + name);
    has_agent = has_agent || equal_ignoring_case(name, "user-agent");
    out.append("\r\n").append(name).append(": ").append(value);
  }
  if (!has_agent) out.append("\r\nUser-Agent: ").append(kUserAgent);
  const bool expects_body = request.method == Method::post || request.method == Method::put || request.method == Method::patch;
  if (expects_body || !request.body.empty()) out.append("\r\nContent-Length: ").append(std::to_string(request.body.size()));
  out.append("\r\n\r\n");
  return {};
}

class PooledClient final : public HttpClient {
 public:
  PooledClient(Resolver& resolver, PeerRules rules, ClientTls tls, BreakerOptions breaker)
      : connector_(std::make_shared<Connector>(resolver, std::move(rules), std::move(tls))), breaker_(breaker) {
    static std::atomic<std::uint64_t> last = 0;
    lanes_ = "client-" + std::to_string(++last) + " ";
  }

  Task<Answer> send(Outbound request) override {
    const auto origin = request.url.origin();
    if (!breaker_.admits(origin)) {
      count(counters_->short_circuits);
      co_return failure(Fault::upstream, peer_name(request.url) + " failed several times in a row; it is left alone for a moment");
    }
    auto answer = co_await exchange(std::move(request));
    if (answer) breaker_.succeeded(origin);
    else if (answer.error().fault() == Fault::upstream) breaker_.failed(origin);
    co_return answer;
  }
  OutboundCounts counts() const override { return counters_->now(); }
  void set_rules(PeerRules rules) override { connector_->set_rules(std::move(rules)); }

 private:
  std::shared_ptr<const Peer> peer_of(const Outbound& request) const {
    auto peer = std::make_shared<Peer>();
    peer->connector = connector_;
    peer->counters = counters_;
    peer->url = request.url;
    peer->lane = lanes_ + request.url.origin();
    peer->pool = {.idle_max = kIdlePerPeerMax, .in_use_max = kExchangesPerPeerMax, .idle_timeout = kIdleTimeout};
    peer->connect_timeout = std::min(request.connect_timeout, request.total_timeout);
    peer->read_timeout = peer->write_timeout = request.total_timeout;
    return peer;
  }

  Task<Answer> exchange(Outbound request) {
    std::string head;
    GH_CO_DO(write_head(request, head));
    const auto until = steady_now() + request.total_timeout;
    GH_CO_TRY(const auto exchange, co_await PeerExchange::open(peer_of(request), until));
    auto sent = co_await exchange->send_head(std::move(head), request.body, UpstreamExchange::Body::ends);
    // Also when not all was taken: the peer may have said why (413) and closed.
    auto found = co_await exchange->read_head(request.method);
    if (!found) co_return std::unexpected(std::move(sent ? found.error() : sent.error()));
    const auto* const answered = *found;
    if (answered->status == 101) co_return failure(Fault::upstream, peer_name(request.url) + " wants to speak another protocol");

    Answer answer;
    answer.status = answered->status;
    for (const auto& field : answered->fields.all()) answer.headers.emplace_back(field.name, field.value);
    if (answered->framing == Framing::length) {
      if (answered->length > request.answer_max) co_return too_large(request);
      answer.body.reserve(answered->length);
    }
    for (;;) {
      GH_CO_TRY(const auto piece, co_await exchange->read_some());
      if (piece.empty()) co_return answer;
      if (piece.size() > request.answer_max - answer.body.size()) co_return too_large(request);
      answer.body.append(piece);
    }
  }

  static std::unexpected<Error> too_large(const Outbound& request) {
    return failure(Fault::upstream, peer_name(request.url) + " sent an answer of more than " + std::to_string(request.answer_max) + " bytes");
  }

  std::shared_ptr<Connector> connector_;
  std::shared_ptr<Counters> counters_ = std::make_shared<Counters>();
  Breaker breaker_;
  std::string lanes_;
};

}  // namespace

std::optional<std::string> Answer::header(std::string_view name) const {
  for (const auto& [field, value] : headers)
    if (equal_ignoring_case(field, name)) return value;
  return std::nullopt;
}

std::unique_ptr<HttpClient> make_http_client(Resolver& resolver, PeerRules rules, ClientTls tls, BreakerOptions breaker) {
  return std::make_unique<PooledClient>(resolver, std::move(rules), std::move(tls), breaker);
}

}  // namespace gatehouse::net
