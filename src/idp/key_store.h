// The only file that knows the table `signing_keys`.
#pragma once

#include "store/database.h"

namespace gatehouse::idp {

struct KeyRow {
  std::string kid, alg, sealed;
};
// The first key of an algorithm stays; a second one made at the same moment by another node is dropped.
store::Statement insert_first_key(const OrgId& org, const KeyRow& key, Timestamp now);
Task<std::vector<KeyRow>> select_keys(store::Database& database, OrgId org);

}  // namespace gatehouse::idp
