// Numeric addresses and networks under the room's own names.
#pragma once

#include "core/network.h"

namespace gatehouse::net {

using gatehouse::ip_text;
using gatehouse::IpBytes;
using gatehouse::Networks;
using gatehouse::parse_ip;

}  // namespace gatehouse::net
