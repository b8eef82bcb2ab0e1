// Browser sessions of the org: who is signed in here. Stored hashed; the cookie is the only place of the handle.
// Knows nothing of OAuth. A session dies with its user's right to act, at idle or absolute expiry, at sign-out.
#pragma once

#include <functional>

#include "core/secret.h"
#include "core/task.h"
#include "directory/users.h"

namespace gatehouse::signin {

struct Session {
  std::string id;                       // public id (102…), for the API, `sid` claims and logs; not the cookie
  directory::UserId user;
  Timestamp created, last_seen, expires;
  Timestamp auth_time;                  // when the password was last proven
  std::vector<std::string> amr;         // RFC 8176
};

struct SessionNeeds {
  store::Database& database;
  events::SystemLog& log;
  directory::Users& users;
  const Clock& clock;
  Random& random;
};

inline constexpr Seconds kSessionIdle{2 * 3600}, kSessionAbsolute{12 * 3600};

class Sessions {
 public:
  Sessions(SessionNeeds needs, OrgId org) : needs_(needs), org_(std::move(org)) {}
  struct Started {
    Session session;
    Secret cookie;
  };
  Task<Started> start(directory::UserId user, std::vector<std::string> amr, events::Origin origin);
  // The live session behind a cookie whose user may act; Fault::unauthenticated otherwise.
  Task<Session> find(Secret cookie);
  Task<Session> find_by_id(std::string id);     // also for "is this session still alive" by its public id
  // What is written in the unit that ends a session, besides. Before serving.
  using AtEnd = std::function<store::Unit(const std::string& session_id)>;
  void at_end(AtEnd also) { at_end_ = std::move(also); }
  Task<void> end(std::string id, events::Origin origin);
  // `also` goes with it, in the same unit.
  Task<void> end_all(directory::UserId user, events::Origin origin, store::Unit also = {});

 private:
  Task<Session> alive(Session session);

  SessionNeeds needs_;
  OrgId org_;
  AtEnd at_end_ = [](const std::string&) { return store::Unit(); };
};

std::vector<store::Migration> migrations();
std::vector<store::Sweep> sweeps();

}  // namespace gatehouse::signin
