// The demo's upstreams, ready to be served on a loopback port of their own.
#pragma once

#include <memory>

#include "net/exchange.h"

namespace gatehouse::app::demo {

std::unique_ptr<net::Handler> make_wiki();
std::unique_ptr<net::Handler> make_orders();

}  // namespace gatehouse::app::demo
