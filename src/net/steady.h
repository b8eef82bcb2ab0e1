// The time that deadlines of sockets are measured in; it never jumps. The only place in net that reads it. It stands still for
// a few milliseconds (the kernel's tick): a fifth of the price of the exact time, of which a request would ask ten times, and
// nobody here waits for less than a hundred of them.
#pragma once

#include <time.h>

#include <chrono>

namespace gatehouse::net {

using SteadyTime = std::chrono::steady_clock::time_point;

inline SteadyTime steady_now() {
#ifdef CLOCK_MONOTONIC_COARSE
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC_COARSE, &now);   // the clock of steady_clock, as of the last tick
  return SteadyTime(std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec));
#else
  return std::chrono::steady_clock::now();
#endif
}

}  // namespace gatehouse::net
