// The time that deadlines of sockets are measured in; it never jumps. The only place in net that reads it.
#pragma once

#include <chrono>

namespace gatehouse::net {

using SteadyTime = std::chrono::steady_clock::time_point;
inline SteadyTime steady_now() { return std::chrono::steady_clock::now(); }

}  // namespace gatehouse::net
