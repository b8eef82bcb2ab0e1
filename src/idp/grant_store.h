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
  std::string grant_type = "authorization_code";   // by which it began
  bool slides = false;    // `expires` moves with every refresh: the family has no end of its own
  std::string dpop_key = {};   // of a public client: its refresh tokens are good with a proof of this key only (RFC 9449 §5)
  std::vector<std::string> asked_claims = {};   // that userinfo tells beside those of the scopes; written, and read by select_asked_claims
};
// A grant holds one refresh token at a time, in its own row: to refresh is one update in place, and a family leaves no trail.
// `family` is the hash of the part that all tokens of a family share and nobody else knows: who presents it with another
// `token` holds one that was spent.
struct RefreshHash {
  std::string token, family;
};
struct RefreshKey {
  std::string grant_id;   // empty: a token of before version 2, which has a row of its own in `refresh_tokens`
  RefreshHash hash;
};
struct RefreshRow {
  std::string hash;       // of the token that was presented
  std::string current = {};   // of the family's current one; empty: of before version 2
  Timestamp created, expires;
  enum class State { current, spent, early } state = State::current;   // early: current, of before version 2
  GrantRow grant;
};
struct RefreshLife {
  Timestamp created, expires;
  std::optional<Timestamp> grant = {};   // new end of a grant that slides
};

store::Statement insert_grant(const OrgId& org, const GrantRow& grant);
store::Statement insert_grant(const OrgId& org, const GrantRow& grant, const RefreshHash& refresh, RefreshLife life);
store::Statement update_grant_revoked(const OrgId& org, std::string_view id, std::string_view why, Timestamp now);
store::Statement update_grants_of_user_revoked(const OrgId& org, const directory::UserId& user, std::string_view why, Timestamp now);

Task<RefreshRow> select_refresh(store::Database& database, OrgId org, RefreshKey key);   // Fault::missing
// Puts the next token in the place of `old` (or the same one, for longer). One row if `old` was the current one, unexpired
// at `now` and its grant alive; otherwise none.
store::Statement update_refresh(const OrgId& org, const RefreshRow& old, std::string_view next, RefreshLife life, Timestamp now);
// The same for State::early, as two: spend the old row, give the grant its first token. One row each, or none.
store::Statement update_early_spent(const OrgId& org, const RefreshRow& old, Timestamp now);
store::Statement update_first_refresh(const OrgId& org, std::string_view grant_id, const RefreshHash& first, RefreshLife life);
store::Statement update_early_expiry(const OrgId& org, const RefreshRow& old, Timestamp now, Timestamp expires);

store::Statement insert_revoked_token(const OrgId& org, std::string_view jti, Timestamp expires);
// False when the token or its grant was revoked. `grant_id` empty: the token has none.
Task<bool> is_token_alive(store::Database& database, OrgId org, std::string jti, std::string grant_id);

// What an administrator sees of one server: clients that hold a refresh token there, in their order behind `after`; and
// living grants of a client, by id behind `after`.
Task<std::vector<std::string>> select_clients(store::Database& database, OrgId org, std::string server_id, std::string after, int limit, Timestamp now);
Task<std::vector<RefreshRow>> select_refreshes(store::Database& database, OrgId org, std::string server_id, std::string client_id, std::string after,
                                               int limit, Timestamp now);
Task<RefreshRow> select_refresh_of(store::Database& database, OrgId org, std::string server_id, std::string client_id, std::string grant_id,
                                   Timestamp now);   // Fault::missing
// Those of a client behind `after`, up to and including `last`.
store::Statement update_grants_revoked(const OrgId& org, std::string_view server_id, std::string_view client_id, std::string_view after,
                                       std::string_view last, std::string_view why, Timestamp now);
// What a server gave and was told, at most `batch` rows of each table; how many rows went is in the result.
store::Unit delete_given(const OrgId& org, std::string_view server_id, int batch);

Task<std::vector<std::string>> select_asked_claims(store::Database& database, OrgId org, std::string grant_id);

Task<oauth::Scopes> select_consent(store::Database& database, OrgId org, directory::UserId user, std::string client_id, std::string server_id);
store::Statement upsert_consent(const OrgId& org, const directory::UserId& user, std::string_view client_id, std::string_view server_id,
                                const oauth::Scopes& scopes, Timestamp now);

}  // namespace gatehouse::idp
