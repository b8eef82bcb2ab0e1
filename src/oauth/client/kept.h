// A value that somebody else publishes (discovery document, key set): fetched when first needed, reused while fresh,
// fetched once at a time, and kept for a while when its owner is down: an outage there must not sign everybody out here.
// Somebody with a timer may call refresh_when_due(), so that no request has to wait while the value is merely old.
// Knows nothing of HTTP: what to fetch is a function. Usable from any thread; must outlive whoever waits in it.
#pragma once

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

#include "core/clock.h"
#include "core/single_flight.h"
#include "core/task.h"

namespace gatehouse::oauth::client {

struct KeptTimes {
  Millis fresh{Seconds(300)};          // no question asked for so long
  Millis outage_grace{Seconds(3600)};  // after that, while fetching fails
  Millis retry{Seconds(5)};            // at most one attempt in this time: also the budget for unknown-kid storms
  friend bool operator==(const KeptTimes&, const KeptTimes&) = default;
};

inline constexpr Millis kFetchPatience{15000};   // longer than any fetch takes: net gives up earlier

template <class T>
class Kept {
 public:
  using Fetch = std::function<Task<T>()>;
  using Ptr = std::shared_ptr<const T>;

  Kept(const Clock& clock, Fetch fetch, KeptTimes times) : clock_(clock), fetch_(std::move(fetch)), times_(times) {}

  // True while the value may be used without asking anybody: it is fresh, or old and no attempt is due. Costs no lock.
  bool is_good(Timestamp now) const { return to_millis(now) < good_until_.load(std::memory_order_acquire); }
  // The value while is_good(); nullptr when get() has something to do.
  Ptr at_hand() const {
    const std::lock_guard lock(mutex_);
    return is_good(clock_.now()) ? value_ : nullptr;
  }

  // Fetches again when the value has lived for 3/4 of `fresh` and `spread` (0 to 1) of the next 1/8: so that many who fetch
  // the same do not do so at the same time. Not before somebody wanted the value.
  boost::asio::awaitable<void> refresh_when_due(double spread) {
    if (!is_refresh_due(spread)) co_return;
    auto lease = flight_.try_enter();
    if (lease) co_await fetch_now();
  }

  // Fresh, or at most outage_grace older when fetching fails; otherwise the error of the last attempt.
  Task<Ptr> get() {
    for (;;) {
      auto found = look();
      if (found) co_return *std::move(found);
      auto lease = flight_.try_enter();
      if (!lease) {
        if (auto stale = usable()) co_return stale;  // somebody fetches already: nobody else needs to wait for it
        lease = co_await flight_.enter();
        if (!lease) continue;
      }
      if (auto settled = look()) co_return *std::move(settled);
      co_await fetch_now();
    }
  }

  // Asks again although the value is fresh, because something hints at a newer one; not more often than `retry`.
  Task<Ptr> get_newer_than(Ptr seen) {
    for (;;) {
      {
        const std::lock_guard lock(mutex_);
        if (value_ && (value_ != seen || clock_.now() < tried_ + times_.retry)) co_return value_;
      }
      auto lease = co_await flight_.enter();
      if (!lease) continue;
      if (may_try()) co_await fetch_now();
      break;
    }
    co_return co_await get();
  }

 private:
  // A settled answer: fresh value, or (no attempt is due) the stale one or the last error.
  std::optional<Result<Ptr>> look() const {
    const std::lock_guard lock(mutex_);
    const auto now = clock_.now();
    if (value_ && now < fetched_ + times_.fresh) return Result<Ptr>(value_);
    if (!error_ || now >= tried_ + times_.retry) return std::nullopt;
    if (value_ && now < fetched_ + times_.fresh + times_.outage_grace) return Result<Ptr>(value_);
    return Result<Ptr>(std::unexpected(*error_));
  }
  Ptr usable() const {
    const std::lock_guard lock(mutex_);
    return value_ && clock_.now() < fetched_ + times_.fresh + times_.outage_grace ? value_ : nullptr;
  }
  bool may_try() const {
    const std::lock_guard lock(mutex_);
    return !value_ || clock_.now() >= tried_ + times_.retry;
  }
  bool is_refresh_due(double spread) const {
    const std::lock_guard lock(mutex_);
    const auto now = clock_.now();
    if (!value_ && !error_) return false;
    if (error_) return now >= tried_ + times_.retry;
    const auto early = static_cast<std::int64_t>(static_cast<double>(times_.fresh.count()) * (0.75 + 0.125 * spread));
    return now >= fetched_ + Millis(early);
  }
  // While somebody asks, and for `retry` after that failed, the others go on with what is there.
  void go_on_until(Timestamp until) {
    if (value_) good_until_.store(to_millis(std::max(fetched_ + times_.fresh, std::min(until, fetched_ + times_.fresh + times_.outage_grace))));
  }
  boost::asio::awaitable<void> fetch_now() {
    {
      const std::lock_guard lock(mutex_);
      go_on_until(clock_.now() + kFetchPatience);
    }
    auto fetched = co_await fetch_();
    const std::lock_guard lock(mutex_);
    tried_ = clock_.now();
    if (fetched) {
      value_ = std::make_shared<const T>(*std::move(fetched));
      fetched_ = tried_;
      error_.reset();
      good_until_.store(to_millis(fetched_ + times_.fresh));
    } else {
      error_ = std::move(fetched.error());
      go_on_until(tried_ + times_.retry);
    }
  }

  const Clock& clock_;
  Fetch fetch_;
  KeptTimes times_;
  SingleFlight flight_;
  mutable std::mutex mutex_;
  Ptr value_;
  Timestamp fetched_{}, tried_{};
  std::optional<Error> error_;
  std::atomic<std::int64_t> good_until_{0};   // milliseconds since 1970
};

}  // namespace gatehouse::oauth::client
