#include "app/key_keeper.h"

#include "core/spawn.h"

namespace gatehouse::app {

namespace {

constexpr std::chrono::seconds kRefreshEvery{1};

boost::asio::awaitable<void> refresh(oauth::client::Issuers& issuers, std::shared_ptr<std::atomic<bool>> busy) {
  co_await issuers.refresh_due();
  busy->store(false);
}

}  // namespace

KeyKeeper::KeyKeeper(oauth::client::Issuers& issuers, Executor loop)
    : issuers_(issuers), loop_(std::move(loop)), thread_([this](const std::stop_token& stop) { work(stop); }) {}

KeyKeeper::~KeyKeeper() {
  thread_.request_stop();
  thread_.join();
}

void KeyKeeper::work(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    {
      std::unique_lock lock(mutex_);
      wake_.wait_for(lock, stop, kRefreshEvery, [] { return false; });
    }
    if (!stop.stop_requested() && !busy_->exchange(true)) spawn(loop_, refresh(issuers_, busy_));
  }
}

}  // namespace gatehouse::app
