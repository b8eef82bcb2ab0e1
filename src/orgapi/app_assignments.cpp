// /api/v1/apps/{appId}/users and /groups: who may use an application.
#include "okta/paging.h"
#include "orgapi/apps_json.h"

namespace gatehouse::orgapi {
namespace {

constexpr int kUsersUsual = 50, kGroupsUsual = 20, kAssignmentsMax = 200;  // per page

json::object shape_assignment(const directory::App& app, const directory::User& user, Timestamp since, const net::Request& request) {
  const auto base = request.origin() + "/api/v1/";
  return {{"id", user.id.str()},
          {"externalId", nullptr},
          {"created", to_iso8601(since)},
          {"lastUpdated", to_iso8601(since)},
          {"scope", "USER"},
          {"status", "ACTIVE"},
          {"statusChanged", to_iso8601(since)},
          {"passwordChanged", nullptr},
          {"syncState", "DISABLED"},
          {"credentials", {{"userName", user.profile.login}}},
          {"profile", {{"given_name", user.profile.first_name}, {"family_name", user.profile.last_name}, {"email", user.profile.email}}},
          {"_links", {{"app", link(base + "apps/" + app.id.str())}, {"user", link(base + "users/" + user.id.str())}}}};
}

json::object shape_assignment(const directory::App& app, const directory::GroupId& group, Timestamp since, const net::Request& request) {
  const auto base = request.origin() + "/api/v1/";
  return {{"id", group.str()},
          {"lastUpdated", to_iso8601(since)},
          {"priority", 0},
          {"profile", json::object()},
          {"_links",
           {{"app", link(base + "apps/" + app.id.str())},
            {"self", link(base + "apps/" + app.id.str() + "/groups/" + group.str())},
            {"group", link(base + "groups/" + group.str())}}}};
}

struct AssignUser {
  std::string id;
  static Result<AssignUser> read(Reader in) {
    auto id = in.required<std::string>("id");
    if (in.optional<std::string>("scope", "USER") != "USER") in.fault("scope", "must be USER: groups are assigned as groups");
    in.ignore_rest();  // credentials and profile: every application gets the login and the profile of the user
    GH_DO(in.done());
    return AssignUser{*std::move(id)};
  }
};

Task<net::Reply> assigned_user_reply(Org& org, const net::Call& call, directory::App app, directory::User user) {
  GH_CO_TRY(const auto since, co_await org.apps.user_since(app.id, user.id));
  if (!since) co_return std::unexpected(okta::not_found(user.id.str(), "AppUser"));
  co_return answer(shape_assignment(app, user, *since, call.request));
}

Task<net::Reply> assign_user(Org& org, const net::Call& call, AssignUser ask) {
  GH_CO_TRY(auto app, co_await app_in_path(org, call));
  auto user = co_await org.users.find_any(ask.id);
  if (!user && user.error().fault() == Fault::missing) co_return std::unexpected(okta::not_found(ask.id, "User"));
  if (!user) co_return std::unexpected(std::move(user.error()));
  GH_CO_DO(co_await org.apps.assign_user(app.id, user->id, cause_of(call)));
  co_return co_await assigned_user_reply(org, call, std::move(app), *std::move(user));
}

Task<net::Reply> get_assigned_user(Org& org, const net::Call& call) {
  GH_CO_TRY(auto app, co_await app_in_path(org, call));
  GH_CO_TRY(auto user, co_await user_in_path(org, call));
  co_return co_await assigned_user_reply(org, call, std::move(app), std::move(user));
}

Task<net::Reply> list_assigned_users(Org& org, const net::Call& call) {
  GH_CO_DO(refuse_query(call, {"q", "expand"}));
  GH_CO_TRY(auto app, co_await app_in_path(org, call));
  GH_CO_TRY(auto paging, okta::read_paging(call, kUsersUsual, kAssignmentsMax));
  const directory::Page page{.after = paging.after, .limit = paging.limit + 1};
  GH_CO_TRY(auto ids, co_await org.apps.assigned_users(app.id, page));
  const auto next = okta::cut_page(ids, paging.limit, [](const directory::UserId& id) { return id.str(); });
  json::array items;
  for (const auto& id : ids) {
    auto user = co_await org.users.find(id);
    GH_CO_TRY(const auto since, co_await org.apps.user_since(app.id, id));
    if (user && since) items.push_back(shape_assignment(app, *user, *since, call.request));  // else gone meanwhile
  }
  co_return okta::list_reply(call.request, std::move(items), next);
}

Task<void> unassign_user(Org& org, const net::Call& call) {
  GH_CO_TRY(auto app, co_await app_in_path(org, call));
  GH_CO_TRY(auto user, co_await user_in_path(org, call));
  co_return okta::named(co_await org.apps.unassign_user(app.id, user.id, cause_of(call)), Fault::missing, "E0000007",
                        "Not found: Resource not found: " + user.id.str() + " (AppUser)");
}

Task<net::Reply> assigned_group_reply(Org& org, const net::Call& call, directory::App app, directory::GroupId group) {
  GH_CO_TRY(const auto since, co_await org.apps.group_since(app.id, group));
  if (!since) co_return std::unexpected(okta::not_found(group.str(), "GroupAssignment"));
  co_return answer(shape_assignment(app, group, *since, call.request));
}

Task<net::Reply> assign_group(Org& org, const net::Call& call) {
  GH_CO_TRY(auto app, co_await app_in_path(org, call));
  GH_CO_TRY(auto group, co_await group_in_path(org, call));
  GH_CO_DO(co_await org.apps.assign_group(app.id, group.id, cause_of(call)));
  co_return co_await assigned_group_reply(org, call, std::move(app), std::move(group.id));
}

Task<net::Reply> get_assigned_group(Org& org, const net::Call& call) {
  GH_CO_TRY(auto app, co_await app_in_path(org, call));
  GH_CO_TRY(auto group, co_await group_in_path(org, call));
  co_return co_await assigned_group_reply(org, call, std::move(app), std::move(group.id));
}

Task<net::Reply> list_assigned_groups(Org& org, const net::Call& call) {
  GH_CO_DO(refuse_query(call, {"q", "expand"}));
  GH_CO_TRY(auto app, co_await app_in_path(org, call));
  GH_CO_TRY(auto paging, okta::read_paging(call, kGroupsUsual, kAssignmentsMax));
  const directory::Page page{.after = paging.after, .limit = paging.limit + 1};
  GH_CO_TRY(auto ids, co_await org.apps.assigned_groups(app.id, page));
  const auto next = okta::cut_page(ids, paging.limit, [](const directory::GroupId& id) { return id.str(); });
  json::array items;
  for (const auto& id : ids) {
    GH_CO_TRY(const auto since, co_await org.apps.group_since(app.id, id));
    if (since) items.push_back(shape_assignment(app, id, *since, call.request));
  }
  co_return okta::list_reply(call.request, std::move(items), next);
}

Task<void> unassign_group(Org& org, const net::Call& call) {
  GH_CO_TRY(auto app, co_await app_in_path(org, call));
  GH_CO_TRY(auto group, co_await group_in_path(org, call));
  co_return okta::named(co_await org.apps.unassign_group(app.id, group.id, cause_of(call)), Fault::missing, "E0000007",
                        "Not found: Resource not found: " + group.id.str() + " (GroupAssignment)");
}

using net::Method;
constexpr net::Endpoint<Org> kRows[] = {
    net::on<assign_user>(Method::post, "/api/v1/apps/{appId}/users", "okta.apps.manage"),
    net::on<list_assigned_users>(Method::get, "/api/v1/apps/{appId}/users", "okta.apps.read"),
    net::on<get_assigned_user>(Method::get, "/api/v1/apps/{appId}/users/{userId}", "okta.apps.read"),
    net::on<unassign_user>(Method::delete_, "/api/v1/apps/{appId}/users/{userId}", "okta.apps.manage"),
    net::on<assign_group>(Method::put, "/api/v1/apps/{appId}/groups/{groupId}", "okta.apps.manage"),
    net::on<list_assigned_groups>(Method::get, "/api/v1/apps/{appId}/groups", "okta.apps.read"),
    net::on<get_assigned_group>(Method::get, "/api/v1/apps/{appId}/groups/{groupId}", "okta.apps.read"),
    net::on<unassign_group>(Method::delete_, "/api/v1/apps/{appId}/groups/{groupId}", "okta.apps.manage"),
};

}  // namespace

Rows app_assignment_rows() { return kRows; }

}  // namespace gatehouse::orgapi
