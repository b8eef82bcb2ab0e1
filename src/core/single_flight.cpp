#include "core/single_flight.h"

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace gatehouse {

namespace asio = boost::asio;

SingleFlight::Lease& SingleFlight::Lease::operator=(Lease&& other) noexcept {
  if (this != &other) {
    release();
    owner_ = std::exchange(other.owner_, nullptr);
  }
  return *this;
}

void SingleFlight::Lease::release() noexcept {
  if (auto* owner = std::exchange(owner_, nullptr)) owner->leave();
}

SingleFlight::Lease SingleFlight::try_enter() {
  const std::lock_guard lock(mutex_);
  if (busy_) return Lease();
  busy_ = true;
  return Lease(this);
}

asio::awaitable<SingleFlight::Lease> SingleFlight::enter() {
  if (auto lease = try_enter()) co_return lease;

  auto wait = [this](auto handler) {
    auto executor = asio::get_associated_executor(handler);
    std::move_only_function<void()> wake = [executor, guard = asio::make_work_guard(executor),
                                            held = std::move(handler)]() mutable {
      asio::post(executor, [held = std::move(held)]() mutable { std::move(held)(); });
    };
    {
      const std::lock_guard lock(mutex_);
      if (busy_ && waiting_.size() < kFlightWaitersMax) {
        waiting_.push_back(std::move(wake));
        return;
      }
    }
    wake();  // it ended in between
  };
  co_await asio::async_initiate<decltype(asio::use_awaitable), void()>(wait, asio::use_awaitable);
  co_return Lease();
}

void SingleFlight::leave() noexcept {
  std::vector<std::move_only_function<void()>> woken;
  {
    const std::lock_guard lock(mutex_);
    busy_ = false;
    woken.swap(waiting_);
  }
  for (auto& wake : woken) wake();
}

}  // namespace gatehouse
