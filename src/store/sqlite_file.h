// The data file before SQLite sees it: its folder, its mode 0600, and the lock that keeps a second process out.
#pragma once

#include <string>

#include "core/error.h"

namespace gatehouse::store {

class SqliteFile {
 public:
  // Creates the file when it is missing and locks `<path>.lock`. Fault::invalid with what to do, or Fault::conflict
  // when another process holds it. `inherited`: the lock of a predecessor that shares it with us, or -1.
  static Result<SqliteFile> hold(const std::string& path, int inherited = -1);
  int lock() const { return lock_; }

  SqliteFile() = default;  // holds nothing
  SqliteFile(SqliteFile&& other) noexcept;
  SqliteFile& operator=(SqliteFile&&) = delete;
  ~SqliteFile();

 private:
  explicit SqliteFile(int lock) : lock_(lock) {}
  int lock_ = -1;
};

}  // namespace gatehouse::store
