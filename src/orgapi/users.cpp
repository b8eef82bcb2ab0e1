// /api/v1/users: create, find, change, delete.
#include <fmt/format.h>

#include <algorithm>

#include "core/text.h"
#include "okta/paging.h"
#include "orgapi/apps_json.h"
#include "orgapi/groups_json.h"
#include "orgapi/users_json.h"

namespace gatehouse::orgapi {
namespace {

constexpr int kUsersMax = 200, kUsersOfQuery = 10;  // per page, as at Okta

// {"profile": {…}, "credentials": {"password": {"value": …}}, "groupIds": […]}
struct UserAsk {
  json::object profile;
  std::optional<Secret> password;
  std::vector<std::string> groups;

  static Result<UserAsk> read(Reader in) {
    UserAsk ask;
    ask.profile = in.optional<json::object>("profile", {});
    auto credentials = in.object("credentials");
    auto password = credentials.object("password");
    if (auto value = password.optional<std::string>("value")) ask.password = Secret(*std::move(value));
    for (const auto* kind : {"hash", "hook"})
      if (password.has(kind)) password.fault(kind, "Importing passwords is not supported by this server");
    if (credentials.has("recovery_question"))
      credentials.fault("recovery_question", "Recovery questions are not supported by this server");
    password.ignore_rest();
    credentials.ignore_rest();  // "provider" comes back as it was sent out
    ask.groups = in.optional<std::vector<std::string>>("groupIds", {});
    in.ignore_rest();           // id, status, _links …: clients send users back as they got them
    GH_DO(in.done());
    return ask;
  }
};

// An ETag is the version of the user.
std::string etag_of(const directory::User& user) { return fmt::format("W/\"{}\"", user.version); }

Result<std::optional<std::int64_t>> wanted_version(const net::Call& call) {
  const auto field = call.request.fields.only(net::Header::if_match);
  if (!field || *field == "*") return std::nullopt;
  auto text = trim(*field);
  if (text.starts_with("W/")) text.remove_prefix(2);
  if (text.size() < 2 || text.front() != '"' || text.back() != '"') return std::unexpected(okta::error("E0000231"));
  const auto version = parse_int(text.substr(1, text.size() - 2));
  if (!version) return std::unexpected(okta::error("E0000231"));
  return version;
}

net::Reply user_reply(const directory::User& user, const Org& org, const net::Request& request) {
  return answer(shape(user, org, request, Links::by_status)).with("ETag", etag_of(user));
}

Task<net::Reply> create_user(Org& org, const net::Call& call, UserAsk ask) {
  directory::NewUser asked{.profile = {}, .password = std::move(ask.password), .activate = is_true(call, "activate", true), .id = {}};
  GH_CO_TRY(asked.profile, apply_profile({}, ask.profile));
  if (call.query("nextLogin").value_or("") == "changePassword") {
    if (!asked.password) co_return std::unexpected(okta::error("E0000124"));
    if (!asked.activate) co_return std::unexpected(okta::error("E0000125"));
    asked.must_change_password = true;
  }
  std::vector<directory::GroupId> groups;  // all of them must exist before anybody is created
  for (const auto& text : ask.groups) {
    auto id = directory::GroupId::parse(text);
    if (!id) co_return std::unexpected(okta::not_found(text, "UserGroup"));
    auto group = okta::named(co_await org.groups.find(*id), Fault::missing, "E0000007", "Not found: Resource not found: " + text + " (UserGroup)");
    if (!group) co_return std::unexpected(std::move(group.error()));
    if (!group->built_in) groups.push_back(*std::move(id));
  }
  GH_CO_TRY(auto user, co_await org.users.create(std::move(asked), cause_of(call)));
  for (const auto& group : groups) GH_CO_DO(co_await org.groups.add_member(group, user.id, cause_of(call)));
  co_return user_reply(user, org, call.request);
}

Task<net::Reply> list_users(Org& org, const net::Call& call) {
  GH_CO_DO(refuse_query(call, {"sortBy"}));
  auto query = call.query("q").value_or("");
  auto filter = call.query("filter").value_or("");
  const auto search = call.query("search").value_or("");
  if (!search.empty() && !filter.empty()) co_return std::unexpected(okta::error("E0000031", "search: cannot be used with filter"));
  if (filter.empty()) filter = search;

  GH_CO_TRY(auto paging, okta::read_paging(call, query.empty() ? kUsersMax : kUsersOfQuery, kUsersMax));
  directory::Page page{.after = paging.after, .limit = paging.limit + 1};
  GH_CO_TRY(auto users, okta::named(co_await org.users.list(page, query, filter), Fault::invalid, "E0000031"));
  auto next = okta::cut_page(users, paging.limit, [](const directory::User& user) { return user.id.str(); });
  if (!query.empty()) next = std::nullopt;
  co_return okta::list_reply(call.request, shape(users, org, call.request), next);
}

Task<net::Reply> get_user(Org& org, const net::Call& call) {
  GH_CO_TRY(auto user, co_await user_in_path(org, call));
  co_return user_reply(user, org, call.request);
}

enum class Change { partial, whole };

Task<net::Reply> change_user(Org& org, const net::Call& call, UserAsk ask, Change change) {
  GH_CO_TRY(auto user, co_await user_in_path(org, call));
  GH_CO_TRY(auto version, wanted_version(call));
  if (change == Change::whole || !ask.profile.empty()) {
    auto base = change == Change::whole ? directory::Profile() : user.profile;
    GH_CO_TRY(auto profile, apply_profile(std::move(base), ask.profile));
    auto updated = co_await org.users.update(user.id, std::move(profile), version, cause_of(call));
    if (!updated && updated.error().code() == directory::kVersionConflict && version)
      co_return std::unexpected(okta::error("E0000231"));
    if (!updated) co_return std::unexpected(std::move(updated.error()));
    user = *std::move(updated);
  }
  if (ask.password) {
    GH_CO_TRY(user, co_await org.users.set_password(user.id, *std::move(ask.password), cause_of(call)));
  }
  co_return user_reply(user, org, call.request);
}

Task<net::Reply> update_user(Org& org, const net::Call& call, UserAsk ask) {
  co_return co_await change_user(org, call, std::move(ask), Change::partial);
}

Task<net::Reply> replace_user(Org& org, const net::Call& call, UserAsk ask) {
  co_return co_await change_user(org, call, std::move(ask), Change::whole);
}

// As at Okta the first call deactivates and only the second one deletes.
Task<void> delete_user(Org& org, const net::Call& call) {
  GH_CO_TRY(auto user, co_await user_in_path(org, call));
  if (user.status == directory::Status::deprovisioned) co_return co_await org.users.remove(user.id, cause_of(call));
  GH_CO_DO(co_await org.users.deactivate(user.id, cause_of(call)));
  co_return Result<void>();
}

Task<net::Reply> list_groups_of_user(Org& org, const net::Call& call) {
  GH_CO_TRY(auto user, co_await user_in_path(org, call));
  GH_CO_TRY(auto groups, co_await org.groups.of_user(user.id));
  co_return okta::list_reply(call.request, shape(groups, call.request), std::nullopt);
}

Task<net::Reply> list_app_links(Org& org, const net::Call& call) {
  GH_CO_TRY(auto user, co_await user_in_path(org, call));
  GH_CO_TRY(auto apps, co_await org.apps.of_user(user.id));
  std::erase_if(apps, [](const directory::App& app) { return !app.active; });
  co_return okta::list_reply(call.request, app_links_json(apps, user, call.request), std::nullopt);
}

using net::Method;
constexpr net::Endpoint<Org> kRows[] = {
    net::on<create_user>(Method::post, "/api/v1/users", "okta.users.manage"),
    net::on<list_users>(Method::get, "/api/v1/users", "okta.users.read"),
    net::on<get_user>(Method::get, "/api/v1/users/{userId}", "okta.users.read"),
    net::on<update_user>(Method::post, "/api/v1/users/{userId}", "okta.users.manage"),
    net::on<replace_user>(Method::put, "/api/v1/users/{userId}", "okta.users.manage"),
    net::on<delete_user>(Method::delete_, "/api/v1/users/{userId}", "okta.users.manage"),
    net::on<list_groups_of_user>(Method::get, "/api/v1/users/{userId}/groups", "okta.users.read"),
    net::on<list_app_links>(Method::get, "/api/v1/users/{userId}/appLinks", "okta.users.read"),
};

}  // namespace

Rows user_rows() { return kRows; }

}  // namespace gatehouse::orgapi
