#include "signin/session_store.h"

#include "core/text.h"

namespace gatehouse::signin {
namespace {

Result<Session> one(const store::Rows& rows) {
  if (rows.empty()) return failure(Fault::missing, "session: not found");
  const auto& row = rows.front();
  return Session{row.text(0), row.id<directory::UserId>(1), row.time(2), row.time(3), row.time(4), row.time(5), split_words(row.text(6))};
}

}  // namespace

store::Statement insert_session(const OrgId& org, const Session& session, std::string_view cookie_hash) {
  return store::Statement(
      "insert into sessions (org_id, id, cookie_hash, user_id, created, last_seen, expires, auth_time, amr)"
      " values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
      {org, session.id, cookie_hash, session.user, session.created, session.last_seen, session.expires, session.auth_time,
       join(session.amr, " ")});
}

Task<Session> select_session_by_cookie(store::Database& database, OrgId org, std::string cookie_hash) {
  store::Statement select("select id, user_id, created, last_seen, expires, auth_time, amr from sessions where org_id = $1 and cookie_hash = $2",
                          {org, cookie_hash});
  GH_CO_TRY(auto rows, co_await database.read(std::move(select)));
  co_return one(rows);
}

Task<Session> select_session(store::Database& database, OrgId org, std::string id) {
  store::Statement select("select id, user_id, created, last_seen, expires, auth_time, amr from sessions where org_id = $1 and id = $2", {org, id});
  GH_CO_TRY(auto rows, co_await database.read(std::move(select)));
  co_return one(rows);
}

Task<std::vector<std::string>> select_session_ids(store::Database& database, OrgId org, directory::UserId user) {
  store::Statement select("select id from sessions where org_id = $1 and user_id = $2", {org, user});
  GH_CO_TRY(auto rows, co_await database.read(std::move(select)));
  std::vector<std::string> ids;
  for (const auto& row : rows) ids.push_back(row.text(0));
  co_return ids;
}

store::Statement touch_session(const OrgId& org, std::string_view id, Timestamp now, Timestamp least) {
  return store::Statement("update sessions set last_seen = $3 where org_id = $1 and id = $2 and last_seen < $4", {org, id, now, least});
}

store::Statement delete_session(const OrgId& org, std::string_view id) {
  return store::Statement("delete from sessions where org_id = $1 and id = $2", {org, id});
}

store::Statement delete_sessions_of(const OrgId& org, const directory::UserId& user) {
  return store::Statement("delete from sessions where org_id = $1 and user_id = $2", {org, user});
}

}  // namespace gatehouse::signin
