// The tables of groups and members, for this room's own files only.
// "Everyone" has a row per user like any other group, so that no query needs to know that it is special.
#pragma once

#include <optional>

#include "directory/groups.h"

namespace gatehouse::directory {

store::Statement insert_group(const OrgId& org, const Group& group, Error otherwise);   // nothing happens if built in
Task<std::optional<Group>> select_group(store::Database& database, OrgId org, GroupId id);
Task<std::optional<Group>> select_group_by_name(store::Database& database, OrgId org, std::string name);
Task<std::optional<Group>> select_everyone(store::Database& database, OrgId org);
Task<std::vector<Group>> select_groups(store::Database& database, OrgId org, Page page, std::string name_prefix);
store::Statement update_group(const OrgId& org, const Group& group, Error otherwise);
store::Unit delete_group(const OrgId& org, const GroupId& group, Error otherwise);      // with memberships and assignments

Task<bool> select_is_member(store::Database& database, OrgId org, GroupId group, UserId user);
store::Statement insert_member(const OrgId& org, const GroupId& group, const UserId& user, Timestamp now);
store::Statement insert_everyone_member(const OrgId& org, const UserId& user, Timestamp now);
store::Statement insert_everyone_members(const OrgId& org, Timestamp now);              // whoever is missing
store::Statement delete_member(const OrgId& org, const GroupId& group, const UserId& user);
store::Statement touch_members(const OrgId& org, const GroupId& group, Timestamp now);
Task<std::vector<User>> select_members(store::Database& database, OrgId org, GroupId group, Page page);
Task<std::vector<Group>> select_groups_of(store::Database& database, OrgId org, UserId user);

}  // namespace gatehouse::directory
