// Single sign-on for web applications that know nothing of it: a policy of the gateway. A browser without a session is sent
// to the issuer and comes back to where it wanted to go; programs are told 401. Its pages:
//   /.gatehouse/callback   where the issuer sends the browser back to       (register as redirect URI)
//   /.gatehouse/sign-in    begins a sign-in, ?to=/path
//   /.gatehouse/sign-out   ends the session here and at the issuer
//   /.gatehouse/signed-out where the issuer sends the browser afterwards    (register as post-logout redirect URI)
#pragma once

#include <memory>

#include "access/config.h"
#include "core/log.h"
#include "gateway/policy.h"
#include "secrets/master_key.h"
#include "store/database.h"

namespace gatehouse::access {

struct SsoNeeds {
  store::Database& database;
  const Clock& clock;
  Random& random;
  net::HttpClient& http;
  const secrets::MasterKey& master_key;   // used in make_sso only
  Log log;
};

// Fault::invalid names what is wrong with the configuration.
Result<std::unique_ptr<gateway::Policy>> make_sso(SsoNeeds needs, OrgId org, SsoConfig config);

// May this request be answered by sending the browser away? Navigation, yes; a script's call, a POST, a WebSocket, no.
bool is_navigation(const net::Request& request);

}  // namespace gatehouse::access
