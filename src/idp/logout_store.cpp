#include "idp/logout_store.h"

namespace gatehouse::idp {

store::Statement insert_logouts(const OrgId& org, std::string_view session_id, Timestamp now, Timestamp expires) {
  return store::Statement(
      "insert into logout_tokens (org_id, session_id, server_id, client_id, user_id, attempts, due, expires)"
      " select distinct org_id, session_id, server_id, client_id, user_id, cast(0 as bigint), cast($3 as bigint), cast($4 as bigint)"
      " from grants where org_id = $1 and session_id = $2 on conflict (org_id, session_id, server_id, client_id) do nothing",
      {org, session_id, now, expires});
}

Task<std::vector<LogoutRow>> select_logouts(store::Database& database, OrgId org, Timestamp now, int limit) {
  store::Statement select(
      "select session_id, server_id, client_id, user_id, attempts, due from logout_tokens where org_id = $1 and due <= $2 order by due limit $3",
      {org, now, limit});
  GH_CO_TRY(auto rows, co_await database.read(std::move(select)));
  std::vector<LogoutRow> found;
  for (const auto& row : rows)
    found.push_back({row.text(0), row.text(1), row.text(2), row.id<directory::UserId>(3), row.number(4), row.time(5)});
  co_return found;
}

store::Statement update_logout_taken(const OrgId& org, const LogoutRow& row, Timestamp next) {
  return store::Statement(
      "update logout_tokens set due = $6, attempts = attempts + 1"
      " where org_id = $1 and session_id = $2 and server_id = $3 and client_id = $4 and due = $5",
      {org, row.session_id, row.server_id, row.client_id, row.due, next});
}

store::Statement delete_logout(const OrgId& org, const LogoutRow& row) {
  return store::Statement("delete from logout_tokens where org_id = $1 and session_id = $2 and server_id = $3 and client_id = $4",
                          {org, row.session_id, row.server_id, row.client_id});
}

store::Migration logout_tables(int version) {
  return store::Migration{
      "idp",
      version,
      {"create table logout_tokens (org_id text not null, session_id text not null, server_id text not null, client_id text not null,"
       " user_id text not null, attempts bigint not null, due bigint not null, expires bigint not null,"
       " primary key (org_id, session_id, server_id, client_id))",
       "create index logout_tokens_by_due on logout_tokens (org_id, due)",
       "create index logout_tokens_by_expiry on logout_tokens (expires)",
       "create index grants_by_session on grants (org_id, session_id)"}};
}

store::Sweep logout_sweep() { return store::Sweep{"logout_tokens", "expires", {"org_id", "session_id", "server_id", "client_id"}}; }

}  // namespace gatehouse::idp
