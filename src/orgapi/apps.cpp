// /api/v1/apps: applications themselves.
#include "okta/paging.h"
#include "orgapi/apps_json.h"

namespace gatehouse::orgapi {
namespace {

constexpr int kAppsUsual = 100, kAppsMax = 200;  // per page

Task<net::Reply> create_app(Org& org, const net::Call& call, AppAsk ask) {
  ask.app.active = is_true(call, "activate", true);
  directory::NewApp asked{.app = std::move(ask.app), .client_id = std::move(ask.client_id), .secret = std::move(ask.client_secret)};
  GH_CO_TRY(auto made, co_await org.apps.create(std::move(asked), cause_of(call)));
  co_return answer(shape(made.app, org, call.request, made.secret ? &*made.secret : nullptr));
}

// filter=user.id eq "…" | group.id eq "…" | status eq "…" and nothing else.
Task<std::vector<directory::App>> filtered(Org& org, std::string filter, directory::Page page) {
  if (const auto user = simple_filter(filter, "user.id")) {
    auto id = directory::UserId::parse(*user);
    if (!id) co_return std::unexpected(okta::not_found(*user, "User"));
    co_return co_await org.apps.of_user(*std::move(id));
  }
  if (const auto group = simple_filter(filter, "group.id")) {
    auto id = directory::GroupId::parse(*group);
    if (!id) co_return std::unexpected(okta::not_found(*group, "UserGroup"));
    co_return co_await org.apps.of_group(*std::move(id));
  }
  const auto status = simple_filter(filter, "status");
  if (!status || (*status != "ACTIVE" && *status != "INACTIVE"))
    co_return std::unexpected(okta::error("E0000031", "filter: only user.id, group.id and status with eq are supported by this server"));
  GH_CO_TRY(auto apps, co_await org.apps.list(std::move(page), ""));
  std::erase_if(apps, [&](const directory::App& app) { return app.active != (*status == "ACTIVE"); });
  co_return apps;
}

net::Reply app_list(const Org& org, const net::Call& call, const std::vector<directory::App>& apps, const std::optional<std::string>& next) {
  json::array items;
  for (const auto& app : apps) items.push_back(shape(app, org, call.request, nullptr));
  return okta::list_reply(call.request, std::move(items), next);
}

Task<net::Reply> list_apps(Org& org, const net::Call& call) {
  if (auto filter = call.query("filter").value_or(""); !filter.empty()) {
    const directory::Page all{.after = "", .limit = directory::kListMax};
    GH_CO_TRY(auto apps, co_await filtered(org, std::move(filter), all));
    co_return app_list(org, call, apps, std::nullopt);
  }
  GH_CO_TRY(auto paging, okta::read_paging(call, kAppsUsual, kAppsMax));
  const directory::Page page{.after = paging.after, .limit = paging.limit + 1};
  GH_CO_TRY(auto apps, co_await org.apps.list(page, call.query("q").value_or("")));
  const auto next = okta::cut_page(apps, paging.limit, [](const directory::App& app) { return app.id.str(); });
  co_return app_list(org, call, apps, next);
}

Task<net::Reply> get_app(Org& org, const net::Call& call) {
  GH_CO_TRY(auto app, co_await app_in_path(org, call));
  co_return answer(shape(app, org, call.request, nullptr));
}

Task<net::Reply> replace_app(Org& org, const net::Call& call, AppAsk ask) {
  GH_CO_TRY(auto app, co_await app_in_path(org, call));
  if (ask.app.sign_on_mode != app.sign_on_mode)
    co_return std::unexpected(okta::error("E0000001", "signOnMode: The sign-on mode of an application cannot be changed"));
  if (ask.client_id && *ask.client_id != app.client_id)
    co_return std::unexpected(okta::error("E0000001", "client_id: The client id of an application cannot be changed"));
  ask.app.id = app.id;
  ask.app.client_id = app.client_id;
  ask.app.scopes = app.scopes;
  ask.app.version = app.version;
  const bool needs_secret = directory::needs_new_secret(app.auth, ask.app.auth);
  GH_CO_TRY(auto updated, co_await org.apps.update(std::move(ask.app), cause_of(call)));
  std::optional<Secret> secret;
  if (needs_secret) {
    GH_CO_TRY(secret, co_await org.apps.new_secret(updated.id, cause_of(call)));
  }
  co_return answer(shape(updated, org, call.request, secret ? &*secret : nullptr));
}

Task<net::Reply> activate_app(Org& org, const net::Call& call) {
  GH_CO_TRY(auto app, co_await app_in_path(org, call));
  GH_CO_DO(co_await org.apps.activate(app.id, cause_of(call)));
  co_return answer(json::object());
}

Task<net::Reply> deactivate_app(Org& org, const net::Call& call) {
  GH_CO_TRY(auto app, co_await app_in_path(org, call));
  GH_CO_DO(co_await org.apps.deactivate(app.id, cause_of(call)));
  co_return answer(json::object());
}

Task<void> delete_app(Org& org, const net::Call& call) {
  GH_CO_TRY(auto app, co_await app_in_path(org, call));
  co_return okta::named(co_await org.apps.remove(app.id, cause_of(call)), Fault::denied, "E0000056",
                        "The application must be deactivated before deletion.");
}

using net::Method;
constexpr net::Endpoint<Org> kRows[] = {
    net::on<create_app>(Method::post, "/api/v1/apps", "okta.apps.manage"),
    net::on<list_apps>(Method::get, "/api/v1/apps", "okta.apps.read"),
    net::on<get_app>(Method::get, "/api/v1/apps/{appId}", "okta.apps.read"),
    net::on<replace_app>(Method::put, "/api/v1/apps/{appId}", "okta.apps.manage"),
    net::on<delete_app>(Method::delete_, "/api/v1/apps/{appId}", "okta.apps.manage"),
    net::on<activate_app>(Method::post, "/api/v1/apps/{appId}/lifecycle/activate", "okta.apps.manage"),
    net::on<deactivate_app>(Method::post, "/api/v1/apps/{appId}/lifecycle/deactivate", "okta.apps.manage"),
};

}  // namespace

Rows app_rows() { return kRows; }

}  // namespace gatehouse::orgapi
