#include "core/beside.h"

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace gatehouse {

namespace asio = boost::asio;

namespace {

// co_spawn tells a value, so that the condition below can tell who ended.
asio::awaitable<bool> telling(asio::awaitable<void> work, bool leading) {
  co_await std::move(work);
  co_return leading;
}

bool is_cancellation(const std::exception_ptr& bug) {
  try {
    std::rethrow_exception(bug);
  } catch (const boost::system::system_error& error) {
    return error.code() == asio::error::operation_aborted;
  } catch (...) {
    return false;
  }
}

struct UntilTheLeaderEnds {
  asio::cancellation_type_t operator()(const std::exception_ptr& bug, bool leading) const noexcept {
    return bug || leading ? asio::cancellation_type::terminal : asio::cancellation_type::none;
  }
};

}  // namespace

asio::awaitable<void> run_beside(asio::awaitable<void> leading, asio::awaitable<void> other) {
  const auto executor = co_await asio::this_coro::executor;
  auto both = asio::experimental::make_parallel_group(asio::co_spawn(executor, telling(std::move(leading), true), asio::deferred),
                                                      asio::co_spawn(executor, telling(std::move(other), false), asio::deferred));
  const UntilTheLeaderEnds until;
  auto [order, first_bug, first, second_bug, second] = co_await both.async_wait(until, asio::use_awaitable);
  // Whoever failed first cancelled the other, whose complaint about that says nothing.
  if (second_bug && order[0] == 1 && !is_cancellation(second_bug)) std::rethrow_exception(second_bug);
  if (first_bug) std::rethrow_exception(first_bug);
  // Cancelled between two operations: that is how it was meant to end.
  if (second_bug && !is_cancellation(second_bug)) std::rethrow_exception(second_bug);
}

}  // namespace gatehouse
