#include "core/single_flight.h"

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <atomic>

#include "core/wake.h"

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

asio::awaitable<SingleFlight::Lease> SingleFlight::enter(std::chrono::milliseconds patience) {
  if (auto lease = try_enter()) co_return lease;

  // Whoever runs out of patience, or ends with its loop, leaves its place in the queue behind; nobody is woken there.
  struct Place {
    std::atomic<bool> left = false;
    bool ended = false;        // this and the next: touched on the loop of the waiting one only
    Wake* wake = nullptr;
  };
  struct Seat {
    explicit Seat(const Executor& loop) : wake(loop), place(std::make_shared<Place>()) { place->wake = &wake; }
    Seat(const Seat&) = delete;
    Seat& operator=(const Seat&) = delete;
    ~Seat() {
      place->wake = nullptr;
      place->left = true;
    }
    Wake wake;
    std::shared_ptr<Place> place;
  };
  const auto loop = co_await asio::this_coro::executor;
  Seat seat(loop);
  const auto& place = seat.place;
  bool waits = false;
  {
    const std::lock_guard lock(mutex_);
    if (busy_ && waiting_.size() < kFlightWaitersMax) {
      waiting_.push_back([loop, place] {
        if (place->left) return;
        asio::post(loop, [place] {
          place->ended = true;
          if (place->wake != nullptr) place->wake->wake();
        });
      });
      waits = true;
    }
  }
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (waits && !place->ended && std::chrono::steady_clock::now() < deadline) co_await seat.wake.until(deadline);
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
