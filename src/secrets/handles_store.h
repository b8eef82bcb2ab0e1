// For this room alone: the table of handles.
#pragma once

#include "secrets/handles.h"

namespace gatehouse::secrets {

struct HandleKey {
  OrgId org;
  std::string kind, hash;  // SHA-256 of the handle, base64url
};

struct HandleRow {
  std::string data;  // JSON
  Timestamp expires;
  bool spent;
};

store::Statement insert_handle(const HandleKey& key, const std::string& data, Timestamp now, Timestamp expires);
// The one compare-and-set: affects one row, and returns its data, for exactly one of any number of callers.
store::Statement insert_spent(const HandleKey& key, Timestamp now, Timestamp expires);   // no row: it is there already
store::Statement spend_handle(const HandleKey& key, Timestamp now);
store::Statement delete_handle(const HandleKey& key);
// Fault::missing when there is none.
Task<HandleRow> select_handle(store::Database* database, HandleKey key);

}  // namespace gatehouse::secrets
