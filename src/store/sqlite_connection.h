// One SQLite connection: its prepared statements, values both ways, and what its errors mean. Not for two threads at once.
// Knows no threads, groups or queues.
#pragma once

#include <list>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "store/database.h"
#include "store/inbox.h"

struct sqlite3;
struct sqlite3_stmt;

namespace gatehouse::store {

class SqliteConnection {
 public:
  // `path` empty: in memory. The file is there already (see SqliteFile); a writer makes it ours: WAL, application_id.
  static Result<SqliteConnection> open(const std::string& path, Access access);
  // Writes nothing, not even beside the file.
  static Result<SqliteConnection> open_to_read(const std::string& path);

  // With Access::read a statement that would change anything is refused before it runs.
  Result<Done> run(const Statement& statement, Access access);
  // For begin, savepoint and the like: constants without parameters.
  Result<void> control(std::string_view sql);
  // False also after an error that made SQLite roll everything back by itself.
  bool in_transaction() const;

 private:
  struct Close {
    void operator()(sqlite3* handle) const;
  };
  struct Finalize {
    void operator()(sqlite3_stmt* handle) const;
  };
  struct Prepared {
    std::string sql;
    std::unique_ptr<sqlite3_stmt, Finalize> handle;
    std::vector<int> place;  // of $1, $2 …: SQLite numbers names by first appearance
    bool reads_only = false;
  };
  using Cache = std::list<Prepared>;  // the latest first

  explicit SqliteConnection(sqlite3* handle) : handle_(handle) {}
  Result<void> prepare_file(const std::string& path, Access access);
  Result<Prepared*> prepared(std::string_view sql);
  Result<Prepared> prepare(std::string_view sql) const;
  Result<void> bind(const Prepared& statement, const std::vector<Param>& params) const;
  Result<Done> step(const Prepared& statement) const;
  Error error(int code, std::string_view sql) const;

  std::unique_ptr<sqlite3, Close> handle_;
  Cache cache_;
  std::unordered_map<std::string_view, Cache::iterator> by_text_;  // keys live in cache_
};

}  // namespace gatehouse::store
