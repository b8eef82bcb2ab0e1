// Authorization servers of an org: the org's own (no id, /oauth2/v1/*) and custom ones (/oauth2/{id}/v1/*, "default"
// among them). Finds them for every request, and changes them. Knows nothing of tokens, HTTP and JSON.
//
// A custom server with its scopes, claims, policies and rules is one aggregate: it is read as a whole, kept in memory
// as one immutable object, and changed by read, decide, write, where the write counts only if nobody else wrote
// meanwhile.
#pragma once

#include <functional>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "core/random.h"
#include "core/recall.h"
#include "core/task.h"
#include "directory/users.h"
#include "events/event.h"
#include "idp/server_types.h"
#include "store/database.h"

namespace gatehouse::idp {

inline constexpr std::string_view kDefaultServer = "default";
inline constexpr std::string_view kDefaultAudience = "api://default";
inline constexpr std::size_t kServerScopesMax = 500, kServerClaimsMax = 200, kServerPoliciesMax = 100,
                             kPolicyRulesMax = 100;
inline constexpr std::size_t kServerNameMax = 100, kServerDescriptionMax = 1024,
                             kAudienceMax = 500;  // characters, bytes, bytes
inline constexpr int kServerPageMax = 200;
inline constexpr int kEditTries = 64;  // writers of one server at the same moment that can all get through

struct ServerNeeds {
  store::Database& database;
  events::SystemLog& log;
  const Clock& clock;
  Random& random;
};

// What a change of a server writes, and what is told of it. Nothing: the server is already as it was asked to be.
struct Changes {
  store::Unit unit;
  std::vector<events::Event> events;
};

// Terms that were read before: reading them again, and parsing their expressions, is for new versions only.
// Thread-safe.
class TermsMemory {
 public:
  std::shared_ptr<const Terms> find(const std::string& server_id, std::int64_t version, Timestamp updated) const;
  void keep(const std::string& server_id, std::shared_ptr<const Terms> terms);
  void forget(const std::string& server_id);

 private:
  mutable std::mutex mutex_;
  std::unordered_map<std::string, std::shared_ptr<const Terms>> entries_;  // at most kRecallMax; a full one starts anew
};

class Servers {
 public:
  Servers(ServerNeeds needs, OrgId org) : needs_(needs), org_(std::move(org)), known_(epoch_, needs_.clock) {}

  // At start: "default" exists, and servers of before version 3 of the tables get the policy that says what was true of
  // them.
  Task<void> ensure_default();
  // Creates it, with the default policy, or brings it and its custom scopes to this state (seed files).
  Task<void> put(Server server, std::vector<ServerScope> scopes);

  // Fault::missing also when inactive; "" is the org's own. Remembered: one question to the store a second at most.
  Task<Server> find(std::string id);
  // As it stands in the store now, active or not.
  Task<Server> look(std::string id);
  // By id; `query` begins the name (any case) or the audience. Without terms.
  Task<std::vector<Server>> list(directory::Page page, std::string query);

  Task<Server> create(Server server, directory::Cause cause);  // makes the id
  // `decide` is given the server as it is, and may be asked again when somebody else was faster. The server afterwards.
  using Decide = std::function<Result<Changes>(const Server& now)>;
  Task<Server> edit(std::string id, Decide decide, directory::Cause cause);
  // The server and all that hangs on it. Fault::denied for "default".
  Task<void> remove(std::string id, directory::Cause cause);

  // The org server's algorithm; RS256 unless told otherwise before serving.
  void set_org_alg(jose::Alg alg) { org_alg_ = alg; }
  const OrgId& org() const { return org_; }
  ServerNeeds& needs() { return needs_; }

 private:
  Task<Server> read(std::string id);
  Task<void> write(store::Unit unit);
  Task<Server> change(std::string id, Decide decide);

  ServerNeeds needs_;
  OrgId org_;
  jose::Alg org_alg_ = jose::Alg::RS256;
  Epoch epoch_;  // turned by every write of this room's
  Recall<std::string, Server> known_;
  TermsMemory terms_;
};

// With the server as its target; actor and origin from the cause.
events::Event event_of(const Server& server, std::string type, std::string message, directory::Cause cause = {});

}  // namespace gatehouse::idp
