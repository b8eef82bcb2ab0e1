#include "core/wake.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace gatehouse {

namespace asio = boost::asio;

struct Wake::Timer : asio::steady_timer {
  using asio::steady_timer::steady_timer;
};

Wake::Wake(const Executor& loop) : timer_(std::make_unique<Timer>(loop)) {}
Wake::~Wake() = default;

asio::awaitable<void> Wake::until(std::chrono::steady_clock::time_point time) {
  timer_->expires_at(time);
  co_await timer_->async_wait(asio::as_tuple(asio::use_awaitable));
}

asio::awaitable<void> Wake::after(std::chrono::milliseconds time) {
  timer_->expires_after(time);
  co_await timer_->async_wait(asio::as_tuple(asio::use_awaitable));
}

void Wake::wake() { timer_->cancel(); }

}  // namespace gatehouse
