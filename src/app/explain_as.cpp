#include "app/explain_as.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "app/org.h"
#include "core/spawn.h"
#include "directory/apps.h"
#include "directory/groups.h"
#include "gateway/routes.h"
#include "idp/tokens.h"

namespace gatehouse::app {
namespace {

constexpr int kAppsMax = 100'000;  // that are looked through

Result<std::unique_ptr<store::Database>> open_store(const Config& config) {
  if (const auto* file = std::get_if<SqliteFile>(&config.database)) {
    if (file->path.empty())
      return failure(Fault::missing, "--as: this configuration keeps nothing, so there are no users to look up");
    return store::open_sqlite_to_read(file->path);
  }
  Pool blocking("blocking", 1, 16);
  const secrets::References references(secrets::ReferenceNeeds{
      [](const std::string& name) {
        const char* value = std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): nobody changes the environment
        return value == nullptr ? std::nullopt : std::optional<std::string>(value);
      },
      blocking});
  GH_TRY(const auto conninfo, run(references.resolve(std::get<PostgresAt>(config.database).conninfo)));
  store::PostgresOptions options;
  options.conninfo = std::string(conninfo.reveal());
  options.connections = 1;
  return store::open_postgres(std::move(options));
}

Task<void> add_clients(directory::Apps& apps, KnownPerson& person) {
  directory::Page page;
  page.limit = directory::kListMax;
  while (person.clients.size() < kAppsMax) {
    GH_CO_TRY(const auto some, co_await apps.list(page, ""));
    for (const auto& app : some)
      if (app.active) person.clients.push_back(app.client_id);
    if (some.size() < static_cast<std::size_t>(page.limit)) break;
    page.after = some.back().id.str();
  }
  GH_CO_TRY(const auto assigned, co_await apps.of_user(person.user.id));
  for (const auto& app : assigned)
    if (app.active) person.assigned.push_back(app.client_id);
  co_return Result<void>();
}

Task<KnownPerson> read_person(directory::Needs needs, std::string login_or_id) {
  directory::Users users(needs, the_org());
  directory::Groups groups(needs, the_org());
  directory::Apps apps(needs, the_org());
  auto user = co_await users.find_any(login_or_id);
  if (!user && user.error().fault() == Fault::missing)
    co_return failure(Fault::missing,
                      fmt::format("--as: the org has no user '{}'; write a login or an id", login_or_id));
  if (!user) co_return std::unexpected(std::move(user.error()));
  KnownPerson person{.user = *std::move(user), .groups = {}, .clients = {}, .assigned = {}};
  GH_CO_TRY(person.groups, co_await groups.of_user(person.user.id));
  GH_CO_DO(co_await add_clients(apps, person));
  co_return person;
}

void add_proof(const ImaginedProof& proof, json::object& claims) {
  claims["auth_time"] = to_seconds(proof.auth_time);
  if (!proof.acr.empty()) claims["acr"] = proof.acr;
  json::array amr;
  for (const auto& method : proof.amr) amr.emplace_back(method);
  claims["amr"] = std::move(amr);
}

// As an ID token and userinfo would say it.
json::object session_claims(const SignInAccess& access, const KnownPerson& person, const ImaginedProof& proof) {
  auto claims = idp::claims_about(person.user, person.groups, oauth::Scopes::of(access.scopes));
  claims["iss"] = access.issuer;
  claims["sub"] = person.user.id.str();
  add_proof(proof, claims);
  return claims;
}

// As an access token of one of the org's authorization servers would say it.
json::object token_claims(const KnownPerson& person, const ImaginedProof& proof) {
  const auto scopes = oauth::Scopes::of(proof.scopes);
  json::object claims;
  claims["sub"] = person.user.profile.login;
  claims["uid"] = person.user.id.str();
  json::array words;
  for (const auto& scope : scopes.words()) words.emplace_back(scope);
  claims["scp"] = std::move(words);
  if (scopes.has("groups")) {
    auto about = idp::claims_about(person.user, person.groups, scopes);
    claims["groups"] = std::move(about["groups"]);
  }
  add_proof(proof, claims);
  return claims;
}

const Access* access_of(const Config& config, const gateway::Route& route) {
  for (const auto& host : config.gateway)
    for (const auto& one : host.routes)
      if (host.host == route.host && one.path == route.path) return &one.access;
  return nullptr;
}

// Why the org would not let them in at all; empty: it would.
std::string barred(const KnownPerson& person, const SignInAccess& access) {
  const auto has = [&](const std::vector<std::string>& list) {
    return std::ranges::find(list, access.client_id) != list.end();
  };
  if (has(person.clients) && !has(person.assigned))
    return fmt::format("{} is not assigned to the application {}", person.user.profile.login, access.client_id);
  return {};
}

}  // namespace

Result<KnownPerson> find_person(const Config& config, const std::string& user, const Clock& clock) {
  GH_TRY(const auto database, open_store(config));
  const auto random = system_random();
  Pool hashing("hashing", 1, 1);  // asked nothing
  events::SystemLog log(events::Needs{*database, clock, *random});
  return run(read_person({*database, log, clock, *random, hashing, {}, nullptr}, user));
}

ImagineAt imagine_person(const Config& config, KnownPerson person, ImaginedProof proof) {
  return [&config, person = std::move(person), proof = std::move(proof)](const gateway::Route& route) {
    ImaginedCaller caller;
    const auto* access = access_of(config, route);
    const auto* sign_in = access == nullptr ? nullptr : std::get_if<SignInAccess>(access);
    const bool token = access != nullptr && std::holds_alternative<TokenAccess>(*access);
    if (sign_in == nullptr && !token) {
      caller.told = "nobody is asked who they are here";
      return caller;
    }
    caller.told = fmt::format("{} ({}), {}, of {} groups", person.user.profile.login, person.user.id.str(),
                              directory::name_of(person.user.status), person.groups.size());
    if (!directory::may_act(person.user.status))
      caller.barred =
          fmt::format("a user who is {} can neither sign in nor use a token", directory::name_of(person.user.status));
    else if (sign_in != nullptr) caller.barred = barred(person, *sign_in);
    caller.claims = std::make_shared<const json::object>(sign_in != nullptr ? session_claims(*sign_in, person, proof)
                                                                            : token_claims(person, proof));
    return caller;
  };
}

}  // namespace gatehouse::app
