// People. Creates, finds and moves users through their life (Okta's status machine); keeps their passwords.
// Knows nothing of HTTP, sessions or tokens; every change leaves one Event in the same transaction.
#pragma once

#include "core/pool.h"
#include "core/task.h"
#include "directory/types.h"
#include "events/event.h"
#include "store/database.h"

namespace gatehouse::directory {

struct Needs {
  store::Database& database;
  events::SystemLog& log;
  const Clock& clock;
  Random& random;
  Pool& hashing;             // argon2id runs there
};

struct NewUser {
  Profile profile;
  std::optional<Secret> password;
  bool activate = true;
  std::optional<UserId> id;  // seed files only
};

// Who did it and from where; goes into the event.
struct Cause {
  events::Party actor;
  events::Origin origin;
};

struct Page {
  std::string after;         // id of the last item of the page before; empty: first page
  int limit = 200;
};

class Users {
 public:
  Users(Needs needs, OrgId org) : needs_(needs), org_(std::move(org)) {}

  Task<User> create(NewUser user, Cause cause);             // conflict: login taken; invalid: each fault named
  Task<User> find(UserId id);                               // Fault::missing
  Task<User> find_by_login(std::string login);              // any case
  Task<User> find_any(std::string id_or_login);
  // `query` is a prefix of first name, last name or e-mail, as Okta's `q`; `filter` is Okta's SCIM-like filter, of which
  // `status`, `id`, `profile.login`, `profile.email`, `lastUpdated` with and/or are understood (else Fault::invalid).
  Task<std::vector<User>> list(Page page, std::string query, std::string filter);
  Task<User> update(UserId id, Profile profile, std::optional<std::int64_t> version, Cause cause);  // whole profile
  Task<User> activate(UserId id, Cause cause);
  Task<User> deactivate(UserId id, Cause cause);
  Task<User> suspend(UserId id, Cause cause);
  Task<User> unsuspend(UserId id, Cause cause);
  Task<User> unlock(UserId id, Cause cause);
  Task<void> remove(UserId id, Cause cause);                // conflict unless deprovisioned
  Task<User> set_password(UserId id, Secret password, Cause cause);

  // The user if login and password fit and the user may act; otherwise Fault::unauthenticated with one and the same
  // message and about the same time for unknown login, wrong password and a status that may not sign in. Failures are
  // counted per user and address with a growing delay, so that an attacker cannot lock the owner out; events are written.
  Task<User> check_password(std::string login, Secret password, events::Origin origin);

 private:
  Needs needs_;
  OrgId org_;
};

std::vector<store::Migration> migrations();   // of the whole room
std::vector<store::Sweep> sweeps();

}  // namespace gatehouse::directory
