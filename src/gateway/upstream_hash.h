// What makes two requests go to the same target of a pool that balances by hash. The key keeps clients from choosing
// values that all fall to one target.
#pragma once

#include <cstdint>

#include "crypto/sip_hash.h"
#include "gateway/pool_config.h"
#include "net/message.h"

namespace gatehouse::gateway {

// `who`: as whom the request goes on; empty: nobody. A request that lacks what is asked for (no such cookie, nobody
// signed in) is told apart by its client's address.
std::uint64_t hash_request(const HashBy& by, const crypto::SipKey& key, const net::Request& request,
                           std::string_view who);

}  // namespace gatehouse::gateway
