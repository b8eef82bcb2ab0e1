// Wakes once a second and lets the issuers fetch what will soon be old, so that no request waits for keys while all is well.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

#include "core/task.h"
#include "oauth/client/issuers.h"

namespace gatehouse::app {

class KeyKeeper {
 public:
  // Works on `loop`. `issuers` must outlive that loop.
  KeyKeeper(oauth::client::Issuers& issuers, Executor loop);
  ~KeyKeeper();

 private:
  void work(const std::stop_token& stop);

  oauth::client::Issuers& issuers_;
  Executor loop_;
  std::shared_ptr<std::atomic<bool>> busy_ = std::make_shared<std::atomic<bool>>(false);   // a round that takes long is not overtaken
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::jthread thread_;
};

}  // namespace gatehouse::app
