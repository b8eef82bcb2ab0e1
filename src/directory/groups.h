// Groups and who is in them. "Everyone" is built in and holds every user.
#pragma once

#include "directory/users.h"

namespace gatehouse::directory {

inline constexpr std::string_view kEveryone = "Everyone";
inline constexpr std::size_t kGroupNameMax = 255, kGroupDescriptionMax = 1024;  // bytes

class Groups {
 public:
  Groups(Needs needs, OrgId org) : needs_(needs), org_(std::move(org)) {}

  Task<Group> create(std::string name, std::string description, std::optional<GroupId> id, Cause cause);  // conflict: name taken
  Task<Group> ensure_everyone();                              // at start; also takes in whoever is missing
  Task<Group> find(GroupId id);
  Task<Group> find_by_name(std::string name);
  Task<std::vector<Group>> list(Page page, std::string name_prefix);
  Task<Group> update(GroupId id, std::string name, std::string description, Cause cause);   // built-in: denied
  Task<void> remove(GroupId id, Cause cause);
  Task<void> add_member(GroupId group, UserId user, Cause cause);      // idempotent
  Task<void> remove_member(GroupId group, UserId user, Cause cause);   // idempotent
  Task<std::vector<User>> members(GroupId group, Page page);
  Task<std::vector<Group>> of_user(UserId user);

 private:
  Needs needs_;
  OrgId org_;
};

}  // namespace gatehouse::directory
