#include "events/system_log_store.h"

#include <algorithm>

namespace gatehouse::events {
namespace {

// A line's place must grow with the order of commits: a reader who has seen n must never be given less than n later.
// It starts at the time in microseconds, so that it goes on growing after a sweep has emptied the table.
//
// SQLite has one writer, so "the largest plus one" is that place. PostgreSQL has many: there the row of the org in
// system_log_heads is taken first and held until commit. (Units put their events last, so that it is held for short
// and always after the rows of the change itself.) SQLite cannot write inside a `with`, hence two texts.
constexpr std::string_view kInsertSqlite =
    "insert into system_log (org_id, seq, uuid, published, type, expires, data) "
    "select $1, max(coalesce(max(seq), 0) + 1, $2), $3, $4, $5, $6, $7 from system_log where org_id = $1";
constexpr std::string_view kInsertPostgres =
    "with head as (insert into system_log_heads as h (org_id, seq) values ($1, $2) "
    "on conflict (org_id) do update set seq = greatest(h.seq + 1, excluded.seq) returning seq) "
    "insert into system_log (org_id, seq, uuid, published, type, expires, data) "
    "select cast($1 as text), head.seq, cast($3 as text), cast($4 as bigint), cast($5 as text), cast($6 as bigint), "
    "cast($7 as text) from head";

}  // namespace

store::Statement insert_line(std::string_view database_kind, const OrgId& org, const Line& line) {
  return {database_kind == "sqlite" ? kInsertSqlite : kInsertPostgres,
          {org, to_millis(line.published) * 1000, line.uuid, line.published, line.type, line.expires, line.data}};
}

Task<std::vector<StoredLine>> select_lines(store::Database& database, OrgId org, Query query,
                                           std::optional<std::int64_t> after) {
  // One text per direction and kind of filter: absent bounds are the ends of time. A place is never less than its time in
  // microseconds, so `since` bounds the places too, and the primary key does the rest.
  constexpr std::int64_t kEnd = INT64_MAX;
  const auto since = query.since ? to_millis(*query.since) : std::int64_t(0);
  const auto until = query.until ? to_millis(*query.until) : kEnd;
  const auto first = since * 1000 - 1;
  const auto above = query.newest_first ? first : std::max(first, after.value_or(-1));
  const auto below = query.newest_first ? after.value_or(kEnd) : kEnd;
  std::string sql =
      "select seq, data from system_log where org_id = $1 and published >= $2 and published < $3 and seq > $4 and seq < $5";
  std::vector<store::Param> params = {org, since, until, above, below, std::int64_t(query.limit)};
  if (!query.type.empty()) {
    sql += " and type = $7";
    params.emplace_back(query.type);
  }
  sql += query.newest_first ? " order by seq desc limit $6" : " order by seq limit $6";

  store::Statement select(sql, std::move(params));
  GH_CO_TRY(auto rows, co_await database.read(std::move(select)));
  std::vector<StoredLine> lines;
  for (const auto& row : rows) {
    StoredLine line{row.number(0), row.text(1)};
    lines.push_back(std::move(line));
  }
  co_return lines;
}

std::vector<store::Migration> migrations() {
  return {{"events", 1,
           {"create table system_log (org_id text not null, seq bigint not null, uuid text not null, "
            "published bigint not null, type text not null, expires bigint not null, data text not null, "
            "primary key (org_id, seq))",
            "create index system_log_by_time on system_log (org_id, published)",
            "create index system_log_by_expiry on system_log (expires)",
            "create table system_log_heads (org_id text not null primary key, seq bigint not null)"}},
          // Neither database's queries went by it: they go by place.
          {"events", 2, {"drop index if exists system_log_by_time"}}};
}

std::vector<store::Sweep> sweeps() { return {{"system_log", "expires", {"org_id", "seq"}}}; }

}  // namespace gatehouse::events
