#include "core/spawn.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

namespace gatehouse {

namespace asio = boost::asio;

void spawn(const Executor& executor, asio::awaitable<void> work, OnBug on_bug) {
  asio::co_spawn(executor, std::move(work), [on_bug = std::move(on_bug)](std::exception_ptr bug) {
    if (!bug) return;
    if (on_bug) on_bug(bug);
    else std::rethrow_exception(bug);
  });
}

void detail::run_until_done(std::function<asio::awaitable<void>()> work) {
  asio::io_context loop(1);
  std::exception_ptr bug;
  asio::co_spawn(loop, work, [&bug](std::exception_ptr thrown) { bug = thrown; });
  loop.run();
  if (bug) std::rethrow_exception(bug);
}

}  // namespace gatehouse
