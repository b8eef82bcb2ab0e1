// The demo org of `gatehouse up` as data: who is in it, and what the gateway guards. Pure; the accounts and the addresses
// come in. To show a new ability in the demo, add it here.
#pragma once

#include <cstdint>
#include <string>

#include "access/config.h"
#include "app/accounts.h"
#include "app/seed.h"
#include "gateway/config.h"

namespace gatehouse::app {

struct DemoAddresses {
  std::string org, wiki, api;                    // origins, as people reach them
  std::string org_alias;                         // the same org by its number
  std::string wiki_upstream, api_upstream;       // origins, inside
};

Seed demo_seed(const DemoAccounts& accounts, const DemoAddresses& at);
// Where the browser of the wiki's sign-on comes back to; changes with the port.
std::vector<std::string> wiki_redirects(const DemoAddresses& at);
std::vector<std::string> wiki_logout_redirects(const DemoAddresses& at);

gateway::Config demo_gateway(const DemoAddresses& at);
access::SsoConfig demo_sso(const DemoAccounts& accounts, const DemoAddresses& at);

// Fixed parts of the demo, for the report and the README.
inline constexpr std::string_view kDemoRedirect = "http://localhost:3000/callback";
inline constexpr std::string_view kDemoLogoutRedirect = "http://localhost:3000/";

}  // namespace gatehouse::app
