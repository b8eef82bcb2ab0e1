#include "store/sqlite_connection.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <cstring>
#include <filesystem>

#include "core/text.h"
#include "store/faults.h"

namespace gatehouse::store {

namespace {

constexpr std::size_t kCacheMax = 512;          // prepared statements per connection
constexpr int kParamsMax = 64;                  // $1 … $64
constexpr int kBusyMillis = 5000;               // somebody's sqlite3 shell or backup holds a lock
constexpr std::int64_t kApplicationId = 0x47544853;  // "GTHS" in the file's header: one of ours

Value column(sqlite3_stmt* handle, int index) {
  switch (sqlite3_column_type(handle, index)) {
    case SQLITE_NULL: return nullptr;
    case SQLITE_INTEGER: return static_cast<std::int64_t>(sqlite3_column_int64(handle, index));
    case SQLITE_FLOAT: return sqlite3_column_double(handle, index);
    default: {
      const auto* bytes = static_cast<const char*>(sqlite3_column_blob(handle, index));
      const auto size = static_cast<std::size_t>(sqlite3_column_bytes(handle, index));
      return bytes == nullptr ? std::string() : std::string(bytes, size);
    }
  }
}

struct Bind {
  sqlite3_stmt* handle;
  int place;
  int operator()(std::nullptr_t) const { return sqlite3_bind_null(handle, place); }
  int operator()(std::int64_t number) const { return sqlite3_bind_int64(handle, place, number); }
  int operator()(double real) const { return sqlite3_bind_double(handle, place, real); }
  // Not copied: the statement outlives its run, and the next run binds every place again.
  int operator()(const std::string& text) const {
    return sqlite3_bind_text64(handle, place, text.data(), text.size(), SQLITE_STATIC, SQLITE_UTF8);
  }
};

struct Reset {
  sqlite3_stmt* handle;
  ~Reset() { sqlite3_reset(handle); }  // a read ends its snapshot here
};

}  // namespace

void SqliteConnection::Close::operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
void SqliteConnection::Finalize::operator()(sqlite3_stmt* handle) const { sqlite3_finalize(handle); }

Result<SqliteConnection> SqliteConnection::open(const std::string& path, Access access) {
  sqlite3* handle = nullptr;
  // No mutexes inside: one thread at a time uses a connection.
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE | (path.empty() ? SQLITE_OPEN_MEMORY : 0);
  const int code = sqlite3_open_v2(path.empty() ? ":memory:" : path.c_str(), &handle, flags, nullptr);
  SqliteConnection connection(handle);
  if (code != SQLITE_OK) return failure(Fault::invalid, fmt::format("cannot open {}: {}", path, sqlite3_errstr(code)));
  sqlite3_busy_timeout(handle, kBusyMillis);
  GH_DO(connection.prepare_file(path, access));
  return connection;
}

Result<SqliteConnection> SqliteConnection::open_to_read(const std::string& path) {
  std::string name = "file:";
  for (const char c : path) {
    if (c == '%' || c == '?' || c == '#') name += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    else name += c;
  }
  // Without a WAL nobody has it open: SQLite would make one to look into, and leave it there.
  std::error_code ignored;
  name += std::filesystem::exists(path + "-wal", ignored) ? "?mode=ro" : "?mode=ro&immutable=1";
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(name.c_str(), &handle, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nullptr);
  SqliteConnection connection(handle);
  if (code != SQLITE_OK) return failure(Fault::invalid, fmt::format("cannot read {}: {}", path, sqlite3_errstr(code)));
  sqlite3_busy_timeout(handle, kBusyMillis);
  return connection;
}

Result<void> SqliteConnection::prepare_file(const std::string& path, Access access) {
  auto number = [&](std::string_view sql) -> Result<std::int64_t> {
    GH_TRY(auto done, run(Statement(sql), Access::write));
    return done.rows.empty() ? 0 : done.rows.front().number(0);
  };
  const auto tables = number("select count(*) from sqlite_master");
  if (!tables) {
    const auto code = sqlite3_extended_errcode(handle_.get());
    const bool foreign = code == SQLITE_NOTADB;
    return failure(Fault::invalid, fmt::format("{} {}: {}", path, foreign ? "is not a Gatehouse database" : "cannot be used",
                                               foreign ? "name another file, or restore it from a backup" : sqlite3_errstr(code)));
  }
  if (access == Access::write && !path.empty()) {
    GH_TRY(auto owner, number("pragma application_id"));
    if (*tables > 0 && owner != kApplicationId) {
      return failure(Fault::invalid, path + " is the SQLite database of another program: name another file");
    }
    GH_DO(run(Statement("pragma journal_mode = wal"), Access::write));
    if (*tables == 0) GH_DO(control(fmt::format("pragma application_id = {}", kApplicationId)));
  }
  GH_DO(control("pragma synchronous = full"));
  GH_DO(control("pragma foreign_keys = on"));
  GH_DO(control("pragma temp_store = memory"));      // savepoints must not write files
  GH_DO(control("pragma cache_size = -8000"));       // KiB
  GH_DO(control("pragma wal_autocheckpoint = 4000"));  // pages
  GH_DO(run(Statement("pragma journal_size_limit = 67108864"), Access::write));  // bytes; a long read may let the WAL grow
  return {};
}

Result<void> SqliteConnection::control(std::string_view sql) {
  GH_DO(run(Statement(sql), Access::write));
  return {};
}

bool SqliteConnection::in_transaction() const { return sqlite3_get_autocommit(handle_.get()) == 0; }

Result<Done> SqliteConnection::run(const Statement& statement, Access access) {
  GH_TRY(auto* found, prepared(statement.sql));
  if (access == Access::read && !found->reads_only) return std::unexpected(bad_statement("read() of a change: " + statement.sql));
  GH_DO(bind(*found, statement.params));
  return step(*found);
}

Result<SqliteConnection::Prepared*> SqliteConnection::prepared(std::string_view sql) {
  if (const auto found = by_text_.find(sql); found != by_text_.end()) {
    cache_.splice(cache_.begin(), cache_, found->second);
    return &cache_.front();
  }
  GH_TRY(auto fresh, prepare(sql));
  cache_.push_front(std::move(fresh));
  by_text_.emplace(cache_.front().sql, cache_.begin());
  if (cache_.size() > kCacheMax) {
    by_text_.erase(cache_.back().sql);
    cache_.pop_back();
  }
  return &cache_.front();
}

Result<SqliteConnection::Prepared> SqliteConnection::prepare(std::string_view sql) const {
  sqlite3_stmt* handle = nullptr;
  const char* tail = nullptr;
  const int code = sqlite3_prepare_v3(handle_.get(), sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT, &handle, &tail);
  Prepared made;
  made.handle.reset(handle);
  if (code != SQLITE_OK) return std::unexpected(error(code, sql));
  const auto rest = sql.substr(static_cast<std::size_t>(tail - sql.data()));
  if (handle == nullptr || rest.find_first_not_of(" \n\t;") != std::string_view::npos) {
    return std::unexpected(bad_statement(fmt::format("one statement per text: {}", sql)));
  }
  made.sql = sql;
  made.reads_only = sqlite3_stmt_readonly(handle) != 0;
  const int count = sqlite3_bind_parameter_count(handle);
  for (int number = 1; number <= count && number <= kParamsMax; ++number) {
    const int place = sqlite3_bind_parameter_index(handle, fmt::format("${}", number).c_str());
    if (place == 0) return std::unexpected(bad_statement(fmt::format("parameters must be $1 … ${}: {}", count, sql)));
    made.place.push_back(place);
  }
  return made;
}

Result<void> SqliteConnection::bind(const Prepared& statement, const std::vector<Param>& params) const {
  if (params.size() != statement.place.size()) {
    return std::unexpected(
        bad_statement(fmt::format("takes {} parameters, {} given: {}", statement.place.size(), params.size(), statement.sql)));
  }
  for (std::size_t i = 0; i < params.size(); ++i) {
    const int code = std::visit(Bind{statement.handle.get(), statement.place[i]}, params[i].value());
    if (code != SQLITE_OK) return std::unexpected(error(code, statement.sql));
  }
  return {};
}

Result<Done> SqliteConnection::step(const Prepared& statement) const {
  auto* handle = statement.handle.get();
  const Reset reset{handle};
  const auto before = sqlite3_total_changes64(handle_.get());
  const auto columns = sqlite3_column_count(handle);
  Done done;
  for (;;) {
    const int code = sqlite3_step(handle);
    if (code == SQLITE_DONE) break;
    if (code != SQLITE_ROW) return std::unexpected(error(code, statement.sql));
    std::vector<Value> values;
    values.reserve(static_cast<std::size_t>(columns));
    for (int i = 0; i < columns; ++i) values.push_back(column(handle, i));
    done.rows.emplace_back(std::move(values));
  }
  // changes() keeps the number of the last insert, update or delete until the next one.
  if (!statement.reads_only && sqlite3_total_changes64(handle_.get()) != before) done.affected = sqlite3_changes64(handle_.get());
  return done;
}

Error SqliteConnection::error(int code, std::string_view sql) const {
  const auto detail = fmt::format("sqlite {}: {} in: {}", code, sqlite3_errmsg(handle_.get()), sql);
  switch (code) {
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID: return already_exists(detail);
    case SQLITE_CONSTRAINT_FOREIGNKEY: return broken_reference(detail);
    case SQLITE_FULL: return disk_full(detail);
    default: break;
  }
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_IOERR:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_NOMEM:
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return away(detail);
    default: return bad_statement(detail);
  }
}

}  // namespace gatehouse::store
