#include "app/seed.h"

#include <fmt/format.h>

#include <map>

#include "core/text.h"

namespace gatehouse::app {
namespace {

using directory::Cause;

Cause by_the_seed() {
  Cause cause;
  cause.actor = events::Party{"system", "SystemPrincipal", "seed", "Seed file"};
  return cause;
}

Error at(Error error, std::string_view kind, std::string_view name) {
  return Error(error.fault(), fmt::format("seed, {} '{}': {}", kind, name, error.message()));
}

class Sower {
 public:
  explicit Sower(SeedNeeds needs) : needs_(needs), cause_(by_the_seed()) {}

  Task<void> sow(Seed seed) {
    for (auto& group : seed.groups) {
      auto made = co_await make_group(group);
      if (!made) co_return std::unexpected(at(std::move(made.error()), "group", group.name));
    }
    for (auto& user : seed.users) {
      auto made = co_await make_user(user);
      if (!made) co_return std::unexpected(at(std::move(made.error()), "user", user.profile.login));
    }
    for (auto& group : seed.groups) {
      auto filled = co_await fill_group(group);
      if (!filled) co_return std::unexpected(at(std::move(filled.error()), "group", group.name));
    }
    for (auto& app : seed.apps) {
      auto made = co_await make_app(app);
      if (!made) co_return std::unexpected(at(std::move(made.error()), "app", app.label));
    }
    co_return Result<void>();
  }

 private:
  Task<std::optional<Secret>> open(std::optional<SeedSecret> secret) {
    if (!secret) co_return std::optional<Secret>();
    if (auto* clear = std::get_if<Secret>(&*secret)) co_return std::optional<Secret>(std::move(*clear));
    auto reference = std::get<secrets::Reference>(*secret);
    GH_CO_TRY(auto opened, co_await needs_.references.resolve(std::move(reference)));
    co_return std::optional<Secret>(std::move(opened));
  }

  Task<void> make_group(SeedGroup group) {
    auto found = co_await needs_.groups.find_by_name(group.name);
    if (found) co_return Result<void>();
    if (found.error().fault() != Fault::missing) co_return std::unexpected(std::move(found.error()));
    GH_CO_DO(co_await needs_.groups.create(group.name, group.description, group.id, cause_));
    co_return Result<void>();
  }

  Task<directory::User> find_or_create(SeedUser user) {
    auto found = co_await needs_.users.find_by_login(user.profile.login);
    if (found || found.error().fault() != Fault::missing) co_return found;
    GH_CO_TRY(auto password, co_await open(user.password));
    directory::NewUser fresh;
    fresh.profile = std::move(user.profile);
    fresh.password = std::move(password);
    fresh.id = user.id;
    co_return co_await needs_.users.create(std::move(fresh), cause_);
  }

  Task<void> make_user(SeedUser user) {
    GH_CO_TRY(const auto made, co_await find_or_create(user));
    for (const auto& name : user.groups) {
      GH_CO_TRY(const auto group, co_await needs_.groups.find_by_name(name));
      GH_CO_DO(co_await needs_.groups.add_member(group.id, made.id, cause_));
    }
    if (user.admin) GH_CO_DO(co_await needs_.admins.grant(made.id, cause_));
    co_return Result<void>();
  }

  Task<void> fill_group(SeedGroup group) {
    if (group.members.empty()) co_return Result<void>();
    GH_CO_TRY(const auto found, co_await needs_.groups.find_by_name(group.name));
    for (const auto& login : group.members) {
      GH_CO_TRY(const auto user, co_await needs_.users.find_by_login(login));
      GH_CO_DO(co_await needs_.groups.add_member(found.id, user.id, cause_));
    }
    co_return Result<void>();
  }

  Task<directory::App> find_or_create(SeedApp app) {
    auto found = co_await needs_.apps.find_by_client(app.client_id);
    if (found || found.error().fault() != Fault::missing) co_return found;
    GH_CO_TRY(auto secret, co_await open(app.secret));
    directory::App shape{.id = directory::no_app_id(),
                         .label = app.label,
                         .kind = app.kind,
                         .client_id = app.client_id,
                         .auth = app.auth,
                         .redirect_uris = std::move(app.redirect_uris),
                         .post_logout_redirect_uris = std::move(app.post_logout_redirect_uris),
                         .grant_types = std::move(app.grant_types),
                         .scopes = std::move(app.scopes),
                         .consent_required = app.consent_required,
                         .rotate_refresh = app.rotate_refresh,
                         .initiate_login_uri = std::move(app.initiate_login_uri),
                         .created = {},
                         .updated = {},
                         .more = {}};
    directory::NewApp fresh{std::move(shape), app.client_id, std::move(secret)};
    GH_CO_TRY(auto made, co_await needs_.apps.create(std::move(fresh), cause_));
    co_return std::move(made.app);
  }

  Task<void> make_app(SeedApp app) {
    GH_CO_TRY(const auto made, co_await find_or_create(app));
    for (const auto& name : app.groups) {
      GH_CO_TRY(const auto group, co_await needs_.groups.find_by_name(name));
      GH_CO_DO(co_await needs_.apps.assign_group(made.id, group.id, cause_));
    }
    for (const auto& login : app.users) {
      GH_CO_TRY(const auto user, co_await needs_.users.find_by_login(login));
      GH_CO_DO(co_await needs_.apps.assign_user(made.id, user.id, cause_));
    }
    co_return Result<void>();
  }

  SeedNeeds needs_;
  Cause cause_;
};

}  // namespace

Task<void> apply_seed(SeedNeeds needs, Seed seed) {
  Sower sower(needs);
  co_return co_await sower.sow(std::move(seed));
}

}  // namespace gatehouse::app
