// How large a request of this route may be. What is larger than the listener takes never comes here.
#pragma once

#include "gateway/stage.h"

namespace gatehouse::gateway {

struct Bounds {
  std::optional<std::uint64_t> body;        // bytes, also of a body that comes in chunks
  std::optional<std::size_t> fields;        // header lines
  std::optional<std::size_t> path, query;   // bytes
};
// 413 for a body, 431 for header lines, 414 for an address.
Result<std::shared_ptr<Stage>> make_bounds_stage(Bounds bounds);

}  // namespace gatehouse::gateway
