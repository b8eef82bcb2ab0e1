// The last phase: a request that may pass is sent on, and its answer comes back. Bodies stream in both directions at once,
// so that neither side waits for the other to finish; memory stays at one piece per direction.
#pragma once

#include "gateway/snapshot.h"
#include "net/exchange.h"

namespace gatehouse::gateway {

inline constexpr std::size_t kSmallAnswer = 16 * 1024;   // an answer up to this size goes out in one write

struct Onward {
  net::Exchange& exchange;
  const Journey& journey;
};
// What the client is told about an upstream that cannot be asked.
net::Reply upstream_fault_page(const net::Request& request, const Error& error);
// Borrows everything; the caller keeps it alive. Always leaves an answer, or a connection that will be closed.
boost::asio::awaitable<void> forward(const Onward& onward);

}  // namespace gatehouse::gateway
