#include "net/http2_guard.h"

#include <utility>

namespace gatehouse::net {

void Budget::refill(SteadyTime now) {
  const auto passed = std::chrono::duration_cast<std::chrono::milliseconds>(now - filled_).count();
  const auto earned = static_cast<std::uint64_t>(std::max<std::int64_t>(passed, 0)) * per_second_ / 1000;
  if (earned == 0) return;   // and what has passed counts the next time
  left_ = static_cast<std::uint32_t>(std::min<std::uint64_t>(capacity_, left_ + earned));
  filled_ = now;
}

std::string_view name_of(Http2Fault fault) {
  switch (fault) {
    case Http2Fault::none: return "none";
    case Http2Fault::resets: return "too many resets";
    case Http2Fault::frames: return "too many frames without use";
    case Http2Fault::continuations: return "too many CONTINUATION frames";
  }
  std::unreachable();
}

}  // namespace gatehouse::net
