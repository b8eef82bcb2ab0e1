#include "net/http2_client_pool.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/this_coro.hpp>

namespace gatehouse::net {

namespace asio = boost::asio;

namespace {
constexpr std::chrono::milliseconds kTick{100};        // how late a park or a ping may come
constexpr std::chrono::minutes kHttp1Remembered{10};   // until a peer is offered HTTP/2 again
constexpr int kRoundsMax = 64;                         // of looking again after somebody else's attempt
}  // namespace

Http2ClientPool& Http2ClientPool::of(const Executor& loop) {
  return asio::use_service<Http2ClientPool>(asio::query(loop, asio::execution::context));
}

Http2ClientPool::Http2ClientPool(asio::execution_context& context)
    : service(context), timer_(std::make_unique<asio::steady_timer>(static_cast<asio::io_context&>(context))) {
  // Services made first outlive this one; sessions need this one.
  (void)asio::use_service<ConnectionPool>(context);
}

Http2ClientPool::~Http2ClientPool() = default;

void Http2ClientPool::shutdown() {
  closed_ = true;
  for (auto& [name, lane] : lanes_)
    for (auto& session : lane->sessions) session->abandon();
  lanes_.clear();
  timer_.reset();
}

// The fullest first, so that the others become idle and end.
std::shared_ptr<Http2ClientSession> Http2ClientPool::take(Lane& lane) {
  std::shared_ptr<Http2ClientSession> best;
  for (const auto& session : lane.sessions)
    if (session->takes_stream() && (!best || session->streams() > best->streams())) best = session;
  if (!best || !best->parked() || best->unpark()) return best;
  best->fail("was closed while it was idle");
  std::erase(lane.sessions, best);
  return take(lane);
}

Task<Http2ClientPool::Found> Http2ClientPool::find(std::shared_ptr<const Http2Target> peer, SteadyTime until) {
  auto& slot = lanes_[peer->peer->lane];
  if (!slot) slot = std::make_shared<Lane>();
  const auto lane = slot;
  lane->idle_timeout = peer->peer->pool.idle_timeout;
  for (int round = 0; round < kRoundsMax; ++round) {
    sweep(steady_now());
    Found found;
    if (auto session = take(*lane)) {
      found.session = std::move(session);
      arm();
      co_return found;
    }
    if (peer->protocol == UpstreamProtocol::automatic && steady_now() < lane->http1_until) co_return found;
    const auto seen = lane->attempts;
    auto lease = co_await lane->connecting.enter();
    if (lease) {
      if (auto session = take(*lane)) {
        found.session = std::move(session);
        co_return found;
      }
      co_return co_await connect(std::move(peer), lane, until);
    }
    if (lane->attempts != seen && lane->failed) co_return std::unexpected(*lane->failed);
    if (steady_now() >= until) co_return peer_failure(peer->peer->url, "could not be reached in time", asio::error::timed_out);
  }
  co_return failure(Fault::limited, peer_name(peer->peer->url) + ": too many exchanges at once with this peer");
}

Task<Http2ClientPool::Found> Http2ClientPool::connect(std::shared_ptr<const Http2Target> peer, std::shared_ptr<Lane> lane, SteadyTime until) {
  const auto& url = peer->peer->url;
  if (lane->sessions.size() >= peer->sessions_max)
    co_return failure(Fault::limited, peer_name(url) + ": every HTTP/2 connection to this peer is full");
  ++lane->attempts;
  lane->failed.reset();
  auto connection = co_await peer->connector->connect(url, until, peer->peer->counters.get());
  if (!connection) {
    lane->failed = connection.error();
    co_return std::unexpected(std::move(connection.error()));
  }
  const auto loop = co_await asio::this_coro::executor;
  if (url.tls && !(*connection)->speaks_http2()) {
    if (peer->protocol == UpstreamProtocol::automatic) {
      lane->http1_until = steady_now() + kHttp1Remembered;
      ConnectionPool::of(loop).give(peer->peer->lane, peer->peer->pool, *std::move(connection));
      co_return Found();
    }
    ConnectionPool::of(loop).unwatch(**connection);
    lane->failed = peer_failure(url, "does not offer HTTP/2", {}).error();
    co_return std::unexpected(*lane->failed);
  }
  auto session = Http2ClientSession::start(loop, *std::move(connection), peer->times);
  lane->sessions.push_back(session);
  arm();
  auto greeted = co_await session->greet(until);
  if (!greeted) {
    lane->failed = peer_failure(url, greeted.error().message(), {}).error();
    co_return std::unexpected(*lane->failed);
  }
  if (!session->takes_stream()) {
    lane->failed = Error(Fault::limited, peer_name(url) + ": takes no requests over HTTP/2");
    co_return std::unexpected(*lane->failed);
  }
  co_return Found{.session = std::move(session), .fresh = true};
}

void Http2ClientPool::sweep(SteadyTime now) {
  for (auto& [name, lane] : lanes_)
    std::erase_if(lane->sessions, [&](const std::shared_ptr<Http2ClientSession>& session) {
      const bool useless = session->dead() || (session->streams() == 0 && now - session->idle_since() >= lane->idle_timeout);
      if (useless && session->streams() == 0) session->fail("was closed while it was idle");
      return useless && session->streams() == 0;
    });
}

void Http2ClientPool::arm() {
  if (armed_ || closed_) return;
  armed_ = true;
  timer_->expires_after(kTick);
  timer_->async_wait([this](const boost::system::error_code& code) {
    if (!code) tick();
  });
}

// Runs while a connection is awake; parked ones are swept when the loop has outbound work.
void Http2ClientPool::tick() {
  armed_ = false;
  const auto now = steady_now();
  sweep(now);
  bool awake = false;
  for (auto& [name, lane] : lanes_)
    for (const auto& session : lane->sessions) {
      session->tick(now);
      awake = awake || !session->parked();   // (a dead one is watched until its last stream has gone)
    }
  if (awake) arm();
}

}  // namespace gatehouse::net
