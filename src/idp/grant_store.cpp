#include "idp/grant_store.h"

#include "core/text.h"

namespace gatehouse::idp {

store::Statement insert_grant(const OrgId& org, const GrantRow& grant) {
  return store::Statement(
      "insert into grants (org_id, id, server_id, client_id, user_id, session_id, scopes, auth_time, amr, created, expires)"
      " values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
      {org, grant.id, grant.server_id, grant.client_id, grant.user, grant.session_id, grant.scopes.text(), grant.auth_time,
       join(grant.amr, " "), grant.created, grant.expires});
}

store::Statement update_grant_revoked(const OrgId& org, std::string_view id, std::string_view why, Timestamp now) {
  return store::Statement("update grants set revoked_at = $3, revoked_why = $4 where org_id = $1 and id = $2 and revoked_at is null",
                          {org, id, now, why});
}

store::Statement insert_refresh(const OrgId& org, std::string_view hash, std::string_view grant_id, Timestamp now, Timestamp expires) {
  return store::Statement("insert into refresh_tokens (org_id, hash, grant_id, created, expires) values ($1, $2, $3, $4, $5)",
                          {org, hash, grant_id, now, expires});
}

Task<RefreshRow> select_refresh(store::Database& database, OrgId org, std::string hash) {
  store::Statement select(
      "select r.created, r.expires, r.spent_at, g.id, g.server_id, g.client_id, g.user_id, g.session_id, g.scopes, g.auth_time, g.amr,"
      " g.created, g.expires, g.revoked_at from refresh_tokens r join grants g on g.org_id = r.org_id and g.id = r.grant_id"
      " where r.org_id = $1 and r.hash = $2",
      {org, hash});
  GH_CO_TRY(auto rows, co_await database.read(std::move(select)));
  if (rows.empty()) co_return failure(Fault::missing, "refresh token: not found");
  const auto& row = rows.front();
  GH_CO_TRY(auto scopes, oauth::Scopes::parse(row.text(8)));
  GrantRow grant{row.text(3), row.text(4), row.text(5), row.id<directory::UserId>(6), row.text(7), std::move(scopes), row.time(9),
                 split_words(row.text(10)), row.time(11), row.time(12), !row.is_null(13)};
  co_return RefreshRow{std::move(hash), row.time(0), row.time(1), !row.is_null(2), std::move(grant)};
}

store::Statement update_refresh_spent(const OrgId& org, std::string_view hash, Timestamp now) {
  return store::Statement(
      "update refresh_tokens set spent_at = $3 where org_id = $1 and hash = $2 and spent_at is null and expires > $3"
      " and exists (select 1 from grants g where g.org_id = $1 and g.id = refresh_tokens.grant_id and g.revoked_at is null)",
      {org, hash, now});
}

store::Statement update_refresh_expiry(const OrgId& org, std::string_view hash, Timestamp now, Timestamp expires) {
  return store::Statement(
      "update refresh_tokens set expires = $4 where org_id = $1 and hash = $2 and spent_at is null and expires > $3"
      " and exists (select 1 from grants g where g.org_id = $1 and g.id = refresh_tokens.grant_id and g.revoked_at is null)",
      {org, hash, now, expires});
}

store::Statement insert_revoked_token(const OrgId& org, std::string_view jti, Timestamp expires) {
  return store::Statement("insert into revoked_tokens (org_id, jti, expires) values ($1, $2, $3) on conflict (org_id, jti) do nothing",
                          {org, jti, expires});
}

Task<bool> is_token_alive(store::Database& database, OrgId org, std::string jti, std::string grant_id) {
  store::Statement select(
      "select (select count(*) from revoked_tokens where org_id = $1 and jti = $2),"
      " (select count(*) from grants where org_id = $1 and id = $3 and revoked_at is null)",
      {org, jti, grant_id});
  GH_CO_TRY(auto rows, co_await database.read(std::move(select)));
  co_return rows.front().number(0) == 0 && (grant_id.empty() || rows.front().number(1) == 1);
}

Task<oauth::Scopes> select_consent(store::Database& database, OrgId org, directory::UserId user, std::string client_id, std::string server_id) {
  store::Statement select("select scopes from consents where org_id = $1 and user_id = $2 and client_id = $3 and server_id = $4",
                          {org, user, client_id, server_id});
  GH_CO_TRY(auto rows, co_await database.read(std::move(select)));
  if (rows.empty()) co_return oauth::Scopes();
  co_return oauth::Scopes::parse(rows.front().text(0));
}

store::Statement upsert_consent(const OrgId& org, const directory::UserId& user, std::string_view client_id, std::string_view server_id,
                                const oauth::Scopes& scopes, Timestamp now) {
  return store::Statement(
      "insert into consents (org_id, user_id, client_id, server_id, scopes, updated) values ($1, $2, $3, $4, $5, $6)"
      " on conflict (org_id, user_id, client_id, server_id) do update set scopes = excluded.scopes, updated = excluded.updated",
      {org, user, client_id, server_id, scopes.text(), now});
}

}  // namespace gatehouse::idp
