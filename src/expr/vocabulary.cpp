#include "expr/vocabulary.h"

#include <initializer_list>
#include <utility>

namespace gatehouse::expr {
namespace {

std::uint32_t all_of(std::initializer_list<Family> families) {
  std::uint32_t bits = 0;
  for (const auto family : families) bits |= static_cast<std::uint32_t>(family);
  return bits;
}

const auto kClaims = {Family::string,    Family::array,       Family::convert, Family::country,
                      Family::group,     Family::group_claim, Family::time,    Family::manager,
                      Family::directory, Family::user,        Family::version};

}  // namespace

bool is_user_property(std::string_view name) { return name == "id" || name == "status" || is_user_time(name); }

bool is_user_time(std::string_view name) {
  return name == "created" || name == "lastUpdated" || name == "passwordChanged" || name == "lastLogin";
}

Vocabulary Vocabulary::claims() {
  Vocabulary made;
  made.families_ = all_of(kClaims);
  for (const auto* root : {"user", "appuser", "app", "org", "session", "access"}) made.roots_[root];
  return made;
}

Vocabulary Vocabulary::mappings() {
  auto made = claims();
  made.families_ &= ~static_cast<std::uint32_t>(Family::group_claim);
  made.roots_.erase("access");
  for (const auto* root : {"source", "idpuser"}) made.roots_[root];
  return made;
}

Vocabulary Vocabulary::group_rules() {
  Vocabulary made;
  made.families_ = all_of({Family::string, Family::array, Family::group, Family::user});
  made.roots_["user"];
  made.user_status_ = false;
  return made;
}

Vocabulary Vocabulary::policies() {
  auto made = claims();
  made.roots_.erase("access");
  for (const auto* root : {"device", "security", "login", "accessRequest", "idpuser"}) made.roots_[root];
  return made;
}

Vocabulary Vocabulary::event_filters() {
  Vocabulary made;
  made.families_ = all_of({Family::string, Family::array, Family::convert, Family::time});
  made.roots_["event"];
  return made;
}

Vocabulary group_vocabulary() {
  Vocabulary made;
  made.families_ = all_of({Family::string, Family::array, Family::convert});
  made.roots_["group"];
  return made;
}

Vocabulary Vocabulary::with_root(std::string name) && {
  roots_[std::move(name)];
  return std::move(*this);
}

Vocabulary Vocabulary::with_attributes(std::string root, std::set<std::string, std::less<>> attributes) && {
  roots_[std::move(root)] = std::move(attributes);
  return std::move(*this);
}

Vocabulary Vocabulary::with_bare_attributes_of(std::string root) && {
  roots_[root];
  bare_root_ = std::move(root);
  return std::move(*this);
}

bool Vocabulary::knows(std::string_view root, std::string_view attribute) const {
  const auto found = roots_.find(root);
  return found != roots_.end() && (!found->second || found->second->find(attribute) != found->second->end());
}

std::set<std::string, std::less<>> Vocabulary::roots() const {
  std::set<std::string, std::less<>> names;
  for (const auto& [name, attributes] : roots_) names.insert(name);
  return names;
}

std::set<std::string, std::less<>> Vocabulary::attributes(std::string_view root) const {
  const auto found = roots_.find(root);
  return found == roots_.end() || !found->second ? std::set<std::string, std::less<>>() : *found->second;
}

}  // namespace gatehouse::expr
