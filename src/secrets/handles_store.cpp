#include "secrets/handles_store.h"

namespace gatehouse::secrets {

store::Statement insert_handle(const HandleKey& key, const std::string& data, Timestamp now, Timestamp expires) {
  return store::Statement(
      "insert into handles (org_id, kind, hash, data, created_at, expires_at) values ($1, $2, $3, $4, $5, $6)",
      {key.org, key.kind, key.hash, data, now, expires});
}

store::Statement insert_spent(const HandleKey& key, Timestamp now, Timestamp expires) {
  return store::Statement(
      "insert into handles (org_id, kind, hash, data, created_at, expires_at, spent_at) values ($1, $2, $3, '', $4, $5, $4) "
      "on conflict do nothing",
      {key.org, key.kind, key.hash, now, expires});
}

store::Statement spend_handle(const HandleKey& key, Timestamp now) {
  return store::Statement(
      "update handles set spent_at = $4 "
      "where org_id = $1 and kind = $2 and hash = $3 and spent_at is null and expires_at > $4 returning data",
      {key.org, key.kind, key.hash, now});
}

store::Statement delete_handle(const HandleKey& key) {
  return store::Statement("delete from handles where org_id = $1 and kind = $2 and hash = $3", {key.org, key.kind, key.hash});
}

Task<HandleRow> select_handle(store::Database* database, HandleKey key) {
  store::Statement select("select data, expires_at, spent_at from handles where org_id = $1 and kind = $2 and hash = $3",
                          {key.org, key.kind, key.hash});
  GH_CO_TRY(const auto rows, co_await database->read(std::move(select)));
  if (rows.empty()) co_return failure(Fault::missing, "handle: not known");
  const auto& row = rows.front();
  co_return HandleRow{row.text(0), row.time(1), !row.is_null(2)};
}

std::vector<store::Migration> migrations() {
  return {{"secrets",
           1,
           {"create table handles (org_id text not null, kind text not null, hash text not null, data text not null, "
            "created_at bigint not null, expires_at bigint not null, spent_at bigint, primary key (org_id, kind, hash))",
            "create index handles_by_expiry on handles (expires_at)"}}};
}

// A spent handle stays until it expires, so that a replay is known for one.
std::vector<store::Sweep> sweeps() { return {{"handles", "expires_at", {"org_id", "kind", "hash"}}}; }

}  // namespace gatehouse::secrets
