// The only place where a coroutine is let loose. What it throws is a broken invariant: it reaches `on_bug`
// (or ends the program) instead of vanishing.
#pragma once

#include <exception>
#include <functional>
#include <optional>

#include "core/task.h"

namespace gatehouse {

using OnBug = std::function<void(std::exception_ptr)>;

void spawn(const Executor& executor, boost::asio::awaitable<void> work, OnBug on_bug = nullptr);

namespace detail {
void run_until_done(std::function<boost::asio::awaitable<void>()> work);
}

// Runs one task to its end on a loop of its own, for tests and start-up code. Never on an I/O thread.
template <class T>
Result<T> run(Task<T> task) {
  std::optional<Result<T>> result;
  detail::run_until_done([&]() -> boost::asio::awaitable<void> { result = co_await std::move(task); });
  return *std::move(result);
}

}  // namespace gatehouse
