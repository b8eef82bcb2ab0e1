#include "net/connection_pool.h"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/query.hpp>

namespace gatehouse::net {

namespace asio = boost::asio;

namespace {
// How late a deadline may be noticed.
constexpr std::chrono::milliseconds kTick{25};
// A connection idle for less is not asked whether it is still open: under load that would be one system call per exchange
// to learn what the retry finds out anyway.
constexpr std::chrono::milliseconds kTrusted{1};
constexpr std::chrono::seconds kSweepEvery{1};
constexpr std::size_t kIdleMax = 2048;   // per loop, over all peers
}  // namespace

ConnectionPool& ConnectionPool::of(const Executor& loop) {
  return asio::use_service<ConnectionPool>(asio::query(loop, asio::execution::context));
}

ConnectionPool::ConnectionPool(asio::execution_context& context)
    : service(context),
      // The timer and sockets need services of their own; made here first, they outlive this one.
      timer_(std::make_unique<asio::steady_timer>(static_cast<asio::io_context&>(context))) {
  const asio::ip::tcp::socket needs_the_socket_service(static_cast<asio::io_context&>(context));
}

ConnectionPool::~ConnectionPool() = default;

void ConnectionPool::shutdown() {
  closed_ = true;
  last_ = nullptr;
  lanes_.clear();
  timer_.reset();
}

ConnectionPool::Lane& ConnectionPool::lane_of(std::string_view lane) {
  if (last_ != nullptr && *last_name_ == lane) return *last_;
  auto found = lanes_.find(lane);
  if (found == lanes_.end()) found = lanes_.emplace(lane, Lane()).first;
  last_name_ = &found->first;
  last_ = &found->second;
  return *last_;
}

bool ConnectionPool::enter(std::string_view name, const Limits& limits) {
  auto& lane = lane_of(name);
  if (lane.in_use >= limits.in_use_max) return false;
  ++lane.in_use;
  return true;
}

void ConnectionPool::leave(std::string_view name) {
  if (closed_) return;
  --lane_of(name).in_use;
}

std::unique_ptr<ClientConnection> ConnectionPool::take(std::string_view name, const Limits& limits) {
  const auto now = steady_now();
  if (now - swept_ >= kSweepEvery) sweep(now);
  auto& idle = lane_of(name).idle;
  while (!idle.empty()) {
    auto connection = std::move(idle.back());
    idle.pop_back();
    --idle_;
    const auto age = now - connection->idle_since;
    if (age >= limits.idle_timeout || (age >= kTrusted && !connection->quiet())) continue;
    watch(*connection);
    return connection;
  }
  return nullptr;
}

void ConnectionPool::give(std::string_view name, const Limits& limits, std::unique_ptr<ClientConnection> connection) {
  unwatch(*connection);
  if (closed_) return;
  auto& lane = lane_of(name);
  lane.idle_timeout = limits.idle_timeout;
  if (lane.idle.size() >= limits.idle_max || idle_ >= kIdleMax) return;
  ++idle_;
  connection->idle_since = steady_now();
  lane.idle.push_back(std::move(connection));
}

// Idle connections hold no timer, which would keep a loop from ending; they are swept when the loop has outbound work.
void ConnectionPool::sweep(SteadyTime now) {
  swept_ = now;
  last_ = nullptr;
  for (auto& [name, lane] : lanes_)
    idle_ -= std::erase_if(lane.idle, [&](const auto& connection) { return now - connection->idle_since >= lane.idle_timeout; });
  std::erase_if(lanes_, [](const auto& entry) { return entry.second.idle.empty() && entry.second.in_use == 0; });
}

void ConnectionPool::watch(ClientConnection& connection) {
  connection.watch_slot = watched_.size();
  watched_.push_back(&connection);
  if (!armed_ && !closed_) arm();
}

void ConnectionPool::unwatch(ClientConnection& connection) {
  auto* const last = watched_.back();
  last->watch_slot = connection.watch_slot;
  watched_[last->watch_slot] = last;
  watched_.pop_back();
}

void ConnectionPool::arm() {
  armed_ = true;
  timer_->expires_after(kTick);
  timer_->async_wait([this](const boost::system::error_code& code) {
    if (!code) tick();
  });
}

void ConnectionPool::tick() {
  armed_ = false;
  const auto now = steady_now();
  for (auto* const connection : watched_) {
    if (connection->expired()) continue;
    if (connection->deadline() <= now) connection->expire();
    else connection->tick();
  }
  if (now - swept_ >= kSweepEvery) sweep(now);
  if (!watched_.empty()) arm();
}

}  // namespace gatehouse::net
