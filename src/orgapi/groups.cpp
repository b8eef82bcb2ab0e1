// /api/v1/groups: groups and who is in them.
#include "okta/paging.h"
#include "orgapi/apps_json.h"
#include "orgapi/groups_json.h"
#include "orgapi/users_json.h"

namespace gatehouse::orgapi {

json::object shape(const directory::Group& group, const net::Request& request) {
  const auto base = request.origin() + "/api/v1/groups/" + group.id.str();
  return {{"id", group.id.str()},
          {"created", to_iso8601(group.created)},
          {"lastUpdated", to_iso8601(group.updated)},
          {"lastMembershipUpdated", to_iso8601(group.membership_updated)},
          {"objectClass", json::array{"okta:user_group"}},
          {"type", group.built_in ? "BUILT_IN" : "OKTA_GROUP"},
          {"profile",
           {{"name", group.name}, {"description", group.description.empty() ? json::value(nullptr) : json::value(group.description)}}},
          {"_links", {{"self", link(base)}, {"users", link(base + "/users")}, {"apps", link(base + "/apps")}}}};
}

json::array shape(const std::vector<directory::Group>& groups, const net::Request& request) {
  json::array items;
  for (const auto& group : groups) items.push_back(shape(group, request));
  return items;
}

namespace {

constexpr int kGroupsMax = 999, kMembersMax = 999;  // per page

struct GroupAsk {
  std::string name, description;
  static Result<GroupAsk> read(Reader in) {
    auto profile = in.object("profile");
    auto name = profile.required<std::string>("name");
    auto description = profile.optional<std::string>("description", "");
    in.ignore_rest();  // id, type, _links …: clients send groups back as they got them
    GH_DO(profile.done());
    GH_DO(in.done());
    return GroupAsk{*std::move(name), std::move(description)};
  }
};

Task<net::Reply> create_group(Org& org, const net::Call& call, GroupAsk ask) {
  GH_CO_TRY(auto group, co_await org.groups.create(std::move(ask.name), std::move(ask.description), std::nullopt, cause_of(call)));
  co_return answer(shape(group, call.request));
}

Task<net::Reply> list_groups(Org& org, const net::Call& call) {
  GH_CO_DO(refuse_query(call, {"search", "filter", "sortBy", "expand"}));
  GH_CO_TRY(auto paging, okta::read_paging(call, kGroupsMax, kGroupsMax));
  directory::Page page{.after = paging.after, .limit = paging.limit + 1};
  GH_CO_TRY(auto groups, co_await org.groups.list(page, call.query("q").value_or("")));
  const auto next = okta::cut_page(groups, paging.limit, [](const directory::Group& group) { return group.id.str(); });
  co_return okta::list_reply(call.request, shape(groups, call.request), next);
}

Task<net::Reply> get_group(Org& org, const net::Call& call) {
  GH_CO_TRY(auto group, co_await group_in_path(org, call));
  co_return answer(shape(group, call.request));
}

Task<net::Reply> replace_group(Org& org, const net::Call& call, GroupAsk ask) {
  GH_CO_TRY(auto group, co_await group_in_path(org, call));
  GH_CO_TRY(auto updated, co_await org.groups.update(group.id, std::move(ask.name), std::move(ask.description), cause_of(call)));
  co_return answer(shape(updated, call.request));
}

Task<void> delete_group(Org& org, const net::Call& call) {
  GH_CO_TRY(auto group, co_await group_in_path(org, call));
  co_return co_await org.groups.remove(group.id, cause_of(call));
}

Task<net::Reply> list_members(Org& org, const net::Call& call) {
  GH_CO_TRY(auto group, co_await group_in_path(org, call));
  GH_CO_TRY(auto paging, okta::read_paging(call, kMembersMax, kMembersMax));
  directory::Page page{.after = paging.after, .limit = paging.limit + 1};
  GH_CO_TRY(auto users, co_await org.groups.members(group.id, page));
  const auto next = okta::cut_page(users, paging.limit, [](const directory::User& user) { return user.id.str(); });
  co_return okta::list_reply(call.request, shape(users, org, call.request), next);
}

Task<void> add_member(Org& org, const net::Call& call) {
  GH_CO_TRY(auto group, co_await group_in_path(org, call));
  GH_CO_TRY(auto user, co_await user_in_path(org, call));
  co_return co_await org.groups.add_member(group.id, user.id, cause_of(call));
}

Task<void> remove_member(Org& org, const net::Call& call) {
  GH_CO_TRY(auto group, co_await group_in_path(org, call));
  GH_CO_TRY(auto user, co_await user_in_path(org, call));
  co_return co_await org.groups.remove_member(group.id, user.id, cause_of(call));
}

Task<net::Reply> list_apps_of_group(Org& org, const net::Call& call) {
  GH_CO_TRY(auto group, co_await group_in_path(org, call));
  GH_CO_TRY(auto apps, co_await org.apps.of_group(group.id));
  json::array items;
  for (const auto& app : apps) items.push_back(shape(app, org, call.request, nullptr));
  co_return okta::list_reply(call.request, std::move(items), std::nullopt);
}

using net::Method;
constexpr net::Endpoint<Org> kRows[] = {
    net::on<create_group>(Method::post, "/api/v1/groups", "okta.groups.manage"),
    net::on<list_groups>(Method::get, "/api/v1/groups", "okta.groups.read"),
    net::on<get_group>(Method::get, "/api/v1/groups/{groupId}", "okta.groups.read"),
    net::on<replace_group>(Method::put, "/api/v1/groups/{groupId}", "okta.groups.manage"),
    net::on<delete_group>(Method::delete_, "/api/v1/groups/{groupId}", "okta.groups.manage"),
    net::on<list_members>(Method::get, "/api/v1/groups/{groupId}/users", "okta.groups.read"),
    net::on<add_member>(Method::put, "/api/v1/groups/{groupId}/users/{userId}", "okta.groups.manage"),
    net::on<remove_member>(Method::delete_, "/api/v1/groups/{groupId}/users/{userId}", "okta.groups.manage"),
    net::on<list_apps_of_group>(Method::get, "/api/v1/groups/{groupId}/apps", "okta.groups.read"),
};

}  // namespace

Rows group_rows() { return kRows; }

}  // namespace gatehouse::orgapi
