// The words that an expression may use where it stands: Okta allows other functions and other attributes in a claim
// than in a group rule. What is not in the vocabulary is refused when the expression is read, not when a user signs in.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace gatehouse::expr {

// Functions come in families; a vocabulary has some of them.
enum class Family : std::uint32_t {
  string = 1 << 0,       // String.*, 'x'.toUpperCase()
  array = 1 << 1,        // Arrays.*, {1}.size()
  convert = 1 << 2,      // Convert.*, '1'.toInteger()
  country = 1 << 3,      // Iso3166Convert.*, parseCountryCode()
  group = 1 << 4,        // isMemberOf…, getFilteredGroups, user.getGroups
  group_claim = 1 << 5,  // Groups.*
  time = 1 << 6,         // Time.*, DateTime.now(), plusDays()
  manager = 1 << 7,      // getManagerUser …
  directory = 1 << 8,    // hasDirectoryUser …
  user = 1 << 9,         // user.getInternalProperty, user.getLinkedObject
  version = 1 << 10,     // versionGreaterThan, versionLessThan
};

class Vocabulary {
 public:
  static Vocabulary claims();  // OAuth/OIDC: user, appuser, app, org, session, access
  static Vocabulary
  mappings();  // profiles and SAML attributes: also source, idpuser, managers, directories; add apps by with_root
  static Vocabulary group_rules();    // user with String, Arrays and group functions; no user.status
  static Vocabulary policies();       // Identity Engine: user, device, security, session, login, accessRequest, app …
  static Vocabulary event_filters();  // event, with string and array functions

  // An explicit app: "zendesk" (its user) or "zendesk_app" (its properties), or whatever the Context calls a document.
  Vocabulary with_root(std::string name) &&;
  // From now on only these attributes of `root` are known; of `user` they are those of the profile.
  Vocabulary with_attributes(std::string root, std::set<std::string, std::less<>> attributes) &&;
  // `firstName` stands for `source.firstName`, as in the mapping samples of Okta.
  Vocabulary with_bare_attributes_of(std::string root) &&;

  bool allows(Family family) const { return (families_ & static_cast<std::uint32_t>(family)) != 0; }
  bool has_root(std::string_view name) const { return roots_.find(name) != roots_.end(); }
  bool knows(std::string_view root, std::string_view attribute) const;
  bool has_user_status() const { return user_status_; }
  const std::string& bare_root() const { return bare_root_; }
  // Everything known that could have been meant, for "did you mean": names of roots, or attributes of one.
  std::set<std::string, std::less<>> roots() const;
  std::set<std::string, std::less<>> attributes(std::string_view root) const;

 private:
  friend Vocabulary group_vocabulary();
  using Attributes = std::optional<std::set<std::string, std::less<>>>;  // empty: any
  std::uint32_t families_ = 0;
  std::map<std::string, Attributes, std::less<>> roots_;
  std::string bare_root_;
  bool user_status_ = true;
};

// Of the expression within getFilteredGroups: `group.name`, string and array functions, nothing of the user.
Vocabulary group_vocabulary();

// Properties of a user beside the profile (docs: user.$property).
bool is_user_property(std::string_view name);
bool is_user_time(std::string_view name);

}  // namespace gatehouse::expr
