// The users table and the table of failed sign-ins, for this room's own files only.
#pragma once

#include <optional>

#include "directory/users.h"

namespace gatehouse::directory {

struct StoredUser {
  User user;
  std::optional<std::string> password_hash;
};

store::Statement insert_user(const OrgId& org, const User& user, const std::optional<std::string>& password_hash);
Task<std::optional<StoredUser>> select_user(store::Database& database, OrgId org, UserId id);
Task<std::optional<StoredUser>> select_user_by_login(store::Database& database, OrgId org, std::string login);
Task<std::vector<User>> select_users(store::Database& database, OrgId org, Page page, std::string query, std::string filter);

// Compare-and-set on user.version, which must be the one that was read. Returns the row as it is then. Leaves last_login.
store::Statement update_user(const OrgId& org, const User& user);
store::Statement update_hash(const OrgId& org, const UserId& user, const std::optional<std::string>& password_hash);
// Only while the old hash still stands: another change of the password wins.
store::Statement replace_hash(const OrgId& org, const UserId& user, std::string_view old_hash, std::string_view new_hash);
// Only while the user is active and the hash is the one that was verified; else `otherwise`.
store::Statement stamp_sign_in(const OrgId& org, const UserId& user, std::string_view password_hash, Timestamp now, Error otherwise);
// Memberships, assignments, rights and tokens included; `otherwise` unless deprovisioned.
store::Unit delete_user(const OrgId& org, const UserId& user, Error otherwise);
store::Statement delete_assignments(const OrgId& org, const UserId& user);

// Counts one attempt as failed before it is made, so that parallel attempts count as well; `otherwise` while a delay runs.
store::Statement count_attempt(const OrgId& org, std::string_view subject, std::string_view address, Timestamp now, Error otherwise);
store::Statement forget_attempts(const OrgId& org, std::string_view subject, std::string_view address);

std::string prefix_pattern(std::string_view text);  // for `like … escape '\\'`
User user_from(const store::Row& row);              // columns in the order of kUserColumns
inline constexpr std::string_view kUserColumns =
    "u.id, u.status, u.login, u.email, u.first_name, u.last_name, u.more, u.created, u.updated, u.activated, "
    "u.status_changed, u.last_login, u.password_changed, u.version";

}  // namespace gatehouse::directory
