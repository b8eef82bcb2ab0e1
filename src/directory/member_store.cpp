#include "directory/member_store.h"

#include <fmt/format.h>

#include <algorithm>

#include "directory/profile.h"
#include "directory/user_store.h"

namespace gatehouse::directory {
namespace {

constexpr std::string_view kGroupColumns = "g.id, g.name, g.description, g.built_in, g.created, g.updated, g.membership_updated";

Group group_from(const store::Row& row) {
  return {.id = row.id<GroupId>(0),
          .name = row.text(1),
          .description = row.text(2),
          .built_in = row.yes(3),
          .created = row.time(4),
          .updated = row.time(5),
          .membership_updated = row.time(6)};
}

Task<std::vector<Group>> select_many(store::Database& database, store::Statement select) {
  GH_CO_TRY(auto rows, co_await database.read(std::move(select)));
  std::vector<Group> groups;
  for (const auto& row : rows) groups.push_back(group_from(row));
  co_return groups;
}

Task<std::optional<Group>> select_one(store::Database& database, store::Statement select) {
  GH_CO_TRY(auto groups, co_await select_many(database, std::move(select)));
  std::optional<Group> found;
  if (!groups.empty()) found = std::move(groups.front());
  co_return found;
}

}  // namespace

store::Statement insert_group(const OrgId& org, const Group& group, Error otherwise) {
  store::Statement insert(
      "insert into user_groups (org_id, id, name, name_folded, description, built_in, created, updated, membership_updated) "
      "values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict do nothing",
      {org, group.id, group.name, fold(group.name), group.description, group.built_in, group.created, group.updated,
       group.membership_updated});
  if (group.built_in) return insert;  // every node makes it at start; one of them is first
  return std::move(insert).expect(1, std::move(otherwise));
}

Task<std::optional<Group>> select_group(store::Database& database, OrgId org, GroupId id) {
  static const auto kSql = fmt::format("select {} from user_groups g where g.org_id = $1 and g.id = $2", kGroupColumns);
  store::Statement select(kSql, {org, id});
  co_return co_await select_one(database, std::move(select));
}

Task<std::optional<Group>> select_group_by_name(store::Database& database, OrgId org, std::string name) {
  static const auto kSql = fmt::format("select {} from user_groups g where g.org_id = $1 and g.name = $2", kGroupColumns);
  store::Statement select(kSql, {org, name});
  co_return co_await select_one(database, std::move(select));
}

Task<std::optional<Group>> select_everyone(store::Database& database, OrgId org) {
  static const auto kSql = fmt::format("select {} from user_groups g where g.org_id = $1 and g.built_in = 1", kGroupColumns);
  store::Statement select(kSql, {org});
  co_return co_await select_one(database, std::move(select));
}

Task<std::vector<Group>> select_groups(store::Database& database, OrgId org, Page page, std::string name_prefix) {
  static const auto kSql = fmt::format(
      "select {} from user_groups g where g.org_id = $1 and g.id > $2 and g.name_folded like $3 escape '\\' "
      "order by g.id limit $4", kGroupColumns);
  store::Statement select(kSql, {org, page.after, prefix_pattern(fold(name_prefix)), std::clamp(page.limit, 1, kListMax)});
  co_return co_await select_many(database, std::move(select));
}

store::Statement update_group(const OrgId& org, const Group& group, Error otherwise) {
  store::Statement update(
      "update user_groups set name = $3, name_folded = $4, description = $5, updated = $6 "
      "where org_id = $1 and id = $2 and built_in = 0",
      {org, group.id, group.name, fold(group.name), group.description, group.updated});
  return std::move(update).expect(1, std::move(otherwise));
}

store::Unit delete_group(const OrgId& org, const GroupId& group, Error otherwise) {
  store::Statement gone("delete from user_groups where org_id = $1 and id = $2 and built_in = 0", {org, group});
  store::Unit unit;
  unit.push_back(std::move(gone).expect(1, std::move(otherwise)));
  unit.emplace_back("delete from group_members where org_id = $1 and group_id = $2", std::vector<store::Param>{org, group});
  unit.emplace_back("delete from app_groups where org_id = $1 and group_id = $2", std::vector<store::Param>{org, group});
  return unit;
}

Task<bool> select_is_member(store::Database& database, OrgId org, GroupId group, UserId user) {
  store::Statement select("select 1 from group_members where org_id = $1 and group_id = $2 and user_id = $3", {org, group, user});
  GH_CO_TRY(auto rows, co_await database.read(std::move(select)));
  co_return !rows.empty();
}

// The rows come from the tables themselves, so that a user or group that has just been deleted gets no membership.
store::Statement insert_member(const OrgId& org, const GroupId& group, const UserId& user, Timestamp now) {
  return {"insert into group_members (org_id, group_id, user_id, added) "
          "select g.org_id, g.id, u.id, cast($4 as bigint) from user_groups g, users u "
          "where g.org_id = $1 and g.id = $2 and u.org_id = $1 and u.id = $3 on conflict do nothing",
          {org, group, user, now}};
}

store::Statement insert_everyone_member(const OrgId& org, const UserId& user, Timestamp now) {
  return {"insert into group_members (org_id, group_id, user_id, added) "
          "select g.org_id, g.id, u.id, cast($3 as bigint) from user_groups g, users u "
          "where g.org_id = $1 and g.built_in = 1 and u.org_id = $1 and u.id = $2 on conflict do nothing",
          {org, user, now}};
}

store::Statement insert_everyone_members(const OrgId& org, Timestamp now) {
  return {"insert into group_members (org_id, group_id, user_id, added) "
          "select g.org_id, g.id, u.id, cast($2 as bigint) from user_groups g, users u "
          "where g.org_id = $1 and g.built_in = 1 and u.org_id = $1 on conflict do nothing",
          {org, now}};
}

store::Statement delete_member(const OrgId& org, const GroupId& group, const UserId& user) {
  return {"delete from group_members where org_id = $1 and group_id = $2 and user_id = $3", {org, group, user}};
}

store::Statement touch_members(const OrgId& org, const GroupId& group, Timestamp now) {
  return {"update user_groups set membership_updated = $3 where org_id = $1 and id = $2", {org, group, now}};
}

Task<std::vector<User>> select_members(store::Database& database, OrgId org, GroupId group, Page page) {
  static const auto kSql = fmt::format(
      "select {} from group_members m join users u on u.org_id = m.org_id and u.id = m.user_id "
      "where m.org_id = $1 and m.group_id = $2 and m.user_id > $3 and u.status <> 'DEPROVISIONED' "
      "order by m.user_id limit $4", kUserColumns);
  store::Statement select(kSql, {org, group, page.after, std::clamp(page.limit, 1, kListMax)});
  GH_CO_TRY(auto rows, co_await database.read(std::move(select)));
  std::vector<User> users;
  for (const auto& row : rows) users.push_back(user_from(row));
  co_return users;
}

Task<std::vector<Group>> select_groups_of(store::Database& database, OrgId org, UserId user) {
  static const auto kSql = fmt::format(
      "select {} from group_members m join user_groups g on g.org_id = m.org_id and g.id = m.group_id "
      "where m.org_id = $1 and m.user_id = $2 order by g.id limit {}", kGroupColumns, kListMax);
  store::Statement select(kSql, {org, user});
  co_return co_await select_many(database, std::move(select));
}

}  // namespace gatehouse::directory
