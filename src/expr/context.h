// What an expression may ask of the world. The caller loads what Expression::needs() names, then evaluates: nothing in
// here waits, dials or writes. Everything that is returned must stay as it is until evaluate() has returned.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/json.h"

namespace gatehouse::expr {

// A group that the user is in. `document` is the group as Okta's API shows it (created, profile.description …) and may
// be nullptr; `app` is the type of the app that a group comes from ("active_directory"), empty for Okta's own.
struct Group {
  std::string_view id, name, type;  // type: OKTA_GROUP, BUILT_IN, APP_GROUP
  std::string_view source_id, app;
  const json::value* document = nullptr;
};

enum class Directory { active_directory, workday };

class Context {
 public:
  virtual ~Context() = default;

  virtual const Clock& clock() const = 0;
  // The document behind a name: "user" as Okta's API shows it ({id, status, created …, profile: {…}}); "appuser",
  // "idpuser" and users of named apps as flat profiles; "app", "org", "session", "access", "security", "device",
  // "event" … as objects. nullptr when there is none: its attributes are null then.
  virtual const json::value* root(std::string_view name) const = 0;
  virtual std::span<const Group> groups() const { return {}; }

  // Users as "user" above, app users flat. nullptr when there is none.
  virtual const json::value* linked_user(std::string_view /*primary*/) const { return nullptr; }
  virtual const json::value* manager(std::string_view /*source*/) const { return nullptr; }
  virtual const json::value* manager_app_user(std::string_view /*source*/, std::string_view /*app*/) const {
    return nullptr;
  }
  virtual const json::value* assistant(std::string_view /*source*/) const { return nullptr; }
  virtual const json::value* assistant_app_user(std::string_view /*source*/, std::string_view /*app*/) const {
    return nullptr;
  }
  // The user's app users of every instance of that directory, flat.
  virtual std::vector<const json::value*> directory_users(Directory /*which*/) const { return {}; }
};

}  // namespace gatehouse::expr
