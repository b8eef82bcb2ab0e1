#include "directory/right_store.h"

#include <fmt/format.h>

namespace gatehouse::directory {
namespace {

constexpr std::string_view kTokenColumns = "t.id, t.name, t.owner, t.created, t.expires, t.updated";

ApiToken token_from(const store::Row& row) {
  return {.id = row.text(0), .name = row.text(1), .owner = row.id<UserId>(2), .created = row.time(3),
          .expires = row.maybe_time(4), .updated = row.time(5)};
}

}  // namespace

store::Statement insert_token(const OrgId& org, const ApiToken& token, std::string_view hash) {
  return {"insert into api_tokens (org_id, id, name, owner, hash, created, updated, expires) "
          "values ($1, $2, $3, $4, $5, $6, $7, $8)",
          {org, token.id, token.name, token.owner, hash, token.created, token.updated, token.expires}};
}

Task<std::optional<FoundToken>> select_token(store::Database& database, OrgId org, std::string hash) {
  static const auto kSql = fmt::format(
      "select {}, u.status, case when a.user_id is null then 0 else 1 end from api_tokens t "
      "join users u on u.org_id = t.org_id and u.id = t.owner "
      "left join admins a on a.org_id = t.org_id and a.user_id = t.owner where t.org_id = $1 and t.hash = $2", kTokenColumns);
  store::Statement select(kSql, {org, hash});
  GH_CO_TRY(auto rows, co_await database.read(std::move(select)));
  std::optional<FoundToken> found;
  if (!rows.empty()) {
    const auto& row = rows.front();
    found.emplace(token_from(row), parse_status(row.text(6)).value(), row.yes(7));
  }
  co_return found;
}

Task<std::optional<ApiToken>> select_token_by_id(store::Database& database, OrgId org, std::string id) {
  static const auto kSql = fmt::format("select {} from api_tokens t where t.org_id = $1 and t.id = $2", kTokenColumns);
  store::Statement select(kSql, {org, id});
  GH_CO_TRY(auto rows, co_await database.read(std::move(select)));
  std::optional<ApiToken> found;
  if (!rows.empty()) found = token_from(rows.front());
  co_return found;
}

Task<std::vector<ApiToken>> select_tokens(store::Database& database, OrgId org, Timestamp now) {
  static const auto kSql = fmt::format(
      "select {} from api_tokens t where t.org_id = $1 and (t.expires is null or t.expires > $2) order by t.created, t.id limit {}",
      kTokenColumns, kListMax);
  store::Statement select(kSql, {org, now});
  GH_CO_TRY(auto rows, co_await database.read(std::move(select)));
  std::vector<ApiToken> tokens;
  for (const auto& row : rows) tokens.push_back(token_from(row));
  co_return tokens;
}

store::Statement touch_token(const OrgId& org, std::string_view id, Timestamp now, Timestamp expires) {
  return {"update api_tokens set updated = $3, expires = $4 where org_id = $1 and id = $2", {org, id, now, expires}};
}

store::Statement delete_token(const OrgId& org, std::string_view id, Error otherwise) {
  store::Statement gone("delete from api_tokens where org_id = $1 and id = $2", {org, id});
  return std::move(gone).expect(1, std::move(otherwise));
}

store::Statement insert_admin(const OrgId& org, const UserId& user, Timestamp now) {
  return {"insert into admins (org_id, user_id, granted) values ($1, $2, $3) on conflict do nothing", {org, user, now}};
}

Task<bool> select_is_admin(store::Database& database, OrgId org, UserId user) {
  store::Statement select("select 1 from admins where org_id = $1 and user_id = $2", {org, user});
  GH_CO_TRY(auto rows, co_await database.read(std::move(select)));
  co_return !rows.empty();
}

}  // namespace gatehouse::directory
