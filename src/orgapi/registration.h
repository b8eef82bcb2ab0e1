// Clients that register themselves (RFC 7591) at authorization servers that are open for it, and manage themselves
// afterwards with the token that they were given (RFC 7592). Closed unless the configuration opens it.
#pragma once

#include "idp/provider.h"
#include "idp/style.h"
#include "okta/rate_limit.h"
#include "orgapi/org.h"

namespace gatehouse::orgapi {

struct RegistrationRules {
  std::vector<std::string> servers;            // ids of authorization servers
  std::optional<Secret> initial_access_token;  // without it anybody may register
  int most = 1000;                             // clients at a time
  std::int64_t per_minute = 10;                // from one address
  std::vector<std::string> groups;             // names: whose members may use such clients; nobody by default
};

struct Registration {
  Org& org;
  idp::Provider& provider;
  RegistrationRules rules;
  okta::RateLimiter limiter;
};

// Nothing, when the rules open no server.
void serve_registration(net::Router& router, Registration& desk, idp::OAuthStyle& style);

}  // namespace gatehouse::orgapi
