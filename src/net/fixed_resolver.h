// Names to addresses as a test says; other names do not exist.
#pragma once

#include <map>
#include <mutex>

#include "net/client.h"

namespace gatehouse::net {

class FixedResolver final : public Resolver {
 public:
  // Replaces what the name had: that is how a test rebinds it.
  void set(std::string host, std::vector<std::string> addresses) {
    const std::lock_guard lock(mutex_);
    names_[std::move(host)] = std::move(addresses);
  }
  int asked() const {
    const std::lock_guard lock(mutex_);
    return asked_;
  }
  Task<std::vector<std::string>> resolve(std::string host) override {
    const std::lock_guard lock(mutex_);
    ++asked_;
    const auto found = names_.find(host);
    if (found == names_.end()) co_return failure(Fault::upstream, host + ": no such host");
    co_return found->second;
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::vector<std::string>, std::less<>> names_;
  int asked_ = 0;
};

}  // namespace gatehouse::net
