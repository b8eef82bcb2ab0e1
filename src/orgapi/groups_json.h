// Groups as Okta's API writes them.
#pragma once

#include "orgapi/calls.h"

namespace gatehouse::orgapi {

json::object shape(const directory::Group& group, const net::Request& request);
json::array shape(const std::vector<directory::Group>& groups, const net::Request& request);

}  // namespace gatehouse::orgapi
