#include "idp/grant_store.h"

#include "core/text.h"

namespace gatehouse::idp {

namespace {

constexpr std::string_view kInsertGrant =
    "insert into grants (org_id, id, server_id, client_id, user_id, session_id, scopes, auth_time, amr, created, expires,"
    " grant_type, slides, refresh_hash, refresh_family, refresh_created, refresh_expires, dpop_key, asked_claims)"
    " values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)";

store::Param dpop_key_of(const GrantRow& grant) { return grant.dpop_key.empty() ? store::Param(nullptr) : store::Param(grant.dpop_key); }

store::Param asked_claims_of(const GrantRow& grant) { return grant.asked_claims.empty() ? store::Param(nullptr) : store::Param(join(grant.asked_claims, " ")); }

std::vector<store::Param> grant_params(const OrgId& org, const GrantRow& grant) {
  return {org, grant.id, grant.server_id, grant.client_id, grant.user, grant.session_id, grant.scopes.text(), grant.auth_time,
          join(grant.amr, " "), grant.created, grant.expires, grant.grant_type, grant.slides};
}

// Both give the columns of the grant first, in one order.
constexpr std::string_view kSelectRefresh =
    "select g.id, g.server_id, g.client_id, g.user_id, g.session_id, g.scopes, g.auth_time, g.amr, g.created, g.expires, g.revoked_at,"
    " g.grant_type, g.slides, g.refresh_created, g.refresh_expires, g.refresh_hash, g.refresh_family, g.dpop_key from grants g"
    " where g.org_id = $1 and g.id = $2 and g.refresh_family is not null";
constexpr std::string_view kSelectEarly =
    "select g.id, g.server_id, g.client_id, g.user_id, g.session_id, g.scopes, g.auth_time, g.amr, g.created, g.expires, g.revoked_at,"
    " g.grant_type, g.slides, r.created, r.expires, r.spent_at, g.dpop_key from refresh_tokens r"
    " join grants g on g.org_id = r.org_id and g.id = r.grant_id where r.org_id = $1 and r.hash = $2";

// A grant that does not slide leaves its own expiry, and the index on it, alone.
constexpr std::string_view kUpdateRefresh =
    "update grants set refresh_hash = $4, refresh_created = $5, refresh_expires = $6"
    " where org_id = $1 and id = $2 and refresh_hash = $3 and refresh_expires > $7 and revoked_at is null";
constexpr std::string_view kUpdateSliding =
    "update grants set refresh_hash = $4, refresh_created = $5, refresh_expires = $6, expires = $8"
    " where org_id = $1 and id = $2 and refresh_hash = $3 and refresh_expires > $7 and revoked_at is null";

constexpr std::string_view kSelectLiving =
    "select id, server_id, client_id, user_id, session_id, scopes, auth_time, amr, created, expires, revoked_at, grant_type, slides, refresh_created,"
    " refresh_expires from grants where org_id = $1 and server_id = $2 and client_id = $3 and refresh_hash is not null and revoked_at is null"
    " and refresh_expires > $4 and expires > $4";

Result<GrantRow> grant_from(const store::Row& row) {
  GH_TRY(auto scopes, oauth::Scopes::parse(row.text(5)));
  return GrantRow{row.text(0), row.text(1), row.text(2), row.id<directory::UserId>(3), row.text(4), std::move(scopes), row.time(6),
                  split_words(row.text(7)), row.time(8), row.time(9), !row.is_null(10), row.maybe_text(11).value_or("authorization_code"), row.maybe_number(12).value_or(0) != 0};
}

}  // namespace

store::Statement insert_grant(const OrgId& org, const GrantRow& grant) {
  auto params = grant_params(org, grant);
  for (int i = 0; i < 4; ++i) params.emplace_back(nullptr);
  params.push_back(dpop_key_of(grant));
  params.push_back(asked_claims_of(grant));
  return store::Statement(kInsertGrant, std::move(params));
}

store::Statement insert_grant(const OrgId& org, const GrantRow& grant, const RefreshHash& refresh, RefreshLife life) {
  auto params = grant_params(org, grant);
  params.emplace_back(refresh.token);
  params.emplace_back(refresh.family);
  params.emplace_back(life.created);
  params.emplace_back(life.expires);
  params.push_back(dpop_key_of(grant));
  params.push_back(asked_claims_of(grant));
  return store::Statement(kInsertGrant, std::move(params));
}

store::Statement update_grant_revoked(const OrgId& org, std::string_view id, std::string_view why, Timestamp now) {
  return store::Statement("update grants set revoked_at = $3, revoked_why = $4 where org_id = $1 and id = $2 and revoked_at is null",
                          {org, id, now, why});
}

store::Statement update_grants_of_user_revoked(const OrgId& org, const directory::UserId& user, std::string_view why, Timestamp now) {
  return store::Statement("update grants set revoked_at = $3, revoked_why = $4 where org_id = $1 and user_id = $2 and revoked_at is null",
                          {org, user, now, why});
}

Task<RefreshRow> select_refresh(store::Database& database, OrgId org, RefreshKey key) {
  const bool early = key.grant_id.empty();
  store::Statement select(early ? kSelectEarly : kSelectRefresh, {org, early ? key.hash.token : key.grant_id});
  GH_CO_TRY(auto rows, co_await database.read(std::move(select)));
  // The right grant with a wrong family is a guess, and kills nothing.
  if (rows.empty() || (!early && rows.front().text(16) != key.hash.family)) co_return failure(Fault::missing, "refresh token: not found");
  const auto& row = rows.front();
  auto state = RefreshRow::State::current;
  if (early) state = row.is_null(15) ? RefreshRow::State::early : RefreshRow::State::spent;
  else if (row.text(15) != key.hash.token) state = RefreshRow::State::spent;
  GH_CO_TRY(auto grant, grant_from(row));
  grant.dpop_key = row.maybe_text(early ? 16 : 17).value_or("");
  auto current = early ? std::string() : row.text(15);
  co_return RefreshRow{std::move(key.hash.token), std::move(current), row.time(13), row.time(14), state, std::move(grant)};
}

store::Statement update_refresh(const OrgId& org, const RefreshRow& old, std::string_view next, RefreshLife life, Timestamp now) {
  return store::Statement(
      life.grant ? kUpdateSliding : kUpdateRefresh, life.grant ? std::vector<store::Param>{org, old.grant.id, old.hash, next, life.created, life.expires, now, *life.grant}
                                                              : std::vector<store::Param>{org, old.grant.id, old.hash, next, life.created, life.expires, now});
}

store::Statement update_early_spent(const OrgId& org, const RefreshRow& old, Timestamp now) {
  return store::Statement(
      "update refresh_tokens set spent_at = $3 where org_id = $1 and hash = $2 and spent_at is null and expires > $3",
      {org, old.hash, now});
}

store::Statement update_first_refresh(const OrgId& org, std::string_view grant_id, const RefreshHash& first, RefreshLife life) {
  return store::Statement(
      "update grants set refresh_hash = $3, refresh_family = $4, refresh_created = $5, refresh_expires = $6"
      " where org_id = $1 and id = $2 and refresh_hash is null and revoked_at is null",
      {org, grant_id, first.token, first.family, life.created, life.expires});
}

store::Statement update_early_expiry(const OrgId& org, const RefreshRow& old, Timestamp now, Timestamp expires) {
  return store::Statement(
      "update refresh_tokens set expires = $4 where org_id = $1 and hash = $2 and spent_at is null and expires > $3"
      " and exists (select 1 from grants g where g.org_id = $1 and g.id = refresh_tokens.grant_id and g.revoked_at is null)",
      {org, old.hash, now, expires});
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

// From client to client by index: what one of them holds is not walked through.
Task<std::vector<std::string>> select_clients(store::Database& database, OrgId org, std::string server_id, std::string after, int limit, Timestamp now) {
  store::Statement select(
      "with recursive clients(id) as (select min(client_id) from grants where org_id = $1 and server_id = $2 and client_id > $3"
      " union all select (select min(client_id) from grants where org_id = $1 and server_id = $2 and client_id > clients.id) from clients"
      " where clients.id is not null) select id from clients where id is not null and exists (select 1 from grants g where g.org_id = $1"
      " and g.server_id = $2 and g.client_id = clients.id and g.refresh_hash is not null and g.revoked_at is null and g.refresh_expires > $4"
      " and g.expires > $4) limit $5",
      {org, server_id, after, now, limit});
  GH_CO_TRY(auto rows, co_await database.read(std::move(select)));
  std::vector<std::string> clients;
  for (const auto& row : rows) clients.push_back(row.text(0));
  co_return clients;
}

Task<std::vector<RefreshRow>> select_refreshes(store::Database& database, OrgId org, std::string server_id, std::string client_id, std::string after,
                                               int limit, Timestamp now) {
  store::Statement select(std::string(kSelectLiving) + " and id > $5 order by id limit $6", {org, server_id, client_id, now, after, limit});
  GH_CO_TRY(auto rows, co_await database.read(std::move(select)));
  std::vector<RefreshRow> found;
  for (const auto& row : rows) {
    GH_CO_TRY(auto grant, grant_from(row));
    found.push_back(RefreshRow{"", "", row.time(13), row.time(14), RefreshRow::State::current, std::move(grant)});
  }
  co_return found;
}

Task<RefreshRow> select_refresh_of(store::Database& database, OrgId org, std::string server_id, std::string client_id, std::string grant_id, Timestamp now) {
  store::Statement select(std::string(kSelectLiving) + " and id = $5", {org, server_id, client_id, now, grant_id});
  GH_CO_TRY(auto rows, co_await database.read(std::move(select)));
  if (rows.empty()) co_return failure(Fault::missing, "refresh token: not found");
  const auto& row = rows.front();
  GH_CO_TRY(auto grant, grant_from(row));
  co_return RefreshRow{"", "", row.time(13), row.time(14), RefreshRow::State::current, std::move(grant)};
}

store::Statement update_grants_revoked(const OrgId& org, std::string_view server_id, std::string_view client_id, std::string_view after,
                                       std::string_view last, std::string_view why, Timestamp now) {
  return store::Statement(
      "update grants set revoked_at = $6, revoked_why = $7 where org_id = $1 and server_id = $2 and client_id = $3 and id > $4 and id <= $5"
      " and revoked_at is null",
      {org, server_id, client_id, after, last, now, why});
}

store::Unit delete_given(const OrgId& org, std::string_view server_id, int batch) {
  const std::vector<store::Param> params{org, server_id, batch};
  store::Unit unit;
  unit.emplace_back(
      "delete from refresh_tokens where org_id = $1 and grant_id in (select id from grants where org_id = $1 and server_id = $2 order by id limit $3)",
      params);
  unit.emplace_back("delete from grants where org_id = $1 and id in (select id from grants where org_id = $1 and server_id = $2 order by id limit $3)",
                    params);
  unit.emplace_back(
      "delete from consents where org_id = $1 and server_id = $2 and (user_id, client_id) in"
      " (select user_id, client_id from consents where org_id = $1 and server_id = $2 limit $3)",
      params);
  return unit;
}

Task<std::vector<std::string>> select_asked_claims(store::Database& database, OrgId org, std::string grant_id) {
  store::Statement select("select asked_claims from grants where org_id = $1 and id = $2", {org, grant_id});
  GH_CO_TRY(auto rows, co_await database.read(std::move(select)));
  co_return rows.empty() ? std::vector<std::string>() : split_words(rows.front().maybe_text(0).value_or(""));
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
