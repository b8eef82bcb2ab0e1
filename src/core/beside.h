// Two coroutines at once on one loop, for exchanges that flow in both directions.
#pragma once

#include <boost/asio/awaitable.hpp>

namespace gatehouse {

// Runs both on the current loop and returns when both have ended. `leading` decides how long: when it ends first, the
// pending operation of `other` is cancelled. What the first of them to fail
// throws ends the other one too, and is thrown again here.
boost::asio::awaitable<void> run_beside(boost::asio::awaitable<void> leading, boost::asio::awaitable<void> other);

}  // namespace gatehouse
