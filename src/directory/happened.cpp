#include "directory/happened.h"

namespace gatehouse::directory {

events::Party party_of(const User& user) {
  auto name = user.profile.first_name;
  if (!name.empty() && !user.profile.last_name.empty()) name += ' ';
  name += user.profile.last_name;
  if (name.empty()) name = user.profile.login;
  return {user.id.str(), "User", user.profile.login, name};
}

events::Party party_of(const Group& group) { return {group.id.str(), "UserGroup", "unknown", group.name}; }

events::Party party_of(const App& app) {
  const auto* type = app.sign_on_mode == "OPENID_CONNECT" ? "PublicClientApp" : "AppInstance";
  return {app.id.str(), type, app.label, app.label};
}

}  // namespace gatehouse::directory
