#include "idp/key_store.h"

namespace gatehouse::idp {

store::Statement insert_first_key(const OrgId& org, const KeyRow& key, Timestamp now) {
  return store::Statement(
      "insert into signing_keys (org_id, alg, generation, kid, sealed, created) values ($1, $2, 1, $3, $4, $5)"
      " on conflict (org_id, alg, generation) do nothing",
      {org, key.alg, key.kid, key.sealed, now});
}

store::Statement insert_next_key(const OrgId& org, const KeyRow& key, Timestamp now) {
  return store::Statement(
      "insert into signing_keys (org_id, alg, generation, kid, sealed, created) values ($1, $2,"
      " (select coalesce(max(generation), 0) + 1 from signing_keys where org_id = $1 and alg = $2), $3, $4, $5)",
      {org, key.alg, key.kid, key.sealed, now});
}

store::Statement delete_old_keys(const OrgId& org, std::string_view alg, Timestamp since) {
  return store::Statement(
      "delete from signing_keys where org_id = $1 and alg = $2 and exists (select 1 from signing_keys younger where younger.org_id = $1"
      " and younger.alg = $2 and younger.generation > signing_keys.generation and younger.created < $3)",
      {org, alg, since});
}

Task<std::vector<KeyRow>> select_keys(store::Database& database, OrgId org) {
  store::Statement select("select kid, alg, sealed, created from signing_keys where org_id = $1 order by alg, generation", {org});
  GH_CO_TRY(auto rows, co_await database.read(std::move(select)));
  std::vector<KeyRow> keys;
  for (const auto& row : rows) keys.push_back(KeyRow{row.text(0), row.text(1), row.text(2), row.time(3)});
  co_return keys;
}

}  // namespace gatehouse::idp
