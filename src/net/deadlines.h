// Deadlines of the connections of one loop: a table that one timer walks every kTick, so that arming a deadline is a
// store and not a heap operation or a system call. Deadlines come up to two ticks late, never early. Internal to net.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <vector>

#include "core/task.h"
#include "net/drain.h"

namespace gatehouse::net {

inline constexpr std::chrono::milliseconds kTick{25};

class Deadlines : public std::enable_shared_from_this<Deadlines> {
 public:
  // Who waits. on_deadline() runs on the loop and must not block; it usually cancels a socket.
  class Waiter {
   public:
    virtual ~Waiter() = default;
    virtual void on_deadline() = 0;
    virtual void on_stop() = 0;   // the server stops and its quiet time is over: go if idle
    virtual void on_kill() = 0;   // the grace is over: go now
    virtual void on_look() {}     // what look_later() asked for
  };
  using Slot = std::size_t;

  explicit Deadlines(const Executor& executor) : timer_(executor) {}

  Slot add(Waiter& waiter);
  void remove(Slot slot);
  void arm(Slot slot, std::chrono::milliseconds after) { entries_[slot].due = now_ + after + kTick; }
  void disarm(Slot slot) { entries_[slot].due = kNever; }
  // on_look() after kLookAfterTicks ticks, unless it is asked for anew meanwhile.
  void look_later(Slot slot) { entries_[slot].look_in = kLookAfterTicks; }
  void look_after(Slot slot, int ticks) { entries_[slot].look_in = ticks; }
  // on_stop() for everybody after `quiet` (0: now), on_kill() after `grace`.
  void stop(std::chrono::milliseconds quiet, std::chrono::milliseconds grace);
  bool told() const { return told_; }          // has on_stop() been called?
  std::size_t size() const { return count_; }

 private:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr Time kNever = Time::max();
  struct Entry {
    Time due = kNever;
    Waiter* waiter = nullptr;
    int look_in = 0;   // ticks; 0: no look wanted
  };
  void run();
  void tick();
  void tell();

  boost::asio::steady_timer timer_;
  Time now_ = std::chrono::steady_clock::now();  // as of the last tick
  Time stop_at_ = kNever, kill_at_ = kNever;
  std::vector<Entry> entries_;
  std::vector<Slot> free_;
  std::size_t count_ = 0;
  bool running_ = false, told_ = false;
};

}  // namespace gatehouse::net
