// What happened, as Okta's System Log tells it. Every change leaves one Event in the same transaction: a room appends
// events.statement(...) to the Unit that makes the change. Refusals are written on their own with events.record().
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/id.h"
#include "core/json.h"
#include "core/random.h"
#include "core/task.h"
#include "store/database.h"

namespace gatehouse::events {

enum class Outcome { success, failure, allow, deny, challenge };

struct Party {
  std::string id, type, alternate_id, display_name;   // type: "User", "AppInstance", "SystemPrincipal", "PublicClientApp" …
};
struct Origin {                       // of the request that caused it
  std::string ip, user_agent, request_id;
};
struct Event {
  std::string type;                   // Okta's eventType: "user.lifecycle.activate"
  std::string message;                // displayMessage
  Outcome outcome = Outcome::success;
  std::string reason;                 // why, for refusals
  Party actor;
  std::vector<Party> targets;
  Origin origin;
  json::object debug;                 // never a secret
};

struct Needs {
  store::Database& database;
  const Clock& clock;
  Random& random;
};

class SystemLog {
 public:
  explicit SystemLog(Needs needs) : needs_(needs) {}
  // For the unit of the change itself.
  store::Statement statement(const OrgId& org, const Event& event);
  Task<void> record(OrgId org, Event event);
  // Newest last; `after` is the opaque cursor of the last one read (empty: from the beginning).
  struct Page {
    std::vector<json::value> events;   // Okta's LogEvent
    std::string after;
  };
  Task<Page> read(OrgId org, std::string after, int limit);

 private:
  Needs needs_;
};

std::vector<store::Migration> migrations();
std::vector<store::Sweep> sweeps();   // 90 days

}  // namespace gatehouse::events
