// Opaque handles to something that waits in the store: authorization codes, sign-in transactions, one-time links.
// A handle is a prefix that tells its kind and 32 random bytes; the store has only its hash. It expires, it may be
// spent once, by one compare-and-set, and it is never accepted as another kind. What others made and may show once is remembered
// beside them. Knows no meaning of the data it keeps.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/id.h"
#include "core/json.h"
#include "core/random.h"
#include "core/secret.h"
#include "core/task.h"
#include "store/database.h"

namespace gatehouse::secrets {

inline constexpr std::size_t kHandleBytes = 32;           // of randomness
inline constexpr std::size_t kHandleDataMax = 64 * 1024;  // bytes of JSON

// A constant of the room that owns the kind. A prefix is "gh", a letter and "_": by that the log knows and removes them.
//   inline constexpr HandleKind kCode{"authorization_code", "ghc_", Seconds(60)};
struct HandleKind {
  std::string_view name, prefix;
  Seconds ttl;
};

// Borrowed for as long as a Handles lives.
struct HandleNeeds {
  store::Database& database;
  const Clock& clock;
  Random& random;
};

// For a unit that also writes other rows: run `statement`, then give `handle` away.
struct IssuedHandle {
  Secret handle;
  store::Statement statement;
};

class Handles {
 public:
  explicit Handles(HandleNeeds needs) : needs_(needs) {}

  Task<Secret> issue(OrgId org, HandleKind kind, json::value data, std::optional<Seconds> ttl = {});
  // What was issued. Fault::missing: unknown, malformed, or of another kind or org. Fault::invalid: expired.
  // Fault::conflict: spent already.
  Task<json::value> peek(OrgId org, HandleKind kind, Secret handle);
  // As peek, but the handle is spent afterwards: of any number of callers at once exactly one gets the data.
  Task<json::value> spend(OrgId org, HandleKind kind, Secret handle);
  // After Fault::conflict: what the spent handle stood for, to revoke what was given for it (RFC 6749 §4.1.2).
  // Fault::missing unless it is known and spent.
  Task<json::value> data_of_spent(OrgId org, HandleKind kind, Secret handle);
  // Unknown handles are no fault.
  Task<void> remove(OrgId org, HandleKind kind, Secret handle);

  // The same as parts of a caller's unit. Fault::limited above kHandleDataMax.
  Result<IssuedHandle> issue_statement(OrgId org, HandleKind kind, const json::value& data, std::optional<Seconds> ttl = {});
  // Fails its unit with Fault::conflict unless it spends the handle; its one row holds the data as JSON text.
  // Fault::missing when `handle` cannot be one of this kind.
  Result<store::Statement> spend_statement(OrgId org, HandleKind kind, const Secret& handle);
  Result<store::Statement> remove_statement(OrgId org, HandleKind kind, const Secret& handle);

  // For what somebody else made and may show once (the `jti` of an assertion): of any number of callers at once exactly one gets
  // true, until `until`. `kind` is a name of its own, beside those of handles; only a hash of `name` is stored.
  Task<bool> first_use(OrgId org, std::string kind, std::string name, Timestamp until);

 private:
  HandleNeeds needs_;
};

std::vector<store::Migration> migrations();  // of this room
std::vector<store::Sweep> sweeps();

}  // namespace gatehouse::secrets
