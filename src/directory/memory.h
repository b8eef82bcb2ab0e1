// What the directory's busiest questions were answered a moment ago, for this room's own files only: who is this client,
// who is this user, is she assigned. Every write of the room goes through Needs::write and turns the epoch.
#pragma once

#include "core/recall.h"
#include "directory/app_store.h"

namespace gatehouse::directory {

class Memory {
 public:
  explicit Memory(const Clock& clock) : apps(epoch, clock), users(epoch, clock), assigned(epoch, clock) {}

  Epoch epoch;
  Recall<std::string, StoredApp> apps;        // by org and client_id
  Recall<std::string, User> users;            // by org and id
  Recall<std::string, bool> assigned;         // by org, app and user
};

// No part holds a space: ids and client ids are checked where they come in.
template <class... Parts>
std::string memory_key(const OrgId& org, const Parts&... parts) {
  std::string key = org.str();
  ((key += ' ', key += parts), ...);
  return key;
}

}  // namespace gatehouse::directory
