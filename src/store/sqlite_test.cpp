// What only the SQLite driver promises: its file, group commit, and a kill at any moment.
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/thread_pool.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include "store/backend_test.h"

namespace gatehouse::store {
namespace {

class SqliteSpec : public testing::Test {
 protected:
  ~SqliteSpec() override { std::filesystem::remove_all(folder_); }

  std::string path() const { return folder_ + "/test.db"; }
  static Result<std::unique_ptr<Database>> open(const std::string& path, std::size_t queue_max = 4096) {
    return open_sqlite(SqliteOptions{.path = path, .queue_max = queue_max});
  }
  static std::unique_ptr<Database> opened(const std::string& path, std::size_t queue_max = 4096) {
    auto database = open(path, queue_max).value();
    Unit unit;
    unit.push_back(Statement("create table if not exists rows_kept (id bigint not null primary key, filler text)"));
    EXPECT_TRUE(run(database->write(std::move(unit))));
    return database;
  }
  static Statement insert(std::int64_t id, std::string filler = "") {
    return Statement("insert into rows_kept (id, filler) values ($1, $2)", {id, std::move(filler)});
  }
  static std::int64_t count(Database& database) {
    return run(database.read(Statement("select count(*) from rows_kept"))).value()[0].number(0);
  }

  const std::string folder_ = make_temporary_folder();
};

boost::asio::awaitable<void> insert_one(Database& database, Statement statement, std::vector<std::atomic<int>>& by_fault) {
  Unit unit;
  unit.push_back(std::move(statement));
  auto done = co_await database.write(std::move(unit));
  ++by_fault[done ? 8 : static_cast<std::size_t>(done.error().fault())];
}

// How many writes of `times` at once ended with each Fault; the last number is of those that went well.
std::vector<std::atomic<int>> insert_many(Database& database, std::int64_t first, int times, const std::string& filler = "") {
  std::vector<std::atomic<int>> by_fault(9);
  boost::asio::thread_pool threads(2);
  for (int i = 0; i < times; ++i) {
    Statement statement("insert into rows_kept (id, filler) values ($1, $2)", {first + i, filler});
    spawn(threads.get_executor(), insert_one(database, std::move(statement), by_fault));
  }
  threads.join();
  return by_fault;
}

constexpr std::size_t kGood = 8;
constexpr auto kLimited = static_cast<std::size_t>(Fault::limited), kUpstream = static_cast<std::size_t>(Fault::upstream);

TEST_F(SqliteSpec, small_writes_at_once_share_their_syncs) {
  auto database = opened(path());
  const auto before = database->stats();
  const auto ends = insert_many(*database, 0, 2000);
  EXPECT_EQ(ends[kGood], 2000);
  EXPECT_EQ(database->stats().units - before.units, 2000);
  EXPECT_LT(database->stats().commits - before.commits, 1000);
  EXPECT_EQ(count(*database), 2000);
}

TEST_F(SqliteSpec, a_full_queue_says_so_and_takes_work_again_later) {
  auto database = opened(path(), 4);
  const auto ends = insert_many(*database, 0, 2000);
  EXPECT_GT(ends[kLimited], 0);
  EXPECT_GT(ends[kGood], 0);
  EXPECT_EQ(ends[kLimited] + ends[kGood], 2000);
  EXPECT_EQ(count(*database), ends[kGood]);
}

TEST_F(SqliteSpec, rows_are_there_after_opening_again) {
  insert_many(*opened(path()), 0, 50);
  EXPECT_EQ(count(*opened(path())), 50);
}

TEST_F(SqliteSpec, in_memory_databases_share_nothing) {
  auto one = opened(""), two = opened("");
  insert_many(*one, 0, 5);
  EXPECT_EQ(count(*two), 0);
}

TEST_F(SqliteSpec, a_read_cannot_change_anything) {
  for (const auto& where : {path(), std::string()}) {
    auto database = opened(where);
    const auto done = run(database->read(Statement("insert into rows_kept (id) values (1) returning id")));
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().fault(), Fault::internal);
    EXPECT_EQ(count(*database), 0);
  }
}

TEST_F(SqliteSpec, only_its_owner_can_read_the_files) {
  const auto mask = ::umask(0);
  auto database = opened(path());
  ::umask(mask);
  for (const auto* suffix : {"", "-wal", "-shm", ".lock"}) {
    struct stat found {};
    ASSERT_EQ(::stat((path() + suffix).c_str(), &found), 0) << suffix;
    EXPECT_EQ(found.st_mode & 0777, 0600u) << suffix;
  }
}

TEST_F(SqliteSpec, a_second_holder_is_refused_until_the_first_is_gone) {
  auto database = opened(path());
  const auto second = open(path());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().fault(), Fault::conflict);
  EXPECT_NE(second.error().message().find(path()), std::string::npos);
  database.reset();
  EXPECT_TRUE(open(path()));
}

void expect_invalid(const Result<std::unique_ptr<Database>>& opened, const std::string& words) {
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().fault(), Fault::invalid);
  EXPECT_NE(opened.error().message().find(words), std::string::npos) << opened.error().message();
}

std::set<std::string> files_in(const std::string& folder) {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) names.insert(entry.path().filename().string());
  return names;
}

TEST_F(SqliteSpec, a_reader_beside_the_holder_sees_what_is_kept_and_changes_nothing) {
  EXPECT_EQ(open_sqlite_to_read(path()).error().fault(), Fault::missing);
  EXPECT_TRUE(files_in(folder_).empty());
  const auto change = [&](Database& database) {
    Unit unit;
    unit.push_back(insert(99));
    return run(database.write(std::move(unit)));
  };
  {
    const auto holder = opened(path());
    ASSERT_TRUE(change(*holder));
    const auto reader = open_sqlite_to_read(path()).value();
    EXPECT_EQ(count(*reader), 1);
    EXPECT_EQ(change(*reader).error().fault(), Fault::denied);
    EXPECT_FALSE(run(reader->read(Statement("delete from rows_kept"))));
    Unit unit;
    unit.push_back(insert(100));
    ASSERT_TRUE(run(holder->write(std::move(unit))));
    EXPECT_EQ(count(*reader), 2);
  }
  const auto before = files_in(folder_);
  EXPECT_EQ(count(*open_sqlite_to_read(path()).value()), 2) << "nobody holds it";
  EXPECT_EQ(files_in(folder_), before);
}

TEST_F(SqliteSpec, what_is_wrong_with_a_path_is_said) {
  expect_invalid(open(folder_ + "/nowhere/test.db"), folder_ + "/nowhere does not exist");
  expect_invalid(open(folder_), "is a folder");
  std::ofstream(folder_ + "/plain") << "x";
  expect_invalid(open(folder_ + "/plain/test.db"), "is not a folder");
}

TEST_F(SqliteSpec, a_folder_without_permission_is_named) {
  const bool root = ::geteuid() == 0;
  ASSERT_EQ(::chmod(folder_.c_str(), 0555), 0);
  if (root) ASSERT_EQ(::seteuid(65534), 0);  // root may write everywhere
  const auto refused = open(path());
  if (root) ASSERT_EQ(::seteuid(0), 0);
  expect_invalid(refused, "is not writable");
  EXPECT_EQ(::chmod(folder_.c_str(), 0755), 0);
}

TEST_F(SqliteSpec, a_file_that_is_no_database_stays_as_it_is) {
  const std::string garbage(8192, 'g');
  std::ofstream(path()) << garbage;
  expect_invalid(open(path()), "is not a Gatehouse database");
  std::ifstream file(path());
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), garbage);
}

TEST_F(SqliteSpec, the_database_of_another_program_is_not_touched) {
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open(path().c_str(), &other), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(other, "create table bookmarks (id text)", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(other);
  expect_invalid(open(path()), "another program");
}

TEST_F(SqliteSpec, a_full_database_fails_its_unit_and_goes_on) {
  auto database = opened(path());
  ASSERT_TRUE(run(database->write(Unit{Statement("pragma max_page_count = 20")})));
  const auto large = run(database->write(Unit{insert(1, std::string(200'000, 'x'))}));
  ASSERT_FALSE(large);
  EXPECT_EQ(large.error().fault(), Fault::upstream);
  EXPECT_NE(large.error().message().find("full"), std::string::npos);
  EXPECT_TRUE(run(database->write(Unit{insert(2)})));
  EXPECT_EQ(count(*database), 1);
}

TEST_F(SqliteSpec, when_the_commit_fails_nothing_is_reported_as_done) {
  auto database = opened(path());
  insert_many(*database, 0, 10);
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &limit), 0);
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit no_growth{std::filesystem::file_size(path() + "-wal"), limit.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &no_growth), 0);
  const auto ends = insert_many(*database, 100, 300, std::string(1000, 'x'));
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
  std::signal(SIGXFSZ, old_handler);
  EXPECT_EQ(ends[kUpstream], 300);
  EXPECT_EQ(count(*database), 10);
  EXPECT_EQ(insert_many(*database, 1000, 10)[kGood], 10);
  database.reset();
  EXPECT_EQ(count(*opened(path())), 20);
}

// One of several writers of the child: tells the parent of a row only after it was acknowledged.
boost::asio::awaitable<void> write_and_tell(Database& database, std::int64_t first, int pipe) {
  for (std::int64_t id = first;; ++id) {
    Unit unit;
    std::vector<Param> params{id, std::string(200, 'x')};
    unit.emplace_back("insert into rows_kept (id, filler) values ($1, $2)", std::move(params));
    auto done = co_await database.write(std::move(unit));
    if (!done || ::write(pipe, &id, sizeof id) != sizeof id) ::_exit(1);
  }
}

[[noreturn]] void write_until_killed(const std::string& path, int round, int pipe) {
  auto database = open_sqlite(SqliteOptions{.path = path});
  if (!database) ::_exit(1);
  boost::asio::thread_pool threads(2);
  constexpr int kWriters = 16;
  for (std::int64_t i = 0; i < kWriters; ++i) {
    spawn(threads.get_executor(), write_and_tell(**database, (round * kWriters + i) * 1'000'000, pipe));
  }
  threads.join();
  ::_exit(1);
}

TEST_F(SqliteSpec, a_kill_loses_no_acknowledged_row) {
  opened(path());
  std::vector<std::int64_t> acknowledged;
  for (int round = 0; round < 3; ++round) {
    int pipe[2];
    ASSERT_EQ(::pipe(pipe), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) write_until_killed(path(), round, pipe[1]);
    ::close(pipe[1]);
    const auto wanted = acknowledged.size() + 700u * static_cast<std::size_t>(round + 1);
    std::int64_t id = 0;
    while (::read(pipe[0], &id, sizeof id) == sizeof id) {
      acknowledged.push_back(id);
      if (acknowledged.size() == wanted) ::kill(child, SIGKILL);  // and read on what it said before it died
    }
    ::close(pipe[0]);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status));
    ASSERT_GE(acknowledged.size(), wanted);

    auto database = opened(path());
    std::set<std::int64_t> kept;
    for (const auto& row : run(database->read(Statement("select id from rows_kept"))).value()) kept.insert(row.number(0));
    for (const auto row : acknowledged) ASSERT_TRUE(kept.contains(row)) << "round " << round << ", row " << row;
  }
}

}  // namespace
}  // namespace gatehouse::store
