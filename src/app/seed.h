// What an org begins with: users, groups, applications, authorization servers. Reads the seed file, and brings an org to
// what it says through the services that everybody uses. Applying it twice changes nothing: what exists is left as it is
// (people may have changed their password since), what is missing is made, memberships and assignments are added.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/secret.h"
#include "core/task.h"
#include "directory/apps.h"
#include "directory/groups.h"
#include "directory/users.h"
#include "secrets/reference.h"

namespace gatehouse::app {

inline constexpr std::size_t kSeedItemsMax = 10'000;  // users, and likewise groups, apps

// By reference, or in clear: seeds are for tests and demos too, and say so in the name of the key.
using SeedSecret = std::variant<secrets::Reference, Secret>;

struct SeedUser {
  std::optional<directory::UserId> id;
  directory::Profile profile;
  std::optional<SeedSecret> password;
  bool admin = false;
  std::vector<std::string> groups;
};
struct SeedGroup {
  std::optional<directory::GroupId> id;
  std::string name, description;
  std::vector<std::string> members;      // logins
};
struct SeedApp {
  std::string label, client_id;
  directory::AppKind kind = directory::AppKind::web;
  directory::ClientAuth auth = directory::ClientAuth::secret_basic;
  std::optional<SeedSecret> secret;
  std::vector<std::string> redirect_uris, post_logout_redirect_uris, grant_types, scopes;
  std::string initiate_login_uri;
  bool consent_required = false, rotate_refresh = true;
  std::vector<std::string> users, groups;  // assigned; logins and group names
};
struct SeedScope {
  std::string name, description;
  bool by_default = false;               // given to services that ask for no scope
};
struct SeedAuthorizationServer {
  std::string id, name, audience;
  std::string signing_alg = "RS256";     // or "ES256"
  std::vector<SeedScope> scopes;
};
struct Seed {
  std::vector<SeedUser> users;
  std::vector<SeedGroup> groups;
  std::vector<SeedApp> apps;
  std::vector<SeedAuthorizationServer> authorization_servers;
};

// Fault::invalid whose message has one line per fault: file:line:column: what; what to do.
Result<Seed> parse_seed(std::string_view text, const std::string& file);
Result<Seed> load_seed(const std::string& file);

// Borrowed for the time of one apply.
struct SeedNeeds {
  directory::Users& users;
  directory::Groups& groups;
  directory::Apps& apps;
  directory::Admins& admins;
  const secrets::References& references;
};
// Fault::invalid or ::missing names the entry and what is wrong with it. What was made before it stays.
Task<void> apply_seed(SeedNeeds needs, Seed seed);

}  // namespace gatehouse::app
