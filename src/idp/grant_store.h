// The only file that knows the tables `grants`, `refresh_tokens`, `revoked_tokens` and `consents`.
// A grant is what one person gave one client at one moment; its refresh tokens are a family that dies with it.
#pragma once

#include "directory/types.h"
#include "oauth/scope.h"
#include "store/database.h"

namespace gatehouse::idp {

struct GrantRow {
  std::string id, server_id, client_id;      // oar…
  directory::UserId user;
  std::string session_id;
  oauth::Scopes scopes;
  Timestamp auth_time;
  std::vector<std::string> amr;
  Timestamp created, expires;
  bool revoked = false;
};
struct RefreshRow {
  std::string hash;
  Timestamp created, expires;
  bool spent = false;
  GrantRow grant;
};

store::Statement insert_grant(const OrgId& org, const GrantRow& grant);
store::Statement update_grant_revoked(const OrgId& org, std::string_view id, std::string_view why, Timestamp now);

store::Statement insert_refresh(const OrgId& org, std::string_view hash, std::string_view grant_id, Timestamp now, Timestamp expires);
Task<RefreshRow> select_refresh(store::Database& database, OrgId org, std::string hash);   // Fault::missing
// One row if the token was unspent, unexpired and its grant alive; otherwise none.
store::Statement update_refresh_spent(const OrgId& org, std::string_view hash, Timestamp now);
store::Statement update_refresh_expiry(const OrgId& org, std::string_view hash, Timestamp now, Timestamp expires);

store::Statement insert_revoked_token(const OrgId& org, std::string_view jti, Timestamp expires);
// False when the token or its grant was revoked. `grant_id` empty: the token has none.
Task<bool> is_token_alive(store::Database& database, OrgId org, std::string jti, std::string grant_id);

Task<oauth::Scopes> select_consent(store::Database& database, OrgId org, directory::UserId user, std::string client_id, std::string server_id);
store::Statement upsert_consent(const OrgId& org, const directory::UserId& user, std::string_view client_id, std::string_view server_id,
                                const oauth::Scopes& scopes, Timestamp now);

}  // namespace gatehouse::idp
