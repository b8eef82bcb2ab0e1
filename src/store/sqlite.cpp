// The SQLite driver: one writer thread with group commit, reader threads with snapshots of their own.
// In memory there is one connection and one thread: memory has no WAL, and a second reader would only wait.
#include <pthread.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "store/faults.h"
#include "store/inbox.h"
#include "store/sqlite_connection.h"
#include "store/sqlite_file.h"

namespace gatehouse::store {

namespace {

constexpr std::size_t kGroupMax = 256;  // units that share one sync

// A single statement without a condition undoes itself when it fails.
bool needs_savepoint(const Unit& unit) { return unit.size() > 1 || (!unit.empty() && unit.front().expected); }

Result<std::vector<Done>> run_statements(SqliteConnection& connection, const Unit& unit) {
  std::vector<Done> all;
  all.reserve(unit.size());
  for (const auto& statement : unit) {
    GH_TRY(auto done, connection.run(statement, Access::write));
    const auto count = done.rows.empty() ? done.affected : static_cast<std::int64_t>(done.rows.size());
    if (auto missed = unmet(statement, count)) return std::unexpected(*std::move(missed));
    all.push_back(std::move(done));
  }
  return all;
}

// Leaves the transaction as it was when the unit fails. An error of this function itself: the whole group is lost.
Result<void> run_unit(SqliteConnection& connection, Job& job) {
  const bool guarded = needs_savepoint(job.unit);
  if (guarded) GH_DO(connection.control("savepoint unit"));
  job.result = run_statements(connection, job.unit);
  if (!connection.in_transaction()) {
    return std::unexpected(job.result ? not_saved("sqlite left the transaction") : job.result.error());
  }
  if (guarded && !job.result) GH_DO(connection.control("rollback to unit"));
  if (guarded) GH_DO(connection.control("release unit"));
  return {};
}

Result<void> run_transaction(SqliteConnection& connection, std::span<Job* const> group) {
  GH_DO(connection.control("begin immediate"));
  for (auto* job : group) GH_DO(run_unit(connection, *job));
  return connection.control("commit");
}

// Every job has its result afterwards; returns how many transactions were committed. What one unit saw of another is
// true only if the commit held: otherwise all of them fail, the refused ones too.
int run_group(SqliteConnection& connection, std::span<Job* const> group) {
  const auto committed = run_transaction(connection, group);
  if (committed) return 1;
  if (connection.in_transaction()) std::ignore = connection.control("rollback");
  if (group.size() == 1 || committed.error().fault() == Fault::upstream) {
    fail(group, committed.error());
    return 0;
  }
  int commits = 0;  // a constraint that is checked at the commit: find the unit that breaks it
  for (auto* job : group) commits += run_group(connection, std::span(&job, 1));
  return commits;
}

class Sqlite final : public Database {
 public:
  Sqlite(SqliteOptions options, SqliteFile file, SqliteConnection writer, std::vector<SqliteConnection> readers)
      : in_memory_(readers.empty()),
        file_(std::move(file)),
        writer_(std::move(writer)),
        readers_(std::move(readers)),
        inbox_(options.queue_max, in_memory_ ? Inbox::Takers::any_lane : Inbox::Takers::per_lane) {
    threads_.emplace_back([this] { write_loop(); });
    for (auto& reader : readers_) threads_.emplace_back([this, &reader] { read_loop(reader); });
  }
  ~Sqlite() override {
    inbox_.stop();
    threads_.clear();
  }
  Sqlite(const Sqlite&) = delete;
  Sqlite& operator=(const Sqlite&) = delete;

  Task<Rows> read(Statement statement) override {
    Unit unit;
    unit.push_back(std::move(statement));
    GH_CO_TRY(auto done, co_await inbox_.run(std::move(unit), Access::read));
    co_return std::move(done.front().rows);
  }
  Task<std::vector<Done>> write(Unit unit) override { return inbox_.run(std::move(unit), Access::write); }

  std::string_view kind() const override { return "sqlite"; }
  int lock() const override { return file_.lock(); }
  Stats stats() const override { return Stats{.reads = reads_, .units = units_, .commits = commits_, .reconnects = 0}; }

 private:
  void write_loop() {
    ::pthread_setname_np(::pthread_self(), "gh-sql-write");
    std::vector<Job*> jobs;
    while (in_memory_ ? inbox_.take_any(Inbox::Limits{kGroupMax, kGroupMax, 1}, jobs) : inbox_.take(Access::write, kGroupMax, jobs)) {
      if (jobs.front()->access == Access::read) {
        for (auto* job : jobs) answer(writer_, *job);
        continue;
      }
      commits_ += run_group(writer_, jobs);
      for (auto* job : jobs) units_ += job->result ? 1 : 0;
      finish(jobs);
    }
  }

  void read_loop(SqliteConnection& connection) {
    ::pthread_setname_np(::pthread_self(), "gh-sql-read");
    std::vector<Job*> jobs;
    while (inbox_.take(Access::read, 1, jobs)) answer(connection, *jobs.front());
  }

  void answer(SqliteConnection& connection, Job& job) {
    auto done = connection.run(job.unit.front(), Access::read);
    if (done) {
      job.result->push_back(*std::move(done));
    } else {
      job.result = std::unexpected(std::move(done.error()));
    }
    ++reads_;
    finish(job);
  }

  const bool in_memory_;
  SqliteFile file_;
  SqliteConnection writer_;
  std::vector<SqliteConnection> readers_;
  Inbox inbox_;
  std::atomic<std::int64_t> reads_ = 0, units_ = 0, commits_ = 0;
  std::vector<std::jthread> threads_;
};

class SqliteToRead final : public Database {
 public:
  explicit SqliteToRead(SqliteConnection connection) : connection_(std::move(connection)) {}
  Task<Rows> read(Statement statement) override {
    GH_CO_TRY(auto done, connection_.run(statement, Access::read));
    ++reads_;
    co_return std::move(done.rows);
  }
  Task<std::vector<Done>> write(Unit) override { co_return failure(Fault::denied, "this database is open to be read only"); }
  std::string_view kind() const override { return "sqlite"; }
  Stats stats() const override { return Stats{.reads = reads_}; }

 private:
  SqliteConnection connection_;
  std::int64_t reads_ = 0;
};

}  // namespace

Result<std::unique_ptr<Database>> open_sqlite_to_read(const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored)) return failure(Fault::missing, path + " does not exist: nothing was stored there yet");
  GH_TRY(auto connection, SqliteConnection::open_to_read(path));
  return std::make_unique<SqliteToRead>(std::move(connection));
}

Result<std::unique_ptr<Database>> open_sqlite(SqliteOptions options) {
  SqliteFile file;
  std::vector<SqliteConnection> readers;
  if (options.path.empty()) {
    GH_TRY(auto writer, SqliteConnection::open(options.path, Access::write));
    return std::make_unique<Sqlite>(std::move(options), std::move(file), std::move(writer), std::move(readers));
  }
  GH_TRY(auto held, SqliteFile::hold(options.path, options.lock));
  GH_TRY(auto writer, SqliteConnection::open(options.path, Access::write));
  for (std::size_t i = 0; i < std::max<std::size_t>(1, options.readers); ++i) {
    GH_TRY(auto reader, SqliteConnection::open(options.path, Access::read));
    readers.push_back(std::move(reader));
  }
  return std::make_unique<Sqlite>(std::move(options), std::move(held), std::move(writer), std::move(readers));
}

}  // namespace gatehouse::store
