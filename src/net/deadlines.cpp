#include "net/deadlines.h"

namespace gatehouse::net {

Deadlines::Slot Deadlines::add(Waiter& waiter) {
  if (free_.empty()) {
    free_.push_back(entries_.size());
    entries_.emplace_back();
  }
  const auto slot = free_.back();
  free_.pop_back();
  entries_[slot] = {.due = kNever, .waiter = &waiter, .look_in = 0};
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

void Deadlines::stop(std::chrono::milliseconds quiet, std::chrono::milliseconds grace) {
  const auto now = std::chrono::steady_clock::now();
  stop_at_ = now + quiet;
  kill_at_ = now + grace;
  if (quiet.count() == 0) tell();
}

void Deadlines::tell() {
  told_ = true;
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
  if (!told_ && now_ >= stop_at_) tell();
  for (Slot slot = 0; slot < entries_.size(); ++slot) {
    auto& entry = entries_[slot];
    if (entry.waiter == nullptr) continue;
    if (kill) {
      entry.waiter->on_kill();
    } else if (entry.due <= now_) {
      entry.due = kNever;
      entry.waiter->on_deadline();
    } else if (entry.look_in > 0 && --entry.look_in == 0) {
      entry.waiter->on_look();
    }
  }
}

}  // namespace gatehouse::net
