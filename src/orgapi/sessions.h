// The rows of this room that need to know who is signed in, too.
#pragma once

#include "orgapi/org.h"
#include "signin/sessions.h"

namespace gatehouse::orgapi {

struct SessionApi {   // borrowed, as Org
  Org& org;
  signin::Sessions& sessions;
};
std::span<const net::Endpoint<SessionApi>> session_rows();
void serve_sessions(net::Router& router, SessionApi& api, net::Style& style);

}  // namespace gatehouse::orgapi
