// The seam between rooms that speak SQL (`*_store.cpp`) and what runs it: SQLite or PostgreSQL.
// Owns connections, threads, transactions and group commit. Knows no table but its own schema_migrations.
//
// One text for both: parameters are $1, $2 …; columns are `text`, `bigint` and `double precision` only; booleans are
// bigint 0/1, times are milliseconds, bytes are base64url text. Nothing else is portable enough to be worth it.
#pragma once

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/clock.h"
#include "core/id.h"
#include "core/task.h"

namespace gatehouse::store {

using Value = std::variant<std::nullptr_t, std::int64_t, double, std::string>;

// What may be bound to a parameter; ids, times and optionals convert by themselves.
class Param {
 public:
  Param(std::nullptr_t) : value_(nullptr) {}
  Param(std::string text) : value_(std::move(text)) {}
  Param(std::string_view text) : value_(std::string(text)) {}
  Param(const char* text) : value_(std::string(text)) {}
  Param(bool yes) : value_(std::int64_t(yes ? 1 : 0)) {}
  Param(int number) : value_(std::int64_t(number)) {}
  Param(std::int64_t number) : value_(number) {}
  Param(double number) : value_(number) {}
  Param(Timestamp time) : value_(to_millis(time)) {}
  template <class Tag>
  Param(const Id<Tag>& id) : value_(id.str()) {}
  template <class T>
  Param(const std::optional<T>& maybe) : value_(maybe ? Param(*maybe).value_ : Value(nullptr)) {}

  const Value& value() const { return value_; }

 private:
  Value value_;
};

// One row; columns by position, in the order of the select list. A wrong type or a null where none may be is a
// broken invariant (our schema, our query): it throws std::logic_error.
class Row {
 public:
  explicit Row(std::vector<Value> values) : values_(std::move(values)) {}
  const std::string& text(std::size_t column) const;
  std::int64_t number(std::size_t column) const;
  double real(std::size_t column) const;
  bool yes(std::size_t column) const { return number(column) != 0; }
  Timestamp time(std::size_t column) const { return from_millis(number(column)); }
  bool is_null(std::size_t column) const;
  std::optional<std::string> maybe_text(std::size_t column) const;
  std::optional<std::int64_t> maybe_number(std::size_t column) const;
  std::optional<Timestamp> maybe_time(std::size_t column) const;
  template <class IdType>
  IdType id(std::size_t column) const { return IdType::parse(text(column)).value(); }

 private:
  std::vector<Value> values_;
};

using Rows = std::vector<Row>;

struct Done {
  Rows rows;                  // of a select or a `returning` clause
  std::int64_t affected = 0;  // rows inserted, updated or deleted
};

// SQL and its parameters. Prepared once per connection and text: build texts from constants only.
struct Statement {
  Statement(std::string_view sql_text, std::vector<Param> bound = {}) : sql(sql_text), params(std::move(bound)) {}

  // In a unit: unless exactly `rows` rows are affected (or, for a select, returned), the whole unit is rolled back and
  // fails with `otherwise`. This is how a compare-and-set is written.
  Statement expect(std::int64_t rows, Error otherwise) &&;

  std::string sql;
  std::vector<Param> params;
  std::optional<std::pair<std::int64_t, Error>> expected;
};

// Statements that happen together or not at all. No conversation: what depends on a read is written as a condition in
// SQL plus expect(), so that no transaction is ever open while somebody thinks.
using Unit = std::vector<Statement>;

// Counted since the start; for metrics and tests.
struct Stats {
  std::int64_t reads = 0;       // reading statements answered
  std::int64_t units = 0;       // units that are durable
  std::int64_t commits = 0;     // transactions that carried them: with group commit fewer than units
  std::int64_t reconnects = 0;  // PostgreSQL connections made anew
};

// The executors that its callers run on outlive it. It ends what is queued before it goes.
class Database {
 public:
  virtual ~Database() = default;

  // One reading statement on a snapshot. Fault::upstream when the database is away, Fault::limited when its queue is full.
  virtual Task<Rows> read(Statement statement) = 0;
  // All or nothing, in order; durable when it returns. Many units may share one sync (group commit); a unit that fails
  // takes no other one with it. A broken unique constraint is Fault::conflict.
  virtual Task<std::vector<Done>> write(Unit unit) = 0;

  virtual std::string_view kind() const = 0;  // "sqlite" | "postgres"
  // The descriptor that keeps other processes out; a successor that is given it may come in beside us. -1: none is needed.
  virtual int lock() const { return -1; }
  virtual Stats stats() const = 0;
};

// A room's tables over time. Version numbers of a room only grow; steps are additive (new tables, new nullable
// columns, new indexes), so that the program one version older still runs on the result.
struct Migration {
  std::string_view room;
  int version;                            // 1, 2, 3 … within the room
  std::vector<std::string_view> steps;    // SQL
  int oldest_reader = 1;                  // a program that knows fewer versions of the room than this must not start
};

// Brings the schema up to date; safe when several nodes do it at once. Fault::conflict, with what to do, when the
// database was written by a newer program that this one cannot read. Changes nothing on failure.
Task<void> migrate(Database& database, std::vector<Migration> migrations);

// Rows of `table` whose `expiry_column` (milliseconds) has passed are garbage. `key` are the primary-key columns.
struct Sweep {
  std::string_view table, expiry_column;
  std::vector<std::string_view> key;
};
// Deletes at most `batch` expired rows per unit until none is left; returns how many went.
Task<std::int64_t> sweep(Database& database, Sweep what, Timestamp now, int batch = 500);

struct SqliteOptions {
  std::string path;           // empty: in memory, gone with the object
  std::size_t readers = 2;
  std::size_t queue_max = 4096;
  int lock = -1;              // that a predecessor handed over; ours from then on
};
// Fault::invalid with what to do when the file cannot be opened, is not a database, or its folder is not writable;
// Fault::conflict when another process holds it.
Result<std::unique_ptr<Database>> open_sqlite(SqliteOptions options);

// For a command beside a running program: takes no lock, blocks its caller, and refuses to write (Fault::denied). Fault::missing
// when there is no such file.
Result<std::unique_ptr<Database>> open_sqlite_to_read(const std::string& path);

struct PostgresOptions {
  std::string conninfo;       // libpq form; carries no password in logs
  std::size_t connections = 4;
  std::size_t queue_max = 4096;
  std::chrono::milliseconds connect_timeout{5000};
};
// Connects once to tell early what is wrong (Fault::upstream); reconnects with back-off by itself afterwards.
Result<std::unique_ptr<Database>> open_postgres(PostgresOptions options);

}  // namespace gatehouse::store
