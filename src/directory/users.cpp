#include "directory/users.h"

#include "directory/happened.h"
#include "directory/life.h"
#include "directory/member_store.h"
#include "directory/profile.h"
#include "directory/memory.h"
#include "directory/user_store.h"

namespace gatehouse::directory {
namespace {

constexpr std::string_view kLoginTaken = "login: An object with this field already exists in the current organization";

Task<StoredUser> known(store::Database& database, OrgId org, UserId id) {
  GH_CO_TRY(auto found, co_await select_user(database, std::move(org), id));
  if (!found) co_return failure(Fault::missing, "user: not found");
  co_return *std::move(found);
}

}  // namespace

Task<User> Users::create(NewUser asked, Cause cause) {
  GH_CO_DO(check_profile(asked.profile));
  std::optional<std::string> hashed;
  if (asked.password) {
    GH_CO_DO(check_new_password(*asked.password, asked.profile));
    GH_CO_TRY(hashed, co_await hash(*asked.password));
  }

  const auto now = needs_.clock.now();
  const auto has_password = hashed ? HasPassword::yes : HasPassword::no;
  User user{.id = asked.id ? *asked.id : UserId::make(needs_.random, "00u"),
            .status = first_status(asked.activate, has_password, asked.must_change_password),
            .profile = std::move(asked.profile),
            .created = now,
            .updated = now,
            .activated = {},
            .status_changed = {},
            .last_login = {},
            .password_changed = {},
            .version = 1};
  if (user.status != Status::staged) user.activated = user.status_changed = now;
  if (hashed) user.password_changed = now;

  store::Unit unit;
  unit.push_back(insert_user(org_, user, hashed).expect(1, Error(Fault::conflict, std::string(kLoginTaken))));
  unit.push_back(insert_everyone_member(org_, user.id, now));
  unit.push_back(needs_.log.statement(org_, happened("user.lifecycle.create", "Create Okta user", cause, user)));
  if (user.activated) {
    const auto facts = facts_of(Step::activate);
    unit.push_back(needs_.log.statement(org_, happened(facts.event_type, facts.message, cause, user)));
  }
  GH_CO_DO(co_await needs_.write(std::move(unit)));
  co_return user;
}

Task<User> Users::find(UserId id) {
  auto* memory = needs_.memory.get();
  if (memory == nullptr) {
    GH_CO_TRY(auto stored, co_await known(needs_.database, org_, std::move(id)));
    co_return std::move(stored.user);
  }
  if (auto user = memory->users.find(memory_key(org_, id.str()))) co_return *std::move(user);
  const auto asked = memory->users.ask();
  GH_CO_TRY(auto stored, co_await known(needs_.database, org_, id));
  memory->users.keep(memory_key(org_, id.str()), stored.user, asked);
  co_return std::move(stored.user);
}

Task<User> Users::find_by_login(std::string login) {
  GH_CO_TRY(auto found, co_await select_user_by_login(needs_.database, org_, std::move(login)));
  if (!found) co_return failure(Fault::missing, "user: not found");
  co_return std::move(found->user);
}

Task<User> Users::find_any(std::string id_or_login) {
  if (auto id = UserId::parse(id_or_login)) {
    GH_CO_TRY(auto found, co_await select_user(needs_.database, org_, *id));
    if (found) co_return std::move(found->user);
  }
  co_return co_await find_by_login(std::move(id_or_login));
}

Task<std::vector<User>> Users::list(Page page, std::string query, std::string filter) {
  co_return co_await select_users(needs_.database, org_, std::move(page), std::move(query), std::move(filter));
}

Task<User> Users::update(UserId id, Profile profile, std::optional<std::int64_t> version, Cause cause) {
  GH_CO_DO(check_profile(profile));
  GH_CO_TRY(auto stored, co_await known(needs_.database, org_, id));
  auto user = std::move(stored.user);
  if (version && *version != user.version)
    co_return std::unexpected(Error(Fault::conflict, "user: changed by somebody else meanwhile").with_code(std::string(kVersionConflict)));
  if (fold(profile.login) != fold(user.profile.login)) {
    GH_CO_TRY(auto other, co_await select_user_by_login(needs_.database, org_, profile.login));
    if (other) co_return failure(Fault::conflict, std::string(kLoginTaken));
  }
  user.profile = std::move(profile);
  user.updated = needs_.clock.now();

  store::Unit unit;
  unit.push_back(update_user(org_, user));
  unit.push_back(needs_.log.statement(
      org_, happened("user.account.update_profile", "Update user profile for Okta", cause, user)));
  GH_CO_TRY(auto done, co_await needs_.write(std::move(unit)));
  co_return user_from(done.front().rows.front());
}

// One step of a user's life: look, ask the map, change what was seen and nothing else.
Task<User> Users::take(UserId id, Step step, Cause cause) {
  GH_CO_TRY(auto stored, co_await known(needs_.database, org_, id));
  auto user = std::move(stored.user);
  const auto has_password = stored.password_hash ? HasPassword::yes : HasPassword::no;
  GH_CO_TRY(user.status, next_status(user.status, step, has_password));
  user.updated = needs_.clock.now();
  user.status_changed = user.updated;
  if (step == Step::activate) user.activated = user.updated;
  if (step == Step::deactivate) user.password_changed = std::nullopt;

  store::Unit unit;
  unit.push_back(update_user(org_, user));
  if (step == Step::deactivate) {  // as at Okta nothing opens a door any more, even if the user comes back
    unit.push_back(update_hash(org_, id, std::nullopt));
    unit.push_back(delete_assignments(org_, id));
  }
  const auto facts = facts_of(step);
  unit.push_back(needs_.log.statement(org_, happened(facts.event_type, facts.message, cause, user)));
  GH_CO_TRY(auto done, co_await needs_.write(std::move(unit)));
  co_return user_from(done.front().rows.front());
}

Task<User> Users::activate(UserId id, Cause cause) { return take(std::move(id), Step::activate, std::move(cause)); }
Task<User> Users::deactivate(UserId id, Cause cause) { return take(std::move(id), Step::deactivate, std::move(cause)); }
Task<User> Users::suspend(UserId id, Cause cause) { return take(std::move(id), Step::suspend, std::move(cause)); }
Task<User> Users::unsuspend(UserId id, Cause cause) { return take(std::move(id), Step::unsuspend, std::move(cause)); }
Task<User> Users::unlock(UserId id, Cause cause) { return take(std::move(id), Step::unlock, std::move(cause)); }
Task<User> Users::expire_password(UserId id, Cause cause) { return take(std::move(id), Step::expire_password, std::move(cause)); }

Task<void> Users::remove(UserId id, Cause cause) {
  GH_CO_TRY(auto stored, co_await known(needs_.database, org_, id));
  auto unit = delete_user(org_, id, Error(Fault::conflict, "user: must be deactivated before it is deleted"));
  unit.push_back(needs_.log.statement(
      org_, happened("user.lifecycle.delete.completed", "Delete Okta user", cause, stored.user)));
  GH_CO_DO(co_await needs_.write(std::move(unit)));
  co_return Result<void>();
}

}  // namespace gatehouse::directory
