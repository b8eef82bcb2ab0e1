#include "orgapi/users_json.h"

#include <fmt/format.h>

#include "core/text.h"

namespace gatehouse::orgapi {
namespace {

using directory::Status;

json::object profile_json(const directory::Profile& profile) {
  json::object shaped = {{"firstName", profile.first_name},
                         {"lastName", profile.last_name},
                         {"mobilePhone", nullptr},
                         {"secondEmail", nullptr},
                         {"login", profile.login},
                         {"email", profile.email}};
  for (const auto& attribute : profile.more) shaped[attribute.key()] = attribute.value();
  return shaped;
}

// okta-surface.md 2.1, row HAL: recorded from real orgs.
std::vector<std::pair<std::string_view, std::string_view>> actions_of(Status status) {
  using Actions = std::vector<std::pair<std::string_view, std::string_view>>;
  constexpr std::pair<std::string_view, std::string_view> kSuspend{"suspend", "lifecycle/suspend"},
      kDeactivate{"deactivate", "lifecycle/deactivate"}, kActivate{"activate", "lifecycle/activate"},
      kExpire{"expirePassword", "lifecycle/expire_password"}, kChange{"changePassword", "credentials/change_password"};
  switch (status) {
    case Status::staged: return Actions{kActivate};
    case Status::provisioned: return Actions{kDeactivate};
    case Status::active: return Actions{kSuspend, kExpire, kChange, kDeactivate};
    case Status::recovery:
    case Status::password_expired: return Actions{kExpire, kChange, kDeactivate};
    case Status::locked_out: return Actions{{"unlock", "lifecycle/unlock"}, kDeactivate};
    case Status::suspended: return Actions{{"unsuspend", "lifecycle/unsuspend"}, kDeactivate};
    case Status::deprovisioned: return Actions{kActivate};
  }
  return {};
}

}  // namespace

json::object provider_json() { return {{"type", "OKTA"}, {"name", "OKTA"}}; }

json::object shape(const directory::User& user, const Org& org, const net::Request& request, Links links) {
  const auto base = request.origin() + "/api/v1/users/" + user.id.str();
  const auto type = "oty" + org.id.str().substr(std::min<std::size_t>(3, org.id.str().size()));
  json::object linked = {{"self", link(base)}};
  if (links == Links::by_status) {
    linked["schema"] = link(request.origin() + "/api/v1/meta/schemas/user/default");
    linked["type"] = link(request.origin() + "/api/v1/meta/types/user/" + type);
    for (const auto& [name, path] : actions_of(user.status)) linked[name] = link(fmt::format("{}/{}", base, path), "POST");
    if (user.status == Status::deprovisioned) linked["delete"] = link(base, "DELETE");
  }
  json::object credentials;
  if (user.password_changed) credentials["password"] = json::object();
  credentials["provider"] = provider_json();
  return {{"id", user.id.str()},
          {"status", name_of(user.status)},
          {"created", to_iso8601(user.created)},
          {"activated", time_or_null(user.activated)},
          {"statusChanged", time_or_null(user.status_changed)},
          {"lastLogin", time_or_null(user.last_login)},
          {"lastUpdated", to_iso8601(user.updated)},
          {"passwordChanged", time_or_null(user.password_changed)},
          {"type", {{"id", type}}},
          {"profile", profile_json(user.profile)},
          {"credentials", std::move(credentials)},
          {"_links", std::move(linked)}};
}

json::array shape(const std::vector<directory::User>& users, const Org& org, const net::Request& request) {
  json::array items;
  for (const auto& user : users) items.push_back(shape(user, org, request, Links::self_only));
  return items;
}

Result<directory::Profile> apply_profile(directory::Profile base, const json::object& asked) {
  std::vector<std::string> faults;
  const std::pair<std::string_view, std::string*> members[] = {
      {"login", &base.login}, {"email", &base.email}, {"firstName", &base.first_name}, {"lastName", &base.last_name}};
  for (const auto& attribute : asked) {
    const std::string_view name(attribute.key().data(), attribute.key().size());
    const auto& value = attribute.value();
    std::string* member = nullptr;
    for (const auto& [known, place] : members)
      if (known == name) member = place;
    if (member == nullptr) {
      if (value.is_null()) base.more.erase(name);
      else base.more[name] = value;  // the directory knows which attributes there are, and that they are texts
    } else if (value.is_string()) {
      *member = std::string(value.get_string());
    } else if (value.is_null()) {
      member->clear();
    } else {
      faults.push_back(fmt::format("{}: must be a string", name));
    }
  }
  if (!faults.empty()) return failure(Fault::invalid, join(faults, "; "));
  return base;
}

}  // namespace gatehouse::orgapi
