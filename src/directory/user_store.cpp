#include "directory/user_store.h"

#include <fmt/format.h>

#include <algorithm>

#include "directory/profile.h"
#include "directory/user_filter.h"

namespace gatehouse::directory {
namespace {

constexpr std::size_t kHashColumn = 14;  // after kUserColumns

StoredUser stored_from(const store::Row& row) { return {user_from(row), row.maybe_text(kHashColumn)}; }

Task<std::optional<StoredUser>> select_one(store::Database& database, store::Statement select) {
  GH_CO_TRY(auto rows, co_await database.read(std::move(select)));
  std::optional<StoredUser> found;
  if (!rows.empty()) found = stored_from(rows.front());
  co_return found;
}

}  // namespace

// % and _ mean something to `like`; the text of a stranger must not.
std::string prefix_pattern(std::string_view text) {
  std::string pattern;
  for (const char c : text) {
    if (c == '%' || c == '_' || c == '\\') pattern += '\\';
    pattern += c;
  }
  return pattern + '%';
}

User user_from(const store::Row& row) {
  User user{.id = row.id<UserId>(0),
            .status = parse_status(row.text(1)).value(),
            .profile = {.login = row.text(2), .email = row.text(3), .first_name = row.text(4), .last_name = row.text(5), .more = {}},
            .created = row.time(7),
            .updated = row.time(8),
            .activated = row.maybe_time(9),
            .status_changed = row.maybe_time(10),
            .last_login = row.maybe_time(11),
            .password_changed = row.maybe_time(12),
            .version = row.number(13)};
  user.profile.more = parse_json(row.text(6)).value().as_object();
  return user;
}

store::Statement insert_user(const OrgId& org, const User& user, const std::optional<std::string>& password_hash) {
  const auto& profile = user.profile;
  return {"insert into users (org_id, id, status, login, login_folded, email, email_folded, first_name, first_folded, "
          "last_name, last_folded, more, created, updated, activated, status_changed, password_changed, password_hash, version) "
          "values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19) "
          "on conflict do nothing",
          {org, user.id, name_of(user.status), profile.login, fold(profile.login), profile.email, fold(profile.email),
           profile.first_name, fold(profile.first_name), profile.last_name, fold(profile.last_name),
           to_text(profile.more), user.created, user.updated, user.activated, user.status_changed, user.password_changed,
           password_hash, user.version}};
}

Task<std::optional<StoredUser>> select_user(store::Database& database, OrgId org, UserId id) {
  static const auto kSql = fmt::format("select {}, u.password_hash from users u where u.org_id = $1 and u.id = $2", kUserColumns);
  store::Statement select(kSql, {org, id});
  co_return co_await select_one(database, std::move(select));
}

Task<std::optional<StoredUser>> select_user_by_login(store::Database& database, OrgId org, std::string login) {
  static const auto kSql =
      fmt::format("select {}, u.password_hash from users u where u.org_id = $1 and u.login_folded = $2", kUserColumns);
  store::Statement select(kSql, {org, fold(login)});
  co_return co_await select_one(database, std::move(select));
}

Task<std::vector<User>> select_users(store::Database& database, OrgId org, Page page, std::string query, std::string filter) {
  auto sql = fmt::format("select {} from users u where u.org_id = $1 and u.id > $2", kUserColumns);
  std::vector<store::Param> params = {org, page.after, std::clamp(page.limit, 1, kListMax)};
  if (!query.empty()) {
    params.emplace_back(prefix_pattern(fold(query)));
    sql += " and (u.first_folded like $4 escape '\\' or u.last_folded like $4 escape '\\' or u.email_folded like $4 escape '\\')";
  }
  if (filter.empty()) {
    sql += " and u.status <> 'DEPROVISIONED'";
  } else {
    GH_CO_TRY(auto condition, compile_user_filter(filter, params.size() + 1));
    sql += " and (" + condition.sql + ")";
    params.insert(params.end(), condition.params.begin(), condition.params.end());
  }
  sql += " order by u.id limit $3";

  store::Statement select(sql, std::move(params));
  GH_CO_TRY(auto rows, co_await database.read(std::move(select)));
  std::vector<User> users;
  for (const auto& row : rows) users.push_back(user_from(row));
  co_return users;
}

store::Statement update_user(const OrgId& org, const User& user) {
  static const auto kSql = fmt::format(
      "update users as u set status = $4, login = $5, login_folded = $6, email = $7, email_folded = $8, first_name = $9, "
      "first_folded = $10, last_name = $11, last_folded = $12, more = $13, updated = $14, activated = $15, "
      "status_changed = $16, password_changed = $17, version = version + 1 "
      "where u.org_id = $1 and u.id = $2 and u.version = $3 returning id, status, login, email, first_name, last_name, "
      "more, created, updated, activated, status_changed, last_login, password_changed, version");
  const auto& profile = user.profile;
  store::Statement update(
      kSql, {org, user.id, user.version, name_of(user.status), profile.login, fold(profile.login), profile.email,
             fold(profile.email), profile.first_name, fold(profile.first_name), profile.last_name, fold(profile.last_name),
             to_text(profile.more), user.updated, user.activated, user.status_changed, user.password_changed});
  return std::move(update).expect(
      1, Error(Fault::conflict, "user: changed by somebody else meanwhile").with_code(std::string(kVersionConflict)));
}

store::Statement update_hash(const OrgId& org, const UserId& user, const std::optional<std::string>& password_hash) {
  return {"update users set password_hash = $3 where org_id = $1 and id = $2", {org, user, password_hash}};
}

store::Statement replace_hash(const OrgId& org, const UserId& user, std::string_view old_hash, std::string_view new_hash) {
  return {"update users set password_hash = $4 where org_id = $1 and id = $2 and password_hash = $3",
          {org, user, old_hash, new_hash}};
}

store::Statement stamp_sign_in(const OrgId& org, const UserId& user, std::string_view password_hash, Timestamp now, Error otherwise) {
  store::Statement stamp(
      "update users set last_login = $4 where org_id = $1 and id = $2 and password_hash = $3 and status = 'ACTIVE'",
      {org, user, password_hash, now});
  return std::move(stamp).expect(1, std::move(otherwise));
}

store::Unit delete_user(const OrgId& org, const UserId& user, Error otherwise) {
  store::Statement gone("delete from users where org_id = $1 and id = $2 and status = 'DEPROVISIONED'", {org, user});
  store::Unit unit;
  unit.push_back(std::move(gone).expect(1, std::move(otherwise)));
  unit.emplace_back("delete from group_members where org_id = $1 and user_id = $2", std::vector<store::Param>{org, user});
  unit.push_back(delete_assignments(org, user));
  unit.emplace_back("delete from admins where org_id = $1 and user_id = $2", std::vector<store::Param>{org, user});
  unit.emplace_back("delete from api_tokens where org_id = $1 and owner = $2", std::vector<store::Param>{org, user});
  return unit;
}

store::Statement delete_assignments(const OrgId& org, const UserId& user) {
  return {"delete from app_users where org_id = $1 and user_id = $2", {org, user}};
}

// The n-th failure beyond the free ones delays by n² seconds; arithmetic only, so that one statement is the whole decision.
store::Statement count_attempt(const OrgId& org, std::string_view subject, std::string_view address, Timestamp now, Error otherwise) {
  static const auto kSql = fmt::format(
      "insert into sign_in_failures as f (org_id, subject, address, failures, next_try, expires) values ($1, $2, $3, 1, $4, $5) "
      "on conflict (org_id, subject, address) do update set "
      "failures = case when f.expires <= $4 then 1 else f.failures + 1 end, "
      "next_try = case when f.expires <= $4 or f.failures + 1 < {0} then $4 when f.failures + 1 - {0} >= 17 then $4 + {1} "
      "else $4 + (f.failures + 2 - {0}) * (f.failures + 2 - {0}) * 1000 end, "
      "expires = excluded.expires where f.next_try <= $4",
      kFreeTries, Millis(kDelayMax).count());
  store::Statement count(kSql, {org, subject, address, now, now + kFailuresKept});
  return std::move(count).expect(1, std::move(otherwise));
}

store::Statement forget_attempts(const OrgId& org, std::string_view subject, std::string_view address) {
  return {"delete from sign_in_failures where org_id = $1 and subject = $2 and address = $3", {org, subject, address}};
}

}  // namespace gatehouse::directory
