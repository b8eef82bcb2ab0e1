#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "store/database.h"

namespace gatehouse::store {

namespace {

constexpr int kRounds = 8;  // other nodes that may be faster than us, one after the other

struct Recorded {
  std::set<int> versions;
  std::map<int, int> oldest_reader;  // by version
};
using Record = std::map<std::string, Recorded, std::less<>>;

// What the two databases do not have in common.
struct Dialect {
  std::string_view table_exists;
  std::string_view now_millis;
  std::string_view lock;  // held until the end of the unit; empty: there is one writer anyway
};

Dialect dialect_of(const Database& database) {
  if (database.kind() == "postgres") {
    return {"select 1 where to_regclass('schema_migrations') is not null",
            "cast(extract(epoch from clock_timestamp()) * 1000 as bigint)",
            "select pg_advisory_xact_lock(4711208851)"};
  }
  return {"select 1 from sqlite_master where type = 'table' and name = 'schema_migrations'",
          "cast((julianday('now') - 2440587.5) * 86400000 as integer)", ""};
}

Task<Record> read_record(Database& database, Dialect dialect) {
  Record record;
  Statement look(dialect.table_exists);
  GH_CO_TRY(auto exists, co_await database.read(std::move(look)));
  if (exists.empty()) co_return record;
  Statement select("select room, version, oldest_reader from schema_migrations");
  GH_CO_TRY(auto rows, co_await database.read(std::move(select)));
  for (const auto& row : rows) {
    auto& room = record[row.text(0)];
    const auto version = static_cast<int>(row.number(1));
    room.versions.insert(version);
    room.oldest_reader[version] = static_cast<int>(row.number(2));
  }
  co_return record;
}

Result<std::map<std::string_view, int>> highest_versions(const std::vector<Migration>& migrations) {
  std::map<std::string_view, int> highest;
  for (const auto& migration : migrations) {
    auto& version = highest[migration.room];
    if (migration.version <= version) {
      return failure(Fault::internal, fmt::format("migrations of {}: version {} does not follow {}", migration.room,
                                                  migration.version, version));
    }
    version = migration.version;
  }
  return highest;
}

Result<void> check_readable(const Record& record, const std::map<std::string_view, int>& highest) {
  for (const auto& [room, known] : highest) {
    const auto found = record.find(room);
    if (found == record.end()) continue;
    for (const auto& [version, oldest_reader] : found->second.oldest_reader) {
      if (version <= known || oldest_reader <= known) continue;
      return failure(Fault::conflict,
                     fmt::format("the data was written by a newer Gatehouse ({} version {}; this one knows {}): start that "
                                 "one, or restore a backup from before the upgrade",
                                 room, version, known));
    }
  }
  return {};
}

// Everything that is missing, in one unit: all of it happens or nothing. Each migration is recorded before its steps, so
// that a node which comes second meets the primary key and not a table that exists already.
Unit pending(const Record& record, const std::vector<Migration>& migrations, const Dialect& dialect) {
  Unit unit;
  const auto insert = fmt::format(
      "insert into schema_migrations (room, version, oldest_reader, applied_at) values ($1, $2, $3, {})", dialect.now_millis);
  for (const auto& migration : migrations) {
    const auto room = record.find(migration.room);
    if (room != record.end() && room->second.versions.contains(migration.version)) continue;
    unit.push_back(Statement(insert, {migration.room, migration.version, migration.oldest_reader}));
    for (const auto step : migration.steps) unit.push_back(Statement(step));
  }
  if (unit.empty()) return unit;
  unit.insert(unit.begin(), Statement("create table if not exists schema_migrations (room text not null, version bigint not null, "
                                      "oldest_reader bigint not null, applied_at bigint not null, primary key (room, version))"));
  if (!dialect.lock.empty()) unit.insert(unit.begin(), Statement(dialect.lock));
  return unit;
}

}  // namespace

Task<void> migrate(Database& database, std::vector<Migration> migrations) {
  const auto dialect = dialect_of(database);
  GH_CO_TRY(const auto highest, highest_versions(migrations));
  std::size_t waiting = 0;  // statements of the round before
  for (int round = 0; round < kRounds; ++round) {
    GH_CO_TRY(auto record, co_await read_record(database, dialect));
    GH_CO_DO(check_readable(record, highest));
    auto unit = pending(record, migrations, dialect);
    if (unit.empty()) co_return Result<void>();
    const auto size = unit.size();
    auto done = co_await database.write(std::move(unit));
    if (done) co_return Result<void>();
    // A conflict is either another node that was faster (then less is missing now) or a step of ours that fails.
    if (done.error().fault() != Fault::conflict || size == waiting) {
      co_return std::unexpected(std::move(done.error()).while_doing("migrate"));
    }
    waiting = size;
  }
  co_return failure(Fault::upstream, "migrations: other nodes are migrating the same database; try again");
}

}  // namespace gatehouse::store
