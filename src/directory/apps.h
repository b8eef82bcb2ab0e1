// Applications (OAuth clients among them), their secrets and public keys, and who is assigned. A secret is stored hashed and
// shown once; only of clients that sign with it (client_secret_jwt) a sealed copy is kept beside the hash.
#pragma once

#include "directory/groups.h"

namespace gatehouse::directory {

struct NewApp {
  App app;                               // id and times are set by create(); begin with App{.id = no_app_id(), …}
  std::optional<std::string> client_id;  // given (seed), else the id
  std::optional<Secret> secret;          // given (seed), else generated for kinds that have one
  std::optional<AppId> id = {};          // given (seed), else generated
  bool self_managed = false;             // RFC 7591: it registered itself and is given a token for RFC 7592
};
AppId no_app_id();                       // holds the place until create() has made one
struct StoredApp;
// What may be told of a secret.
struct ClientSecret {
  std::string id;                        // ocs…
  bool active = true;
  std::string fingerprint;               // to tell two apart; opens nothing
  Timestamp created{}, updated{};
};
struct NewClientSecret {
  ClientSecret about;
  Secret secret;                         // only here, only once
};
struct AppWithSecret {
  App app;
  std::optional<Secret> secret;          // only here, only once
  std::optional<Secret> registration_token = {};
};

inline constexpr std::size_t kGivenSecretMin = 14, kGivenSecretMax = 1024;   // characters; Okta ends at 100, other programs do not
inline constexpr std::size_t kSigningSecretMin = 32;   // of client_secret_jwt: as long as the hash of HS256 (RFC 7518 §3.2)
inline constexpr std::size_t kClientSecretsMax = 2;    // one to use, one to change over to
inline constexpr std::size_t kClientKeysMax = 50;      // as at Okta
inline constexpr std::size_t kClientKeyMax = 16 * 1024, kClientKeysBytesMax = 64 * 1024;   // of one JWK, of all of a client
inline constexpr std::size_t kLabelMax = 100;         // characters
inline constexpr std::size_t kUrisMax = 100, kUriMax = 2048;   // redirect URIs of one app; bytes of each
inline constexpr std::size_t kAppMoreMax = 64 * 1024;  // bytes of App.more as text

// Constant time. False for apps that do not manage themselves.
bool is_registration_token(const App& app, const Secret& token);

class Apps {
 public:
  Apps(Needs needs, OrgId org) : needs_(needs), org_(std::move(org)) {}

  Task<AppWithSecret> create(NewApp app, Cause cause);
  Task<App> find(AppId id);
  Task<App> find_by_client(std::string client_id);            // also inactive ones: the caller decides
  Task<std::vector<App>> list(Page page, std::string label_prefix);
  Task<int> count_self_managed(int most);                     // stops counting there
  Task<App> update(App app, Cause cause);   // not client_id, sign_on_mode, active; version as read, or 0 for "whatever it is"
  Task<App> activate(AppId id, Cause cause);
  Task<App> deactivate(AppId id, Cause cause);
  Task<void> remove(AppId id, Cause cause);                   // denied while active (E0000056)

  // Any active secret. Constant time; a high-entropy secret needs no slow hash. False for apps without a secret and for
  // inactive ones.
  Task<bool> check_secret(App app, Secret secret);
  // The active secrets of a client_secret_jwt client, to verify what it signed. Empty for every other app.
  Task<std::vector<Secret>> signing_secrets(App app);
  Task<Secret> new_secret(AppId id, Cause cause);             // instead of all others
  Task<std::vector<ClientSecret>> secrets(AppId id);          // oldest first
  Task<NewClientSecret> add_secret(AppId id, std::optional<Secret> given, bool active, Cause cause);   // invalid: there are two
  Task<ClientSecret> set_secret_active(AppId id, std::string secret_id, bool active, Cause cause);     // invalid: the last active one
  Task<void> remove_secret(AppId id, std::string secret_id, Cause cause);                              // invalid: it is active

  Task<void> assign_user(AppId app, UserId user, Cause cause);
  Task<void> unassign_user(AppId app, UserId user, Cause cause);
  Task<void> assign_group(AppId app, GroupId group, Cause cause);
  Task<void> unassign_group(AppId app, GroupId group, Cause cause);
  Task<bool> is_assigned(AppId app, UserId user);             // directly or through a group
  Task<std::vector<App>> of_user(UserId user);
  Task<std::vector<UserId>> assigned_users(AppId app, Page page);
  Task<std::vector<GroupId>> assigned_groups(AppId app, Page page);
  Task<std::vector<App>> of_group(GroupId group);
  // When the assignment was made; nullopt when there is none of this very kind.
  Task<std::optional<Timestamp>> user_since(AppId app, UserId user);
  Task<std::optional<Timestamp>> group_since(AppId app, GroupId group);

 private:
  Task<StoredApp> client(std::string client_id);   // with its secrets' hashes
  Task<StoredApp> stored(AppId id);
  Task<App> keep(App app, StoredApp before, std::string event_type, std::string message, Cause cause);
  Task<void> keep_secrets(StoredApp app, std::string event_type, std::string message, Cause cause);

  Needs needs_;
  OrgId org_;
};

inline constexpr std::chrono::hours kApiTokenLife{30 * 24};  // since creation or last use, as at Okta
inline constexpr std::chrono::hours kApiTokenTouch{1};       // a use is written down at most this often

// API tokens ("SSWS"): shown once, stored hashed, owned by a user, act with the owner's right.
struct ApiToken {
  std::string id, name;
  UserId owner;
  Timestamp created;
  std::optional<Timestamp> expires;
  Timestamp updated;                                          // last use, to kApiTokenTouch
};
class ApiTokens {
 public:
  ApiTokens(Needs needs, OrgId org) : needs_(needs), org_(std::move(org)) {}
  Task<Secret> create(std::string name, UserId owner, Cause cause);
  Task<ApiToken> check(Secret token);                         // Fault::unauthenticated; owner must be able to act and be an administrator
  Task<std::vector<ApiToken>> list();
  Task<ApiToken> find(std::string id);
  Task<void> revoke(std::string id, Cause cause);             // Fault::missing

 private:
  Needs needs_;
  OrgId org_;
};

// Administrators: user ids with the super-admin role (roles come later).
class Admins {
 public:
  Admins(Needs needs, OrgId org) : needs_(needs), org_(std::move(org)) {}
  Task<void> grant(UserId user, Cause cause);
  Task<bool> is_admin(UserId user);

 private:
  Needs needs_;
  OrgId org_;
};

}  // namespace gatehouse::directory
