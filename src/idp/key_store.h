// The only file that knows the table `signing_keys`.
#pragma once

#include "store/database.h"

namespace gatehouse::idp {

struct KeyRow {
  std::string kid, alg, sealed;
  Timestamp created = {};
};
// The first key of an algorithm stays; a second one made at the same moment by another node is dropped.
store::Statement insert_first_key(const OrgId& org, const KeyRow& key, Timestamp now);
// The next one of its algorithm; from now on it signs.
store::Statement insert_next_key(const OrgId& org, const KeyRow& key, Timestamp now);
// Those that a younger one replaced before `since`.
store::Statement delete_old_keys(const OrgId& org, std::string_view alg, Timestamp since);
Task<std::vector<KeyRow>> select_keys(store::Database& database, OrgId org);

}  // namespace gatehouse::idp
