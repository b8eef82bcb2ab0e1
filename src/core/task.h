// The one window to Asio that headers of other rooms may look through: a coroutine that yields a Result.
// Parameters of coroutines are taken by value; borrowed services are members.
#pragma once

#include <boost/asio/awaitable.hpp>

#include "core/error.h"

namespace gatehouse {

template <class T>
using Task = boost::asio::awaitable<Result<T>>;
using Executor = boost::asio::any_io_executor;

}  // namespace gatehouse
