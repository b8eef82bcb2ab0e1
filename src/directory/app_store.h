// The tables of applications and assignments, for this room's own files only.
#pragma once

#include <optional>

#include "directory/apps.h"

namespace gatehouse::directory {

struct StoredSecret {
  std::string id, hash;      // of "client_secret:" and the secret
  std::string sealed;        // client_secret_jwt only, see sealed_in()
  bool active = true;
  Timestamp created{}, updated{};
};
struct StoredApp {
  App app;
  std::vector<StoredSecret> secrets;   // oldest first
};

store::Statement insert_app(const OrgId& org, const StoredApp& app, Error otherwise);
Task<std::optional<StoredApp>> select_app(store::Database& database, OrgId org, AppId id);
Task<std::optional<StoredApp>> select_app_by_client(store::Database& database, OrgId org, std::string client_id);
Task<std::vector<App>> select_apps(store::Database& database, OrgId org, Page page, std::string label_prefix);
Task<int> select_self_managed(store::Database& database, OrgId org, int most);   // how many, but no more than `most`
store::Statement update_app(const OrgId& org, const StoredApp& app);       // compare-and-set on app.version
store::Statement update_secrets(const OrgId& org, const StoredApp& app);   // compare-and-set on app.version
store::Unit delete_app(const OrgId& org, const AppId& app, Error otherwise);   // `otherwise` while it is active

store::Statement insert_app_user(const OrgId& org, const AppId& app, const UserId& user, Timestamp now);
store::Statement insert_app_group(const OrgId& org, const AppId& app, const GroupId& group, Timestamp now);
store::Statement delete_app_user(const OrgId& org, const AppId& app, const UserId& user);
store::Statement delete_app_group(const OrgId& org, const AppId& app, const GroupId& group);
Task<std::optional<Timestamp>> select_user_since(store::Database& database, OrgId org, AppId app, UserId user);   // directly
Task<std::optional<Timestamp>> select_group_since(store::Database& database, OrgId org, AppId app, GroupId group);
Task<bool> select_is_assigned(store::Database& database, OrgId org, AppId app, UserId user);  // or through a group
Task<std::vector<App>> select_apps_of(store::Database& database, OrgId org, UserId user);
Task<std::vector<App>> select_apps_of_group(store::Database& database, OrgId org, GroupId group);
Task<std::vector<UserId>> select_app_users(store::Database& database, OrgId org, AppId app, Page page);
Task<std::vector<GroupId>> select_app_groups(store::Database& database, OrgId org, AppId app, Page page);

}  // namespace gatehouse::directory
