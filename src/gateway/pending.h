// A limit on how many may wait for a connection to one server: beyond it a request fails at once instead of queueing up
// behind a server that takes no connections.
#pragma once

#include <cstdint>
#include <memory>

#include "net/client.h"

namespace gatehouse::gateway {

// Around `inner`. Beyond `most`, open() is Fault::limited.
std::unique_ptr<net::Upstream> limit_pending(std::unique_ptr<net::Upstream> inner, std::uint32_t most);

}  // namespace gatehouse::gateway
