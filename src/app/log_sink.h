// Where log lines go: standard error, through a bounded queue and a thread of its own (spdlog), so that a slow terminal or
// a full pipe never holds up a request. When the queue is full the oldest lines are dropped and counted.
#pragma once

#include <memory>

#include "core/log.h"

namespace gatehouse::app {

inline constexpr std::size_t kLogQueueMax = 8192;  // lines

// Lines written before its end are on standard error when it is destroyed.
std::unique_ptr<LogSink> make_stderr_sink();

}  // namespace gatehouse::app
