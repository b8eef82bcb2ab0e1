// People. Creates, finds and moves users through their life (Okta's status machine); keeps their passwords.
// Knows nothing of HTTP, sessions or tokens; every change leaves one Event in the same transaction.
#pragma once

#include <memory>

#include "core/pool.h"
#include "core/task.h"
#include "crypto/password.h"
#include "crypto/seal.h"
#include "directory/types.h"
#include "events/event.h"
#include "store/database.h"

namespace gatehouse::directory {

class Memory;

struct Needs {
  store::Database& database;
  events::SystemLog& log;
  const Clock& clock;
  Random& random;
  Pool& hashing;             // argon2id runs there
  crypto::PasswordCost password_cost = {};
  std::shared_ptr<Memory> memory = nullptr;   // of one org, shared by its services; without it every question is asked anew
  const crypto::Sealer* sealer = nullptr;     // for the secrets of clients that sign with them; without it there are no such clients

  Task<std::vector<store::Done>> write(store::Unit unit);   // the only way in which this room writes
};
std::shared_ptr<Memory> make_memory(const Clock& clock);

inline constexpr int kListMax = 1000;                     // items of one page, of any list in this room
inline constexpr std::size_t kNewPasswordMin = 8, kNewPasswordMax = 256;  // bytes
inline constexpr int kFreeTries = 5;                      // failed sign-ins per login and address before delays begin
inline constexpr Seconds kDelayMax{300};                  // the delay grows 1, 4, 9, 16 … seconds up to this
inline constexpr std::chrono::hours kFailuresKept{1};     // after the last failure all is forgotten

struct NewUser {
  Profile profile;
  std::optional<Secret> password;
  bool activate = true;
  bool must_change_password = false;  // with a password and `activate`: PASSWORD_EXPIRED instead of ACTIVE
  std::optional<UserId> id;  // seed files only
};

// Who did it and from where; goes into the event.
struct Cause {
  events::Party actor;
  events::Origin origin;
};

enum class Step;             // life.h
struct StoredUser;           // user_store.h

struct Page {
  std::string after;         // id of the last item of the page before; empty: first page
  int limit = 200;
};

inline constexpr std::string_view kVersionConflict = "version";

class Users {
 public:
  Users(Needs needs, OrgId org) : needs_(needs), org_(std::move(org)) {}

  Task<User> create(NewUser user, Cause cause);             // conflict: login taken; invalid: each fault named
  Task<User> find(UserId id);                               // Fault::missing
  Task<User> find_by_login(std::string login);              // any case
  Task<User> find_any(std::string id_or_login);
  // `query` is a prefix of first name, last name or e-mail, as Okta's `q`; `filter` is Okta's SCIM-like filter
  // (user_filter.h tells what of it is understood; else Fault::invalid). Without a filter deprovisioned users are left out.
  Task<std::vector<User>> list(Page page, std::string query, std::string filter);
  // The whole profile. With `version`: Fault::conflict with code kVersionConflict when the user has another one by now.
  Task<User> update(UserId id, Profile profile, std::optional<std::int64_t> version, Cause cause);
  Task<User> activate(UserId id, Cause cause);
  Task<User> deactivate(UserId id, Cause cause);
  Task<User> suspend(UserId id, Cause cause);
  Task<User> unsuspend(UserId id, Cause cause);
  Task<User> unlock(UserId id, Cause cause);
  Task<User> expire_password(UserId id, Cause cause);
  Task<void> remove(UserId id, Cause cause);                // conflict unless deprovisioned
  Task<User> set_password(UserId id, Secret password, Cause cause);
  // Fault::denied when `old` is not the password; failures count as failed sign-ins do.
  Task<User> change_password(UserId id, Secret old, Secret password, Cause cause);

  // The user if login and password fit and the user may act; otherwise Fault::unauthenticated with one and the same
  // message and about the same time for unknown login, wrong password and a status that may not sign in. Failures are
  // counted per login and address with a growing delay, so that an attacker cannot lock the owner out; events are written.
  // While the delay runs every attempt is Fault::limited, known login or not.
  Task<User> check_password(std::string login, Secret password, events::Origin origin);

 private:
  enum class Proof { fits, wrong };
  Task<User> take(UserId id, Step step, Cause cause);
  Task<std::string> hash(Secret password);
  Task<Proof> verify(std::optional<std::string> stored_hash, Secret password);
  Task<void> begin_attempt(std::string login, std::string ip);
  Task<User> keep_password(StoredUser stored, Secret password, Cause cause);

  Needs needs_;
  OrgId org_;
};

std::vector<store::Migration> migrations();   // of the whole room
std::vector<store::Sweep> sweeps();

}  // namespace gatehouse::directory
