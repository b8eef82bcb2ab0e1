#include "directory/app_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "directory/profile.h"
#include "directory/user_store.h"

namespace gatehouse::directory {
namespace {

constexpr std::string_view kAppColumns =
    "a.id, a.label, a.kind, a.active, a.client_id, a.auth, a.sign_on_mode, a.settings, a.created, a.updated, a.version";
constexpr std::size_t kHashColumn = 11, kSecretsColumn = 12;  // after kAppColumns

constexpr std::array<std::string_view, 4> kKinds = {"web", "browser", "native", "service"};

template <class Enum, std::size_t n>
Enum parse(const std::array<std::string_view, n>& names, std::string_view name) {
  const auto at = static_cast<std::size_t>(std::ranges::find(names, name) - names.begin());
  if (at == n) throw std::logic_error("apps: a column has a word that is none of ours");
  return static_cast<Enum>(at);
}

ClientAuth parse_auth(std::string_view name) {
  const auto auth = client_auth_named(name);
  if (!auth) throw std::logic_error("apps: a way to prove a client that is none of ours");
  return *auth;
}

json::array texts(const std::vector<std::string>& values) { return json::array(values.begin(), values.end()); }

json::array keys_json(const std::vector<ClientKey>& keys) {
  json::array list;
  for (const auto& key : keys)
    list.push_back({{"id", key.id}, {"jwk", key.jwk}, {"active", key.active}, {"created", to_millis(key.created)}, {"updated", to_millis(key.updated)}});
  return list;
}

Timestamp time_in(const json::value& object, std::string_view name) { return from_millis(find_int(object, name).value_or(0)); }

std::vector<ClientKey> keys_in(const json::value& settings) {
  std::vector<ClientKey> keys;
  const auto* list = find(settings, "keys");
  if (list == nullptr || !list->is_array()) return keys;
  for (const auto& key : list->get_array())
    keys.push_back({find_string(key, "id").value_or(""), find_string(key, "jwk").value_or(""), find_bool(key, "active").value_or(true),
                    time_in(key, "created"), time_in(key, "updated")});
  return keys;
}

constexpr std::array<std::string_view, 5> kSubjectKinds = {"dn", "dns", "uri", "ip", "email"};

void put_subject(json::object& settings, const std::optional<TlsSubject>& subject) {
  if (subject) settings["tls_subject"] = {{"kind", kSubjectKinds.at(static_cast<std::size_t>(subject->kind))}, {"value", subject->value}};
}

std::optional<TlsSubject> subject_in(const json::value& settings) {
  const auto* subject = find(settings, "tls_subject");
  if (subject == nullptr) return std::nullopt;
  return TlsSubject{parse<TlsSubject::Kind>(kSubjectKinds, find_string(*subject, "kind").value_or("")), find_string(*subject, "value").value_or("")};
}

std::string secrets_text(const std::vector<StoredSecret>& secrets) {
  json::array list;
  for (const auto& secret : secrets)
    list.push_back({{"id", secret.id}, {"hash", secret.hash}, {"sealed", secret.sealed}, {"active", secret.active},
                    {"created", to_millis(secret.created)}, {"updated", to_millis(secret.updated)}});
  return to_text(list);
}

// The column that the program one version older reads and writes: the newest active secret.
std::optional<std::string> newest_hash(const std::vector<StoredSecret>& secrets) {
  std::optional<std::string> hash;
  for (const auto& secret : secrets)
    if (secret.active) hash = secret.hash;
  return hash;
}

// Before version 2 of the tables there was one secret, and its hash was all. A hash that is none of the list's comes from a
// program of that time, to which a new secret stands instead of all others; none at all means that it took them away.
std::vector<StoredSecret> secrets_in(const store::Row& row, const App& app) {
  std::vector<StoredSecret> secrets;
  const auto hash = row.maybe_text(kHashColumn);
  if (!hash) return secrets;
  if (const auto text = row.maybe_text(kSecretsColumn)) {
    const auto list = parse_json(*text).value();
    for (const auto& each : list.as_array())
      secrets.push_back({find_string(each, "id").value_or(""), find_string(each, "hash").value_or(""), find_string(each, "sealed").value_or(""),
                         find_bool(each, "active").value_or(false), time_in(each, "created"), time_in(each, "updated")});
  }
  if (newest_hash(secrets) == hash) return secrets;
  return {StoredSecret{"ocs" + app.id.str().substr(std::min<std::size_t>(3, app.id.str().size())), *hash, "", true, app.created, app.updated}};
}

// What no query looks into is one JSON column; a new setting needs no migration.
std::string settings_of(const App& app) {
  json::object settings = {{"redirect_uris", texts(app.redirect_uris)},
                                 {"post_logout_redirect_uris", texts(app.post_logout_redirect_uris)},
                                 {"grant_types", texts(app.grant_types)},
                                 {"scopes", texts(app.scopes)},
                                 {"pkce_required", app.pkce_required},
                                 {"consent_required", app.consent_required},
                                 {"rotate_refresh", app.rotate_refresh},
                                 {"initiate_login_uri", app.initiate_login_uri},
                                 {"more", app.more},
                                 {"jwks_uri", app.jwks_uri},
                                 {"auth_signing_alg", app.auth_signing_alg},
                                 {"registration_hash", app.registration_hash},
                                 {"certificate_bound", app.certificate_bound},
                                 {"dpop_bound", app.dpop_bound},
                                 {"require_pushed", app.require_pushed},
                                 {"refresh_leeway", app.refresh_leeway.count()},
                                 {"backchannel_logout_uri", app.backchannel_logout_uri},
                                 {"backchannel_logout_session_required", app.backchannel_logout_session_required}};
  if (!app.keys.empty()) settings["keys"] = keys_json(app.keys);
  put_subject(settings, app.tls_subject);
  return to_text(settings);
}

App app_from(const store::Row& row) {
  App app{.id = row.id<AppId>(0), .label = row.text(1), .kind = parse<AppKind>(kKinds, row.text(2)), .active = row.yes(3),
          .client_id = row.text(4), .auth = parse_auth(row.text(5)), .redirect_uris = {},
          .post_logout_redirect_uris = {}, .grant_types = {}, .scopes = {}, .initiate_login_uri = {},
          .created = row.time(8), .updated = row.time(9), .sign_on_mode = row.text(6), .more = {}, .version = row.number(10)};
  const auto settings = parse_json(row.text(7)).value();
  app.redirect_uris = find_strings(settings, "redirect_uris");
  app.post_logout_redirect_uris = find_strings(settings, "post_logout_redirect_uris");
  app.grant_types = find_strings(settings, "grant_types");
  app.scopes = find_strings(settings, "scopes");
  app.pkce_required = find_bool(settings, "pkce_required").value_or(true);
  app.consent_required = find_bool(settings, "consent_required").value_or(false);
  app.rotate_refresh = find_bool(settings, "rotate_refresh").value_or(true);
  app.initiate_login_uri = find_string(settings, "initiate_login_uri").value_or("");
  if (const auto* more = find(settings, "more"); more != nullptr && more->is_object()) app.more = more->get_object();
  app.keys = keys_in(settings);
  app.jwks_uri = find_string(settings, "jwks_uri").value_or("");
  app.auth_signing_alg = find_string(settings, "auth_signing_alg").value_or("");
  app.tls_subject = subject_in(settings);
  app.registration_hash = find_string(settings, "registration_hash").value_or("");
  app.certificate_bound = find_bool(settings, "certificate_bound").value_or(false);
  app.dpop_bound = find_bool(settings, "dpop_bound").value_or(false);
  app.refresh_leeway = Seconds(find_int(settings, "refresh_leeway").value_or(0));
  app.backchannel_logout_uri = find_string(settings, "backchannel_logout_uri").value_or("");
  app.backchannel_logout_session_required = find_bool(settings, "backchannel_logout_session_required").value_or(false);
  app.require_pushed = find_bool(settings, "require_pushed").value_or(false);
  return app;
}

Task<std::optional<StoredApp>> select_one(store::Database& database, store::Statement select) {
  GH_CO_TRY(auto rows, co_await database.read(std::move(select)));
  std::optional<StoredApp> found;
  if (rows.empty()) co_return found;
  auto app = app_from(rows.front());
  auto secrets = secrets_in(rows.front(), app);
  found.emplace(std::move(app), std::move(secrets));
  co_return found;
}

Task<std::vector<App>> select_many(store::Database& database, store::Statement select) {
  GH_CO_TRY(auto rows, co_await database.read(std::move(select)));
  std::vector<App> apps;
  for (const auto& row : rows) apps.push_back(app_from(row));
  co_return apps;
}

Task<std::optional<Timestamp>> select_time(store::Database& database, store::Statement select) {
  GH_CO_TRY(auto rows, co_await database.read(std::move(select)));
  std::optional<Timestamp> found;
  if (!rows.empty()) found = rows.front().time(0);
  co_return found;
}

Task<bool> select_any(store::Database& database, store::Statement select) {
  GH_CO_TRY(auto rows, co_await database.read(std::move(select)));
  co_return !rows.empty();
}

}  // namespace

store::Statement insert_app(const OrgId& org, const StoredApp& stored, Error otherwise) {
  const auto& app = stored.app;
  const auto self_managed = app.registration_hash.empty() ? std::nullopt : std::optional<std::int64_t>(1);
  store::Statement insert(
      "insert into apps (org_id, id, label, label_folded, kind, active, client_id, auth, sign_on_mode, settings, created, "
      "updated, version, secret_hash, secrets, self_managed) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) "
      "on conflict do nothing",
      {org, app.id, app.label, fold(app.label), kKinds.at(static_cast<std::size_t>(app.kind)), app.active, app.client_id,
       name_of(app.auth), app.sign_on_mode, settings_of(app), app.created, app.updated,
       app.version, newest_hash(stored.secrets), secrets_text(stored.secrets), self_managed});
  return std::move(insert).expect(1, std::move(otherwise));
}

Task<std::optional<StoredApp>> select_app(store::Database& database, OrgId org, AppId id) {
  static const auto kSql = fmt::format("select {}, a.secret_hash, a.secrets from apps a where a.org_id = $1 and a.id = $2", kAppColumns);
  store::Statement select(kSql, {org, id});
  co_return co_await select_one(database, std::move(select));
}

Task<std::optional<StoredApp>> select_app_by_client(store::Database& database, OrgId org, std::string client_id) {
  static const auto kSql = fmt::format(
      "select {}, a.secret_hash, a.secrets from apps a where a.org_id = $1 and a.client_id = $2 and a.sign_on_mode = 'OPENID_CONNECT'",
      kAppColumns);
  store::Statement select(kSql, {org, client_id});
  co_return co_await select_one(database, std::move(select));
}

Task<std::vector<App>> select_apps(store::Database& database, OrgId org, Page page, std::string label_prefix) {
  static const auto kSql = fmt::format(
      "select {} from apps a where a.org_id = $1 and a.id > $2 and a.label_folded like $3 escape '\\' order by a.id limit $4",
      kAppColumns);
  store::Statement select(kSql, {org, page.after, prefix_pattern(fold(label_prefix)), std::clamp(page.limit, 1, kListMax)});
  co_return co_await select_many(database, std::move(select));
}

Task<int> select_self_managed(store::Database& database, OrgId org, int most) {
  store::Statement select("select count(*) from (select 1 from apps where org_id = $1 and self_managed = 1 limit $2) as found", {org, most});
  GH_CO_TRY(auto rows, co_await database.read(std::move(select)));
  co_return static_cast<int>(rows.front().number(0));
}

namespace {

store::Statement as_read(store::Statement update) {
  return std::move(update).expect(
      1, Error(Fault::conflict, "app: changed by somebody else meanwhile").with_code(std::string(kVersionConflict)));
}

}  // namespace

store::Statement update_app(const OrgId& org, const StoredApp& stored) {
  const auto& app = stored.app;
  store::Statement update(
      "update apps set label = $4, label_folded = $5, kind = $6, active = $7, auth = $8, settings = $9, updated = $10, "
      "secret_hash = $11, secrets = $12, version = version + 1 where org_id = $1 and id = $2 and version = $3",
      {org, app.id, app.version, app.label, fold(app.label), kKinds.at(static_cast<std::size_t>(app.kind)), app.active,
       name_of(app.auth), settings_of(app), app.updated, newest_hash(stored.secrets), secrets_text(stored.secrets)});
  return as_read(std::move(update));
}

store::Statement update_secrets(const OrgId& org, const StoredApp& stored) {
  store::Statement update(
      "update apps set secret_hash = $4, secrets = $5, version = version + 1 where org_id = $1 and id = $2 and version = $3",
      {org, stored.app.id, stored.app.version, newest_hash(stored.secrets), secrets_text(stored.secrets)});
  return as_read(std::move(update));
}

store::Unit delete_app(const OrgId& org, const AppId& app, Error otherwise) {
  store::Statement gone("delete from apps where org_id = $1 and id = $2 and active = 0", {org, app});
  store::Unit unit;
  unit.push_back(std::move(gone).expect(1, std::move(otherwise)));
  unit.emplace_back("delete from app_users where org_id = $1 and app_id = $2", std::vector<store::Param>{org, app});
  unit.emplace_back("delete from app_groups where org_id = $1 and app_id = $2", std::vector<store::Param>{org, app});
  return unit;
}

// As with memberships, rows come from the tables themselves: nothing is assigned to what has just been deleted.
store::Statement insert_app_user(const OrgId& org, const AppId& app, const UserId& user, Timestamp now) {
  return {"insert into app_users (org_id, app_id, user_id, added) "
          "select a.org_id, a.id, u.id, cast($4 as bigint) from apps a, users u "
          "where a.org_id = $1 and a.id = $2 and u.org_id = $1 and u.id = $3 on conflict do nothing",
          {org, app, user, now}};
}

store::Statement insert_app_group(const OrgId& org, const AppId& app, const GroupId& group, Timestamp now) {
  return {"insert into app_groups (org_id, app_id, group_id, added) "
          "select a.org_id, a.id, g.id, cast($4 as bigint) from apps a, user_groups g "
          "where a.org_id = $1 and a.id = $2 and g.org_id = $1 and g.id = $3 on conflict do nothing",
          {org, app, group, now}};
}

store::Statement delete_app_user(const OrgId& org, const AppId& app, const UserId& user) {
  return {"delete from app_users where org_id = $1 and app_id = $2 and user_id = $3", {org, app, user}};
}

store::Statement delete_app_group(const OrgId& org, const AppId& app, const GroupId& group) {
  return {"delete from app_groups where org_id = $1 and app_id = $2 and group_id = $3", {org, app, group}};
}

Task<std::optional<Timestamp>> select_user_since(store::Database& database, OrgId org, AppId app, UserId user) {
  store::Statement select("select added from app_users where org_id = $1 and app_id = $2 and user_id = $3", {org, app, user});
  co_return co_await select_time(database, std::move(select));
}

Task<std::optional<Timestamp>> select_group_since(store::Database& database, OrgId org, AppId app, GroupId group) {
  store::Statement select("select added from app_groups where org_id = $1 and app_id = $2 and group_id = $3", {org, app, group});
  co_return co_await select_time(database, std::move(select));
}

Task<bool> select_is_assigned(store::Database& database, OrgId org, AppId app, UserId user) {
  store::Statement select(
      "select 1 from app_users where org_id = $1 and app_id = $2 and user_id = $3 union all "
      "select 1 from app_groups ag join group_members m on m.org_id = ag.org_id and m.group_id = ag.group_id "
      "where ag.org_id = $1 and ag.app_id = $2 and m.user_id = $3 limit 1",
      {org, app, user});
  co_return co_await select_any(database, std::move(select));
}

Task<std::vector<App>> select_apps_of(store::Database& database, OrgId org, UserId user) {
  static const auto kSql = fmt::format(
      "select {} from apps a where a.org_id = $1 and "
      "(exists (select 1 from app_users au where au.org_id = $1 and au.app_id = a.id and au.user_id = $2) or "
      "exists (select 1 from app_groups ag join group_members m on m.org_id = ag.org_id and m.group_id = ag.group_id "
      "where ag.org_id = $1 and ag.app_id = a.id and m.user_id = $2)) order by a.label_folded, a.id limit {}",
      kAppColumns, kListMax);
  store::Statement select(kSql, {org, user});
  co_return co_await select_many(database, std::move(select));
}

Task<std::vector<App>> select_apps_of_group(store::Database& database, OrgId org, GroupId group) {
  static const auto kSql = fmt::format(
      "select {} from apps a join app_groups ag on ag.org_id = a.org_id and ag.app_id = a.id "
      "where a.org_id = $1 and ag.group_id = $2 order by a.label_folded, a.id limit {}", kAppColumns, kListMax);
  store::Statement select(kSql, {org, group});
  co_return co_await select_many(database, std::move(select));
}

Task<std::vector<UserId>> select_app_users(store::Database& database, OrgId org, AppId app, Page page) {
  store::Statement select(
      "select user_id from app_users where org_id = $1 and app_id = $2 and user_id > $3 order by user_id limit $4",
      {org, app, page.after, std::clamp(page.limit, 1, kListMax)});
  GH_CO_TRY(auto rows, co_await database.read(std::move(select)));
  std::vector<UserId> users;
  for (const auto& row : rows) users.push_back(row.id<UserId>(0));
  co_return users;
}

Task<std::vector<GroupId>> select_app_groups(store::Database& database, OrgId org, AppId app, Page page) {
  store::Statement select(
      "select group_id from app_groups where org_id = $1 and app_id = $2 and group_id > $3 order by group_id limit $4",
      {org, app, page.after, std::clamp(page.limit, 1, kListMax)});
  GH_CO_TRY(auto rows, co_await database.read(std::move(select)));
  std::vector<GroupId> groups;
  for (const auto& row : rows) groups.push_back(row.id<GroupId>(0));
  co_return groups;
}

}  // namespace gatehouse::directory
