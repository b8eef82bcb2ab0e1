// The same work is done once at a time: who comes while it runs waits for its end instead of doing it again.
//   for (;;) {
//     if (value is there) co_return value;
//     auto lease = co_await flight.enter();
//     if (!lease) continue;             // somebody else's run has just ended: look again
//     … do the work, keep the value …
//   }
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

namespace gatehouse {

inline constexpr std::size_t kFlightWaitersMax = 100'000;  // as many as connections can wait; more do not wait but look again

// Usable from any thread. Must outlive its leases and those who wait in enter().
class SingleFlight {
 public:
  // Held by who does the work; when it dies, the others go on (also when the work failed or was cancelled).
  class Lease {
   public:
    Lease() = default;
    explicit Lease(SingleFlight* owner) : owner_(owner) {}
    Lease(Lease&& other) noexcept : owner_(std::exchange(other.owner_, nullptr)) {}
    Lease& operator=(Lease&& other) noexcept;
    ~Lease() { release(); }
    explicit operator bool() const { return owner_ != nullptr; }

   private:
    void release() noexcept;
    SingleFlight* owner_ = nullptr;
  };

  // A lease when nobody is at work; empty otherwise.
  Lease try_enter();
  // A lease at once, or an empty one after somebody else's run has ended.
  boost::asio::awaitable<Lease> enter();
  // Likewise, and an empty one when `patience` is over before that.
  boost::asio::awaitable<Lease> enter(std::chrono::milliseconds patience);

 private:
  void leave() noexcept;
  std::mutex mutex_;
  bool busy_ = false;
  std::vector<std::move_only_function<void()>> waiting_;
};

}  // namespace gatehouse
