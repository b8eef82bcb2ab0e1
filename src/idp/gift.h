// What a client is given on behalf of a person: a grant with its tokens. The one way there for every grant type that begins a
// family; to go on with a family is refresh_token's business.
#pragma once

#include "idp/grants.h"

namespace gatehouse::idp {

struct Gift {
  std::string grant_id, grant_type;   // oar…; the grant by which the family begins, as access rules name it
  directory::User user;               // from person_for(): looked at just now
  oauth::Scopes scopes;
  Timestamp auth_time;
  std::vector<std::string> amr;
  std::string session_id = {};        // of the browser session that it came from; empty: from none
  std::string nonce = {};             // for the ID token
  AccessAsk::Scopes how = AccessAsk::Scopes::as_asked;
  store::Unit spend = {};             // what is used up for it
  Wanted wanted = {};
  AskedClaims asked = {};
  std::string event = "token.grant.access_token";
};

// Asks the policy, then spends and keeps what it gives in one unit, then signs. If signing fails what was spent is spent: better
// a second sign-in than a second token. A refresh token comes with offline_access. Fault::conflict when `spend` was spent
// meanwhile: nothing has happened then.
Task<oauth::TokenResponse> give(Provider& provider, TokenCall call, Gift gift);

}  // namespace gatehouse::idp
