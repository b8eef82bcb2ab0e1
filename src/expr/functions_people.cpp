// The user beside the profile, and the people around: linked objects, manager, assistant, directory users.
#include <fmt/format.h>

#include "expr/function.h"

namespace gatehouse::expr {
namespace {

Value user_of(const json::value* document) {
  const auto* object = document == nullptr ? nullptr : document->if_object();
  return object == nullptr ? null() : Value{User{object}};
}

Value object_of(const json::value* document) {
  const auto* object = document == nullptr ? nullptr : document->if_object();
  return object == nullptr ? null() : Value{Object{object}};
}

Result<Value> internal_property(Call& call) {
  GH_TRY(const auto name, call.text(0));
  if (name != "id" && name != "status")
    return failure(Fault::invalid, "user.getInternalProperty knows \"id\" and \"status\"; attributes of the profile are user.name");
  return member_of(call.meter, user_of(call.context.root("user")), name);
}

Result<Value> linked(Call& call) {
  GH_TRY(const auto primary, call.text(0));
  return user_of(call.context.linked_user(primary));
}

Result<Value> manager(Call& call) {
  GH_TRY(const auto source, call.text(0));
  return user_of(call.context.manager(source));
}

Result<Value> manager_app_user(Call& call) {
  GH_TRY(const auto source, call.text(0));
  GH_TRY(const auto app, call.text(1));
  return object_of(call.context.manager_app_user(source, app));
}

Result<Value> assistant(Call& call) {
  GH_TRY(const auto source, call.text(0));
  return user_of(call.context.assistant(source));
}

Result<Value> assistant_app_user(Call& call) {
  GH_TRY(const auto source, call.text(0));
  GH_TRY(const auto app, call.text(1));
  return object_of(call.context.assistant_app_user(source, app));
}

// "… or null if the user has more than one or no Active Directory assignments"
template <Directory kWhich>
Result<Value> find_user(Call& call) {
  const auto users = call.context.directory_users(kWhich);
  return users.size() == 1 ? object_of(users.front()) : null();
}

Result<Value> has_active_directory(Call& call) { return boolean(call.context.directory_users(Directory::active_directory).size() == 1); }
Result<Value> has_workday(Call& call) { return boolean(!call.context.directory_users(Directory::workday).empty()); }

constexpr Function kRows[] = {
    {"user.getInternalProperty", Place::function, Family::user, 1, 1, internal_property, "user.getInternalProperty(\"id\")"},
    {"user.getLinkedObject", Place::function, Family::user, 1, 1, linked, "user.getLinkedObject(\"manager\")"},
    {"getManagerUser", Place::function, Family::manager, 1, 1, manager, "getManagerUser(\"active_directory\")"},
    {"getManagerAppUser", Place::function, Family::manager, 2, 2, manager_app_user, "getManagerAppUser(\"active_directory\", \"google\")"},
    {"getAssistantUser", Place::function, Family::manager, 1, 1, assistant, "getAssistantUser(\"active_directory\")"},
    {"getAssistantAppUser", Place::function, Family::manager, 2, 2, assistant_app_user, "getAssistantAppUser(\"active_directory\", \"google\")"},
    {"hasDirectoryUser", Place::function, Family::directory, 0, 0, has_active_directory, "hasDirectoryUser()"},
    {"hasWorkdayUser", Place::function, Family::directory, 0, 0, has_workday, "hasWorkdayUser()"},
    {"findDirectoryUser", Place::function, Family::directory, 0, 0, find_user<Directory::active_directory>, "findDirectoryUser()"},
    {"findWorkdayUser", Place::function, Family::directory, 0, 0, find_user<Directory::workday>, "findWorkdayUser()"},
};

}  // namespace

std::span<const Function> people_functions() { return kRows; }

}  // namespace gatehouse::expr
