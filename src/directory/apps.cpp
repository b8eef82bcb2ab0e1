#include "directory/apps.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/text.h"
#include "directory/app_store.h"
#include "directory/client_proof.h"
#include "directory/memory.h"
#include "directory/happened.h"
#include "directory/member_store.h"
#include "directory/user_store.h"

namespace gatehouse::directory {
namespace {

Result<void> check_uris(std::string_view name, const std::vector<std::string>& uris) {
  if (uris.size() > kUrisMax) return failure(Fault::invalid, fmt::format("{}: at most {} are allowed", name, kUrisMax));
  for (const auto& uri : uris) {
    const bool plain = std::ranges::all_of(uri, [](char c) { return c > 0x20 && c < 0x7F; });
    if (uri.empty() || uri.size() > kUriMax || !plain || uri.find(':') == std::string::npos)
      return failure(Fault::invalid, fmt::format("{}: '{}' is not an absolute URI", name, uri.substr(0, 100)));
    if (uri.find('#') != std::string::npos)  // RFC 6749 §3.1.2
      return failure(Fault::invalid, fmt::format("{}: '{}' has a fragment", name, uri.substr(0, 100)));
  }
  return {};
}

Result<void> check_app(const App& app) {
  if (trim(app.label).empty()) return failure(Fault::invalid, "label: The field cannot be left blank");
  if (app.label.size() > kLabelMax * 4 || !is_utf8(app.label)) return failure(Fault::invalid, "label: The field is too long");
  if (!is_id(app.client_id)) return failure(Fault::invalid, "client_id: must be 1 to 64 characters of [A-Za-z0-9._-]");
  GH_DO(check_uris("redirect_uris", app.redirect_uris));
  GH_DO(check_uris("post_logout_redirect_uris", app.post_logout_redirect_uris));
  if (to_text(app.more).size() > kAppMoreMax) return failure(Fault::invalid, "settings: too large");
  if (app.kind == AppKind::service && app.auth == ClientAuth::none && app.sign_on_mode == "OPENID_CONNECT")
    return failure(Fault::invalid, "token_endpoint_auth_method: a service needs a way to prove itself");
  return check_client_proof(app);
}

Task<App> known(store::Database& database, OrgId org, AppId id) {
  GH_CO_TRY(auto found, co_await select_app(database, std::move(org), std::move(id)));
  if (!found) co_return failure(Fault::missing, "app: not found");
  co_return std::move(found->app);
}

Task<User> known(store::Database& database, OrgId org, UserId id) {
  GH_CO_TRY(auto found, co_await select_user(database, std::move(org), std::move(id)));
  if (!found) co_return failure(Fault::missing, "user: not found");
  co_return std::move(found->user);
}

Task<Group> known(store::Database& database, OrgId org, GroupId id) {
  GH_CO_TRY(auto found, co_await select_group(database, std::move(org), std::move(id)));
  if (!found) co_return failure(Fault::missing, "group: not found");
  co_return *std::move(found);
}

}  // namespace

AppId no_app_id() { return AppId::parse("unset").value(); }

Task<AppWithSecret> Apps::create(NewApp asked, Cause cause) {
  auto app = std::move(asked.app);
  const auto now = needs_.clock.now();
  app.id = asked.id ? *asked.id : AppId::make(needs_.random, "0oa");
  if (asked.client_id) app.client_id = *asked.client_id;
  if (app.client_id.empty()) app.client_id = app.id.str();
  app.created = app.updated = now;
  app.version = 1;
  GH_CO_DO(check_app(app));
  if (asked.secret) GH_CO_DO(check_given_secret(app.auth, *asked.secret));

  name_keys(app, {}, needs_);
  AppWithSecret made{app, std::nullopt};
  StoredApp stored{std::move(app), {}};
  if (has_secret(stored.app.auth)) {
    made.secret = asked.secret ? *asked.secret : random_secret(needs_.random);
    GH_CO_TRY(auto kept, kept_secret(needs_, org_, stored.app, *made.secret));
    stored.secrets.push_back(std::move(kept));
  }
  if (asked.self_managed) {
    made.registration_token = registration_token(needs_.random);
    made.app.registration_hash = stored.app.registration_hash = hash_of_registration(*made.registration_token);
  }
  store::Unit unit;
  unit.push_back(insert_app(org_, stored,
                            Error(Fault::conflict, "client_id: An object with this field already exists in the current organization")));
  unit.push_back(needs_.log.statement(org_, happened("application.lifecycle.create", "Create application", cause, stored.app)));
  GH_CO_DO(co_await needs_.write(std::move(unit)));
  co_return made;
}

Task<App> Apps::find(AppId id) { co_return co_await known(needs_.database, org_, std::move(id)); }

Task<App> Apps::find_by_client(std::string client_id) {
  GH_CO_TRY(auto found, co_await client(std::move(client_id)));
  co_return std::move(found.app);
}

Task<StoredApp> Apps::client(std::string client_id) {
  auto* memory = needs_.memory.get();
  if (memory != nullptr)
    if (auto known = memory->apps.find(memory_key(org_, client_id))) co_return *std::move(known);
  const auto asked = memory != nullptr ? memory->apps.ask() : decltype(memory->apps.ask())();
  GH_CO_TRY(auto found, co_await select_app_by_client(needs_.database, org_, client_id));
  if (!found) co_return failure(Fault::missing, "app: not found");
  if (memory != nullptr) memory->apps.keep(memory_key(org_, client_id), *found, asked);
  co_return *std::move(found);
}

Task<std::vector<App>> Apps::list(Page page, std::string label_prefix) {
  co_return co_await select_apps(needs_.database, org_, std::move(page), std::move(label_prefix));
}

Task<int> Apps::count_self_managed(int most) { co_return co_await select_self_managed(needs_.database, org_, most); }

Task<StoredApp> Apps::stored(AppId id) {
  GH_CO_TRY(auto found, co_await select_app(needs_.database, org_, std::move(id)));
  if (!found) co_return failure(Fault::missing, "app: not found");
  co_return *std::move(found);
}

Task<App> Apps::keep(App app, StoredApp before, std::string event_type, std::string message, Cause cause) {
  app.updated = needs_.clock.now();
  before.secrets = secrets_after(std::move(before.secrets), before.app.auth, app.auth);
  before.app = std::move(app);
  store::Unit unit;
  unit.push_back(update_app(org_, before));
  unit.push_back(needs_.log.statement(org_, happened(event_type, message, cause, before.app)));
  GH_CO_DO(co_await needs_.write(std::move(unit)));
  ++before.app.version;
  co_return std::move(before.app);
}

Task<App> Apps::update(App app, Cause cause) {
  GH_CO_DO(check_app(app));
  GH_CO_TRY(auto before, co_await stored(app.id));
  app.client_id = before.app.client_id;  // what others hold of an app does not change under them
  app.created = before.app.created;
  app.active = before.app.active;
  app.sign_on_mode = before.app.sign_on_mode;
  app.registration_hash = before.app.registration_hash;
  name_keys(app, before.app.keys, needs_);
  if (app.version == 0) app.version = before.app.version;
  co_return co_await keep(std::move(app), std::move(before), "application.lifecycle.update", "Update application", std::move(cause));
}

Task<App> Apps::activate(AppId id, Cause cause) {
  GH_CO_TRY(auto before, co_await stored(std::move(id)));
  if (before.app.active) co_return before.app;
  auto app = before.app;
  app.active = true;
  co_return co_await keep(std::move(app), std::move(before), "application.lifecycle.activate", "Activate application", std::move(cause));
}

Task<App> Apps::deactivate(AppId id, Cause cause) {
  GH_CO_TRY(auto before, co_await stored(std::move(id)));
  if (!before.app.active) co_return before.app;
  auto app = before.app;
  app.active = false;
  co_return co_await keep(std::move(app), std::move(before), "application.lifecycle.deactivate", "Deactivate application", std::move(cause));
}

Task<void> Apps::remove(AppId id, Cause cause) {
  GH_CO_TRY(auto app, co_await find(id));
  auto unit = delete_app(org_, id, Error(Fault::denied, "The application must be deactivated before deletion."));
  unit.push_back(needs_.log.statement(org_, happened("application.lifecycle.delete", "Delete application", cause, app)));
  GH_CO_DO(co_await needs_.write(std::move(unit)));
  co_return Result<void>();
}

Task<void> Apps::assign_user(AppId app, UserId user, Cause cause) {
  GH_CO_TRY(auto to, co_await known(needs_.database, org_, app));
  GH_CO_TRY(auto who, co_await known(needs_.database, org_, user));
  GH_CO_TRY(const auto already, co_await select_user_since(needs_.database, org_, app, user));
  if (already) co_return Result<void>();
  store::Unit unit;
  unit.push_back(insert_app_user(org_, app, user, needs_.clock.now()));
  unit.push_back(needs_.log.statement(
      org_, happened("application.user_membership.add", "Add user to application membership", cause, who, to)));
  GH_CO_DO(co_await needs_.write(std::move(unit)));
  co_return Result<void>();
}

Task<void> Apps::unassign_user(AppId app, UserId user, Cause cause) {
  GH_CO_TRY(auto from, co_await known(needs_.database, org_, app));
  GH_CO_TRY(auto who, co_await known(needs_.database, org_, user));
  GH_CO_TRY(const auto there, co_await select_user_since(needs_.database, org_, app, user));
  if (!there) co_return failure(Fault::missing, "app: the user is not assigned");
  store::Unit unit;
  unit.push_back(delete_app_user(org_, app, user));
  unit.push_back(needs_.log.statement(
      org_, happened("application.user_membership.remove", "Remove user's application membership", cause, who, from)));
  GH_CO_DO(co_await needs_.write(std::move(unit)));
  co_return Result<void>();
}

Task<void> Apps::assign_group(AppId app, GroupId group, Cause cause) {
  GH_CO_TRY(auto to, co_await known(needs_.database, org_, app));
  GH_CO_TRY(auto who, co_await known(needs_.database, org_, group));
  GH_CO_TRY(const auto already, co_await select_group_since(needs_.database, org_, app, group));
  if (already) co_return Result<void>();
  store::Unit unit;
  unit.push_back(insert_app_group(org_, app, group, needs_.clock.now()));
  unit.push_back(needs_.log.statement(
      org_, happened("group.application_assignment.add", "Add assigned application to group", cause, who, to)));
  GH_CO_DO(co_await needs_.write(std::move(unit)));
  co_return Result<void>();
}

Task<void> Apps::unassign_group(AppId app, GroupId group, Cause cause) {
  GH_CO_TRY(auto from, co_await known(needs_.database, org_, app));
  GH_CO_TRY(auto who, co_await known(needs_.database, org_, group));
  GH_CO_TRY(const auto there, co_await select_group_since(needs_.database, org_, app, group));
  if (!there) co_return failure(Fault::missing, "app: the group is not assigned");
  store::Unit unit;
  unit.push_back(delete_app_group(org_, app, group));
  unit.push_back(needs_.log.statement(
      org_, happened("group.application_assignment.remove", "Remove assigned application from group", cause, who, from)));
  GH_CO_DO(co_await needs_.write(std::move(unit)));
  co_return Result<void>();
}

Task<bool> Apps::is_assigned(AppId app, UserId user) {
  auto* memory = needs_.memory.get();
  if (memory == nullptr) co_return co_await select_is_assigned(needs_.database, org_, std::move(app), std::move(user));
  auto key = memory_key(org_, app.str(), user.str());
  if (auto known = memory->assigned.find(key)) co_return *known;
  const auto asked = memory->assigned.ask();
  GH_CO_TRY(const bool assigned, co_await select_is_assigned(needs_.database, org_, std::move(app), std::move(user)));
  memory->assigned.keep(std::move(key), assigned, asked);
  co_return assigned;
}

Task<std::vector<App>> Apps::of_user(UserId user) {
  co_return co_await select_apps_of(needs_.database, org_, std::move(user));
}

Task<std::vector<UserId>> Apps::assigned_users(AppId app, Page page) {
  GH_CO_DO(co_await find(app));
  co_return co_await select_app_users(needs_.database, org_, std::move(app), std::move(page));
}

Task<std::vector<GroupId>> Apps::assigned_groups(AppId app, Page page) {
  GH_CO_DO(co_await find(app));
  co_return co_await select_app_groups(needs_.database, org_, std::move(app), std::move(page));
}

Task<std::vector<App>> Apps::of_group(GroupId group) {
  co_return co_await select_apps_of_group(needs_.database, org_, std::move(group));
}

Task<std::optional<Timestamp>> Apps::user_since(AppId app, UserId user) {
  co_return co_await select_user_since(needs_.database, org_, std::move(app), std::move(user));
}

Task<std::optional<Timestamp>> Apps::group_since(AppId app, GroupId group) {
  co_return co_await select_group_since(needs_.database, org_, std::move(app), std::move(group));
}

}  // namespace gatehouse::directory
