#include "idp/claim_documents.h"

namespace gatehouse::idp {
namespace {

json::value time_or_null(const std::optional<Timestamp>& time) {
  return time ? json::value(to_iso8601(*time)) : json::value(nullptr);
}

json::object profile_of(const directory::Profile& profile) {
  json::object out = profile.more;
  out["login"] = profile.login;
  out["email"] = profile.email;
  out["firstName"] = profile.first_name;
  out["lastName"] = profile.last_name;
  return out;
}

json::object document_of(const directory::User& user) {
  return {{"id", user.id.str()},
          {"status", directory::name_of(user.status)},
          {"created", to_iso8601(user.created)},
          {"activated", time_or_null(user.activated)},
          {"statusChanged", time_or_null(user.status_changed)},
          {"lastLogin", time_or_null(user.last_login)},
          {"lastUpdated", to_iso8601(user.updated)},
          {"passwordChanged", time_or_null(user.password_changed)},
          {"profile", profile_of(user.profile)}};
}

json::object document_of(const directory::App& app) {
  json::object out = {{"id", app.id.str()}, {"clientId", app.client_id}, {"label", app.label}};
  if (const auto* profile = app.more.if_contains("profile"); profile != nullptr && profile->is_object())
    out["profile"] = *profile;
  return out;
}

json::object document_of(const directory::Group& group) {
  return {{"id", group.id.str()},
          {"created", to_iso8601(group.created)},
          {"lastUpdated", to_iso8601(group.updated)},
          {"type", group.built_in ? "BUILT_IN" : "OKTA_GROUP"},
          {"profile", {{"name", group.name}, {"description", group.description}}}};
}

json::array words(const std::vector<std::string>& list) {
  json::array out;
  for (const auto& word : list) out.emplace_back(word);
  return out;
}

}  // namespace

ClaimDocuments::ClaimDocuments(const ClaimSource& source) : clock_(source.clock) {
  roots_["app"] = document_of(source.app);
  roots_["org"] = {{"id", source.org_id}, {"name", source.org_name}, {"subDomain", source.subdomain}};
  roots_["access"] = {{"scope", words(source.scopes.words())}};
  if (source.user != nullptr) {
    roots_["user"] = document_of(*source.user);
    auto account = profile_of(source.user->profile);
    account["userName"] = source.user->profile.login;
    roots_["appuser"] = std::move(account);
    roots_["session"] = {{"amr", words(source.amr)}};
  }
  group_documents_.reserve(source.groups.size());
  for (const auto& group : source.groups) group_documents_.emplace_back(document_of(group));
  for (std::size_t i = 0; i < source.groups.size(); ++i) {
    const auto& group = source.groups[i];
    groups_.push_back(
        {group.id.str(), group.name, group.built_in ? "BUILT_IN" : "OKTA_GROUP", "", "", &group_documents_[i]});
  }
}

const json::value* ClaimDocuments::root(std::string_view name) const {
  const auto found = roots_.find(name);
  return found == roots_.end() ? nullptr : &found->second;
}

}  // namespace gatehouse::idp
