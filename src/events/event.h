// What happened, as Okta's System Log tells it. Every change leaves one Event in the same transaction: a room appends
// events.statement(...) to the Unit that makes the change, last. Refusals are written on their own with events.record().
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

inline constexpr std::chrono::hours kRetention{90 * 24};   // as Okta's
inline constexpr int kPageMax = 1000;                      // events per read
inline constexpr std::size_t kTextMax = 512;               // bytes of any text that a stranger may choose (user agent, login)

struct Query {
  std::string after;                  // cursor of the last one read; empty: from the beginning (or the end)
  std::optional<Timestamp> since, until;   // published, [since, until)
  std::string type;                   // eventType; empty: all
  bool newest_first = false;
  int limit = 100;
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
  // `after` of an empty page is the one asked with, so that a poller never falls back. Fault::invalid: not a cursor.
  Task<Page> search(OrgId org, Query query);

 private:
  Needs needs_;
};

std::vector<store::Migration> migrations();
std::vector<store::Sweep> sweeps();   // 90 days

}  // namespace gatehouse::events
