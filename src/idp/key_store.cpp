#include "idp/key_store.h"

namespace gatehouse::idp {

store::Statement insert_first_key(const OrgId& org, const KeyRow& key, Timestamp now) {
  return store::Statement(
      "insert into signing_keys (org_id, alg, generation, kid, sealed, created) values ($1, $2, 1, $3, $4, $5)"
      " on conflict (org_id, alg, generation) do nothing",
      {org, key.alg, key.kid, key.sealed, now});
}

Task<std::vector<KeyRow>> select_keys(store::Database& database, OrgId org) {
  store::Statement select("select kid, alg, sealed from signing_keys where org_id = $1 order by alg, generation", {org});
  GH_CO_TRY(auto rows, co_await database.read(std::move(select)));
  std::vector<KeyRow> keys;
  for (const auto& row : rows) keys.push_back(KeyRow{row.text(0), row.text(1), row.text(2)});
  co_return keys;
}

}  // namespace gatehouse::idp
