// Users as Okta's API writes them.
#pragma once

#include "orgapi/calls.h"

namespace gatehouse::orgapi {

// A list's items have only their `self` link; a user by itself has the links of what may be done to it now.
enum class Links { self_only, by_status };
json::object shape(const directory::User& user, const Org& org, const net::Request& request, Links links);
json::array shape(const std::vector<directory::User>& users, const Org& org, const net::Request& request);
json::object provider_json();

// The profile in a request over one that was there: null removes an attribute. Faults name each attribute.
Result<directory::Profile> apply_profile(directory::Profile base, const json::object& asked);

}  // namespace gatehouse::orgapi
