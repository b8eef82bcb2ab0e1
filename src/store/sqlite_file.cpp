#include "store/sqlite_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

namespace gatehouse::store {

namespace {

Error unusable(const std::string& path, int reason) {
  const auto folder = std::filesystem::path(path).parent_path().string();
  const auto where = folder.empty() ? std::string(".") : folder;
  switch (reason) {
    case ENOENT: return Error(Fault::invalid, fmt::format("the folder {} does not exist: create it, or name another one", where));
    case ENOTDIR: return Error(Fault::invalid, fmt::format("{} is not a folder", where));
    case EISDIR: return Error(Fault::invalid, fmt::format("{} is a folder; a file is needed", path));
    case ENOSPC: return Error(Fault::invalid, fmt::format("cannot create {}: the disk is full", path));
    case EACCES:
    case EPERM:
    case EROFS:
      return Error(Fault::invalid, fmt::format("{} is not writable for user id {}: give it to this user, or name another folder ({})",
                                               path, ::geteuid(), ::strerror(reason)));
    default: return Error(Fault::invalid, fmt::format("cannot open {}: {}", path, ::strerror(reason)));
  }
}

Result<int> open_own(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file < 0) return std::unexpected(unusable(path, errno));
  return file;
}

}  // namespace

Result<SqliteFile> SqliteFile::hold(const std::string& path, int inherited) {
  struct stat known {};
  if (::stat(path.c_str(), &known) == 0 && S_ISDIR(known.st_mode)) return std::unexpected(unusable(path, EISDIR));
  int lock = inherited;
  if (lock < 0) {
    GH_TRY(lock, open_own(path + ".lock"));
  }
  SqliteFile held(lock);
  if (::flock(lock, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return std::unexpected(unusable(path + ".lock", errno));
    return failure(Fault::conflict,
                   fmt::format("{} is in use by another Gatehouse: stop that one first, or name another file", path));
  }
  // Made here and not by SQLite, so that nobody else may read it even for a moment; -wal and -shm take over its mode.
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) return std::unexpected(unusable(path, errno));
  ::close(file);
  return held;
}

SqliteFile::SqliteFile(SqliteFile&& other) noexcept : lock_(std::exchange(other.lock_, -1)) {}

// The lock file stays: to unlink it would let two processes lock two different files of one name.
SqliteFile::~SqliteFile() {
  if (lock_ >= 0) ::close(lock_);
}

}  // namespace gatehouse::store
