// The nouns of authorization servers: what one is, which scopes it knows, which claims it adds, and under which terms
// it gives tokens. Values only; everything below a custom server is one immutable `Terms`, shared by all who ask.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/clock.h"
#include "jose/alg.h"
#include "oauth/scope.h"

namespace gatehouse::idp {

enum class ServerKind { org, custom };
enum class IssuerMode { org_url, dynamic };  // the main address of the org, or the one that was called
enum class Rotation { automatic, manual };
enum class TokenFormat { okta, rfc9068 };    // how access tokens look
enum class SecurityProfile { none, fapi2 };  // FAPI 2.0 Security Profile: profile.h

enum class Consent { implicit, required, flexible };
struct ServerScope {
  std::string name, description;
  bool by_default = false;  // given to who asks for nothing
  std::string id = {}, display_name = {};
  Consent consent = Consent::implicit;
  bool published = true;  // stands in the metadata
  bool optional = false;  // the person may leave it out when asked
  bool system = false;    // OpenID Connect's own
  friend bool operator==(const ServerScope&, const ServerScope&) = default;
};

enum class ClaimKind { resource, identity };  // in access tokens; in ID tokens and userinfo
enum class ClaimValue { expression, groups, system };
enum class GroupFilter { starts_with, equals, contains, regex };
struct Claim {
  std::string id, name;
  ClaimKind kind = ClaimKind::resource;
  ClaimValue type = ClaimValue::expression;
  std::string value = {};  // an expression, or what names of groups are compared with
  GroupFilter filter = GroupFilter::starts_with;
  std::vector<std::string> scopes = {};  // any of them opens it; empty: always open
  bool always = true;                    // identity: also in an ID token that comes with an access token
  bool active = true, system = false;
  friend bool operator==(const Claim&, const Claim&) = default;
};

// For whom, for which grants and for which scopes a policy gives tokens, and for how long.
struct AccessRule {
  std::string id, name;
  int priority = 1;
  bool active = true, system = false;
  std::vector<std::string> users = {}, users_not = {}, groups = {}, groups_not = {};  // groups may hold kEverybody
  std::vector<std::string> grant_types = {}, scopes = {};                             // scopes may hold kAnyScope
  std::chrono::minutes access_life{60}, refresh_life{0},
      refresh_idle{7 * 24 * 60};  // refresh_life 0: no end of its own
  std::string hook = {};          // id of an inline hook; empty: none
  Timestamp created = {}, updated = {};
};
struct AccessPolicy {
  std::string id, name, description;
  int priority = 1;
  bool active = true, system = false;
  std::vector<std::string> clients = {};  // may hold kAllClients
  Timestamp created = {}, updated = {};
  std::vector<AccessRule> rules = {};  // by priority
};
inline constexpr std::string_view kEverybody = "EVERYONE", kAnyScope = "*", kAllClients = "ALL_CLIENTS";

class ClaimSet;  // claims.h

// Everything below a custom server, of one version of it.
struct Terms {
  std::int64_t version = 0;              // with `updated`, what makes these terms these
  Timestamp updated = {};                // of the server; programs of before version 3 turn only this one
  std::vector<ServerScope> scopes;       // by name, system ones among them
  std::vector<Claim> claims;             // by name, system ones among them
  std::vector<AccessPolicy> policies;    // by priority
  std::shared_ptr<const ClaimSet> made;  // of the claims, ready to be evaluated

  const ServerScope* scope(std::string_view name) const;
  oauth::Scopes default_scopes() const;
};

struct Server {
  std::string id;                    // empty for the org's own
  std::string name, audience;        // the org's own: the audience is the issuer
  jose::Alg alg = jose::Alg::RS256;  // RS256 or ES256
  bool active = true;
  std::string description = {};
  IssuerMode issuer_mode = IssuerMode::dynamic;
  Rotation rotation = Rotation::automatic;
  Timestamp created = {}, updated = {};
  std::shared_ptr<const Terms> terms = {};  // none for the org's own
  TokenFormat token_format = TokenFormat::okta;
  SecurityProfile profile = SecurityProfile::none;

  ServerKind kind() const { return id.empty() ? ServerKind::org : ServerKind::custom; }
  std::string path() const { return id.empty() ? "/oauth2" : "/oauth2/" + id; }  // + "/v1/token"
  std::string issuer(std::string_view base) const { return std::string(base) + (id.empty() ? "" : "/oauth2/" + id); }
  std::string audience_for(std::string_view base) const { return id.empty() ? std::string(base) : audience; }
};

}  // namespace gatehouse::idp
