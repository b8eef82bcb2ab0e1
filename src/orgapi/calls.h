// What handlers of this room ask of a call again and again.
#pragma once

#include "net/endpoint.h"
#include "okta/error.h"
#include "orgapi/org.h"

namespace gatehouse::orgapi {

directory::Cause cause_of(const net::Call& call);
json::value time_or_null(const std::optional<Timestamp>& time);
json::object link(std::string href);                        // {"href": …}
json::object link(std::string href, std::string_view verb); // {"href": …, "method": "POST"} as on users
json::object link_allowing(std::string href, std::vector<std::string_view> verbs);  // with hints.allow

// The noun that a path names; "Not found: Resource not found: <id> (<Type>)" when there is none.
Task<directory::User> user_in_path(Org& org, const net::Call& call);   // id, login or "me"
Task<directory::Group> group_in_path(Org& org, const net::Call& call);
Task<directory::App> app_in_path(Org& org, const net::Call& call);

bool is_true(const net::Call& call, std::string_view query, bool otherwise);
// A list parameter that this server cannot honour is refused: leaving it out would answer another question.
Result<void> refuse_query(const net::Call& call, std::initializer_list<std::string_view> names);
// {attribute eq "value"} and nothing else; nullopt when the filter says anything else.
std::optional<std::string> simple_filter(std::string_view filter, std::string_view attribute);
net::Reply answer(json::value value, int status = 200);

}  // namespace gatehouse::orgapi
