#include "directory/groups.h"

#include "core/text.h"
#include "directory/happened.h"
#include "directory/member_store.h"
#include "directory/user_store.h"

namespace gatehouse::directory {
namespace {

Error name_taken() { return {Fault::conflict, "name: An object with this field already exists in the current organization"}; }
Error built_in() { return {Fault::denied, "group: a built-in group cannot be changed"}; }

Result<void> check_name(std::string_view name, std::string_view description) {
  if (trim(name).empty()) return failure(Fault::invalid, "name: The field cannot be left blank");
  if (name.size() > kGroupNameMax) return failure(Fault::invalid, "name: The field is too long");
  if (description.size() > kGroupDescriptionMax) return failure(Fault::invalid, "description: The field is too long");
  if (!is_utf8(name) || !is_utf8(description)) return failure(Fault::invalid, "name: has characters that are not allowed");
  return {};
}

struct Both {
  Group group;
  User user;
};
Task<Both> known(store::Database& database, OrgId org, GroupId group, UserId user) {
  GH_CO_TRY(auto found_group, co_await select_group(database, org, std::move(group)));
  if (!found_group) co_return failure(Fault::missing, "group: not found");
  if (found_group->built_in) co_return std::unexpected(built_in());
  GH_CO_TRY(auto found_user, co_await select_user(database, org, std::move(user)));
  if (!found_user) co_return failure(Fault::missing, "user: not found");
  Both both{*std::move(found_group), std::move(found_user->user)};
  co_return both;
}

}  // namespace

Task<Group> Groups::create(std::string name, std::string description, std::optional<GroupId> id, Cause cause) {
  GH_CO_DO(check_name(name, description));
  const auto now = needs_.clock.now();
  Group group{.id = id ? *id : GroupId::make(needs_.random, "00g"),
              .name = std::move(name),
              .description = std::move(description),
              .built_in = false,
              .created = now,
              .updated = now,
              .membership_updated = now};
  store::Unit unit;
  unit.push_back(insert_group(org_, group, name_taken()));
  unit.push_back(needs_.log.statement(org_, happened("group.lifecycle.create", "Create Okta group", cause, group)));
  GH_CO_DO(co_await needs_.write(std::move(unit)));
  co_return group;
}

Task<Group> Groups::ensure_everyone() {
  const auto now = needs_.clock.now();
  const Group everyone{.id = GroupId::make(needs_.random, "00g"),
                       .name = std::string(kEveryone),
                       .description = "All users in your organization",
                       .built_in = true,
                       .created = now,
                       .updated = now,
                       .membership_updated = now};
  store::Unit unit;
  unit.push_back(insert_group(org_, everyone, name_taken()));
  unit.push_back(insert_everyone_members(org_, now));
  GH_CO_DO(co_await needs_.write(std::move(unit)));
  GH_CO_TRY(auto found, co_await select_everyone(needs_.database, org_));
  if (!found) co_return failure(Fault::conflict, "group: another group has taken the name Everyone");
  co_return *std::move(found);
}

Task<Group> Groups::find(GroupId id) {
  GH_CO_TRY(auto found, co_await select_group(needs_.database, org_, std::move(id)));
  if (!found) co_return failure(Fault::missing, "group: not found");
  co_return *std::move(found);
}

Task<Group> Groups::find_by_name(std::string name) {
  GH_CO_TRY(auto found, co_await select_group_by_name(needs_.database, org_, std::move(name)));
  if (!found) co_return failure(Fault::missing, "group: not found");
  co_return *std::move(found);
}

Task<std::vector<Group>> Groups::list(Page page, std::string name_prefix) {
  co_return co_await select_groups(needs_.database, org_, std::move(page), std::move(name_prefix));
}

Task<Group> Groups::update(GroupId id, std::string name, std::string description, Cause cause) {
  GH_CO_DO(check_name(name, description));
  GH_CO_TRY(auto group, co_await find(std::move(id)));
  if (group.built_in) co_return std::unexpected(built_in());
  if (name != group.name) {
    GH_CO_TRY(auto other, co_await select_group_by_name(needs_.database, org_, name));
    if (other) co_return std::unexpected(name_taken());
  }
  group.name = std::move(name);
  group.description = std::move(description);
  group.updated = needs_.clock.now();

  store::Unit unit;
  unit.push_back(update_group(org_, group, Error(Fault::missing, "group: not found")));
  unit.push_back(needs_.log.statement(org_, happened("group.profile.update", "Update Okta group", cause, group)));
  GH_CO_DO(co_await needs_.write(std::move(unit)));
  co_return group;
}

Task<void> Groups::remove(GroupId id, Cause cause) {
  GH_CO_TRY(auto group, co_await find(id));
  if (group.built_in) co_return std::unexpected(built_in());
  auto unit = delete_group(org_, id, Error(Fault::missing, "group: not found"));
  unit.push_back(needs_.log.statement(org_, happened("group.lifecycle.delete", "Delete Okta group", cause, group)));
  GH_CO_DO(co_await needs_.write(std::move(unit)));
  co_return Result<void>();
}

Task<void> Groups::add_member(GroupId group, UserId user, Cause cause) {
  GH_CO_TRY(auto both, co_await known(needs_.database, org_, group, user));
  GH_CO_TRY(const bool already, co_await select_is_member(needs_.database, org_, group, user));
  if (already) co_return Result<void>();

  const auto now = needs_.clock.now();
  store::Unit unit;
  unit.push_back(insert_member(org_, group, user, now));
  unit.push_back(touch_members(org_, group, now));
  unit.push_back(needs_.log.statement(
      org_, happened("group.user_membership.add", "Add user to group membership", cause, both.user, both.group)));
  GH_CO_DO(co_await needs_.write(std::move(unit)));
  co_return Result<void>();
}

Task<void> Groups::remove_member(GroupId group, UserId user, Cause cause) {
  GH_CO_TRY(auto both, co_await known(needs_.database, org_, group, user));
  GH_CO_TRY(const bool there, co_await select_is_member(needs_.database, org_, group, user));
  if (!there) co_return Result<void>();

  store::Unit unit;
  unit.push_back(delete_member(org_, group, user));
  unit.push_back(touch_members(org_, group, needs_.clock.now()));
  unit.push_back(needs_.log.statement(
      org_, happened("group.user_membership.remove", "Remove user from group membership", cause, both.user, both.group)));
  GH_CO_DO(co_await needs_.write(std::move(unit)));
  co_return Result<void>();
}

Task<std::vector<User>> Groups::members(GroupId group, Page page) {
  GH_CO_DO(co_await find(group));
  co_return co_await select_members(needs_.database, org_, std::move(group), std::move(page));
}

Task<std::vector<Group>> Groups::of_user(UserId user) {
  co_return co_await select_groups_of(needs_.database, org_, std::move(user));
}

}  // namespace gatehouse::directory
