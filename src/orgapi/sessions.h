// The rows of this room that need to know who is signed in, too.
#pragma once

#include <functional>

#include "orgapi/org.h"
#include "signin/sessions.h"

namespace gatehouse::orgapi {

struct SessionApi {   // borrowed, as Org
  Org& org;
  signin::Sessions& sessions;
  // Ends everything that clients were given for a person; written together with the end of the sessions.
  std::function<store::Unit(const directory::UserId&)> end_tokens;
};
std::span<const net::Endpoint<SessionApi>> session_rows();
void serve_sessions(net::Router& router, SessionApi& api, net::Style& style);

}  // namespace gatehouse::orgapi
