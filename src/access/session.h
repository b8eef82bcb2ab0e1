// Sessions of guarded applications: who is signed in at this host. Stored hashed; the cookie is the only place of the
// handle. Found through a bounded cache that never trusts itself for longer than kStoreRecheck.
// Knows nothing of HTTP and nothing of how an issuer is asked.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "access/config.h"
#include "core/random.h"
#include "core/secret.h"
#include "core/single_flight.h"
#include "crypto/seal.h"
#include "store/database.h"

namespace gatehouse::access {

struct SessionTokens {
  Secret id_token, access_token, refresh_token;
  std::optional<Timestamp> access_expires;
};

struct Session {
  std::string id;                 // public, for logs; not the cookie
  std::string host, policy;
  std::string subject, login, sid;
  json::object id_claims, info;   // of the ID token; of the userinfo endpoint, replaced whenever it is asked
  json::object claims;            // both together, the latter win
  std::string header_lines;       // identity headers for the upstream, made from the claims
  Timestamp created, last_seen, expires;
  Timestamp checked;              // when the issuer last vouched for the user
  SessionTokens tokens;
};
using SessionPtr = std::shared_ptr<const Session>;
void merge_claims(Session& session);

struct SessionNeeds {
  store::Database& database;
  const Clock& clock;
  Random& random;
};

// access_sessions. Everything takes the cookie's hash; the cookie itself is not here.
class SessionStore {
 public:
  SessionStore(SessionNeeds needs, OrgId org, crypto::Sealer sealer) : needs_(needs), org_(std::move(org)), sealer_(std::move(sealer)) {}

  Task<void> insert(std::string hash, Session session);
  // Fault::missing when there is none; expiry is the caller's question.
  Task<Session> select(std::string hash);
  Task<void> remove(std::string hash);
  Task<void> touch(std::string hash, Timestamp seen);
  // The right to ask the issuer on behalf of all nodes until `until`; false when somebody else has it.
  Task<bool> claim_check(std::string hash, Timestamp now, Timestamp until);
  // What the issuer said. Fault::missing when the session was ended meanwhile: a late answer must not bring it back.
  Task<void> save_check(std::string hash, Session session);
  Task<std::int64_t> remove_subject(std::string policy, std::string subject);

 private:
  Result<std::string> seal_tokens(const std::string& hash, const SessionTokens& tokens) const;
  Result<SessionTokens> open_tokens(const std::string& hash, const std::string& sealed) const;
  SessionNeeds needs_;
  OrgId org_;
  crypto::Sealer sealer_;
};

std::string cookie_hash(std::string_view cookie);

std::vector<store::Migration> migrations();
std::vector<store::Sweep> sweeps();

}  // namespace gatehouse::access
