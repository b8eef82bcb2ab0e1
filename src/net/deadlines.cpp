#include "net/deadlines.h"

namespace gatehouse::net {

Deadlines::Slot Deadlines::add(Waiter& waiter) {
  if (free_.empty()) {
    free_.push_back(entries_.size());
    entries_.emplace_back();
  }
  const auto slot = free_.back();
  free_.pop_back();
  entries_[slot] = {.due = kNever, .waiter = &waiter};
  ++count_;
  if (!running_) {
    now_ = std::chrono::steady_clock::now();
    running_ = true;
    run();
  }
  return slot;
}

void Deadlines::remove(Slot slot) {
  entries_[slot] = {};
  free_.push_back(slot);
  --count_;
}

void Deadlines::stop(std::chrono::milliseconds grace) {
  kill_at_ = std::chrono::steady_clock::now() + grace;
  for (Slot slot = 0; slot < entries_.size(); ++slot)
    if (auto* waiter = entries_[slot].waiter) waiter->on_stop();
}

// The timer sleeps when nobody is connected: an idle program does not wake up.
void Deadlines::run() {
  if (count_ == 0) {
    running_ = false;
    return;
  }
  timer_.expires_after(kTick);
  timer_.async_wait([self = weak_from_this()](boost::system::error_code error) {
    if (error) return;
    if (auto alive = self.lock()) {
      alive->tick();
      alive->run();
    }
  });
}

void Deadlines::tick() {
  now_ = std::chrono::steady_clock::now();
  const bool kill = now_ >= kill_at_;
  for (Slot slot = 0; slot < entries_.size(); ++slot) {
    auto& entry = entries_[slot];
    if (entry.waiter == nullptr) continue;
    if (kill) {
      entry.waiter->on_kill();
    } else if (entry.due <= now_) {
      entry.due = kNever;
      entry.waiter->on_deadline();
    }
  }
}

}  // namespace gatehouse::net
