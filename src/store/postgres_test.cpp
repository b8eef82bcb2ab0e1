// What only the PostgreSQL driver promises: it comes back by itself, and never says "saved" or tries again when it cannot
// know. A small proxy between driver and server plays the broken network.
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/thread_pool.hpp>
#include <chrono>
#include <filesystem>
#include <thread>

#include "store/backend_test.h"

namespace gatehouse::store {
namespace {

using SteadyClock = std::chrono::steady_clock;

int unix_socket(const std::string& path, sockaddr_un& address) {
  address = {};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  return ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

// Passes bytes between clients on a socket of its own and a server on a unix socket, until told otherwise.
class Proxy {
 public:
  explicit Proxy(std::string target) : target_(std::move(target)), folder_(make_temporary_folder()) { open(); }
  ~Proxy() {
    close();
    std::filesystem::remove_all(folder_);
  }
  const std::string& folder() const { return folder_; }

  void open() {
    sockaddr_un address{};
    const auto path = folder_ + "/.s.PGSQL.5432";
    std::filesystem::remove(path);
    listener_ = unix_socket(path, address);
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(listener_, 64), 0);
    stop_ = false;
    thread_ = std::jthread([this] { work(); });
  }
  // Ends all connections and takes no more.
  void close() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
    ::close(listener_);
    std::filesystem::remove(folder_ + "/.s.PGSQL.5432");
  }
  // After `answers` more answers of the server the next one is thrown away, and its connection ends.
  void swallow_after(int answers) { passes_ = answers; }

 private:
  struct Pair {
    int client, server;
  };

  void work() {
    std::vector<Pair> pairs;
    while (!stop_) {
      std::vector<pollfd> wanted{{listener_, POLLIN, 0}};
      for (const auto& pair : pairs) {
        wanted.push_back({pair.client, POLLIN, 0});
        wanted.push_back({pair.server, POLLIN, 0});
      }
      ::poll(wanted.data(), wanted.size(), 20);
      for (std::size_t i = pairs.size(); i-- > 0;) {
        const bool alive = (wanted[1 + 2 * i].revents == 0 || pass(pairs[i].client, pairs[i].server, false)) &&
                           (wanted[2 + 2 * i].revents == 0 || pass(pairs[i].server, pairs[i].client, true));
        if (alive) continue;
        end(pairs[i]);
        pairs.erase(pairs.begin() + static_cast<std::ptrdiff_t>(i));
      }
      if (wanted[0].revents != 0) pairs.push_back(accept());
    }
    for (const auto& pair : pairs) end(pair);
  }
  Pair accept() const {
    sockaddr_un address{};
    const int server = unix_socket(target_, address);
    EXPECT_EQ(::connect(server, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    return {::accept(listener_, nullptr, nullptr), server};
  }
  bool pass(int from, int to, bool answer) {
    char buffer[65536];
    const auto size = ::read(from, buffer, sizeof buffer);
    if (size <= 0 || (answer && passes_ >= 0 && passes_-- == 0)) return false;
    return ::send(to, buffer, static_cast<std::size_t>(size), MSG_NOSIGNAL) == size;
  }
  static void end(Pair pair) {
    ::close(pair.client);
    ::close(pair.server);
  }

  const std::string target_, folder_;
  int listener_ = -1;
  std::atomic<bool> stop_ = false;
  std::atomic<int> passes_ = -1;
  std::jthread thread_;
};

Error spent() { return Error(Fault::denied, "spent"); }

class PostgresSpec : public testing::Test {
 protected:
  void SetUp() override {
    const Backend backend{Backend::Kind::postgres};
    if (const auto missing = backend.missing(); !missing.empty()) GTEST_SKIP() << missing;
    auto opened = backend.open();
    ASSERT_TRUE(opened) << opened.error().message();
    direct_ = *std::move(opened);
    ASSERT_TRUE(run(direct_->write(Unit{Statement("create table things (id text not null primary key, uses bigint not null default 0)")})));
    schema_ = run(direct_->read(Statement("select current_schema()::text"))).value()[0].text(0);
    folder_ = run(direct_->read(Statement("select current_setting('unix_socket_directories')"))).value()[0].text(0);
    port_ = run(direct_->read(Statement("select current_setting('port')"))).value()[0].text(0);
  }

  std::string conninfo() const { return with_schema(schema_) + " application_name=" + schema_; }
  std::string through(const Proxy& proxy) const { return conninfo() + " host=" + proxy.folder() + " port=5432"; }
  std::string server_socket() const { return folder_ + "/.s.PGSQL." + port_; }
  static std::unique_ptr<Database> open(std::string conninfo, std::size_t connections = 1, std::size_t queue_max = 4096) {
    return open_postgres(PostgresOptions{.conninfo = std::move(conninfo),
                                         .connections = connections,
                                         .queue_max = queue_max,
                                         .connect_timeout = std::chrono::milliseconds(1000)})
        .value();
  }
  // Again and again: a connection may be in the making.
  void terminate_all() {
    const Statement kill("select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1", {schema_});
    while (!run(direct_->read(kill)).value().empty()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  static Unit insert(std::string id) { return {Statement("insert into things (id) values ($1)", {std::move(id)})}; }
  static Unit spend(std::string id) {
    return {Statement("update things set uses = uses + 1 where id = $1 and uses = 0", {std::move(id)}).expect(1, spent())};
  }
  std::int64_t uses_of(std::string id) {
    return run(direct_->read(Statement("select uses from things where id = $1", {std::move(id)}))).value().at(0).number(0);
  }

  std::shared_ptr<Database> direct_;
  std::string schema_, folder_, port_;
};

TEST_F(PostgresSpec, types_of_its_own_become_ours) {
  const auto rows =
      run(direct_->read(Statement("select true, 1::smallint, 2::int, 3::bigint, 4::numeric, 1.5::numeric, 2.5::real, null::int, 'a'::varchar")));
  const auto& row = rows.value().at(0);
  EXPECT_TRUE(row.yes(0));
  EXPECT_EQ(row.number(1) + row.number(2) + row.number(3) + row.number(4), 10);
  EXPECT_EQ(row.real(5), 1.5);
  EXPECT_EQ(row.real(6), 2.5);
  EXPECT_TRUE(row.is_null(7));
  EXPECT_EQ(row.text(8), "a");
}

TEST_F(PostgresSpec, connections_that_ended_are_made_anew_unseen) {
  auto database = open(conninfo(), 2);
  ASSERT_TRUE(run(database->write(insert("a"))));
  for (int round = 0; round < 3; ++round) {
    terminate_all();
    const auto rows = run(database->read(Statement("select id from things")));
    ASSERT_TRUE(rows) << rows.error().trail();
    terminate_all();
    const auto written = run(database->write(insert("r" + std::to_string(round))));
    ASSERT_TRUE(written) << written.error().trail();
  }
  EXPECT_GE(database->stats().reconnects, 3);
}

TEST_F(PostgresSpec, a_unit_cut_off_in_the_middle_is_not_done_and_said_so) {
  auto database = open(conninfo());
  Unit unit = insert("a");
  unit.push_back(Statement("select cast(pg_sleep(20) as text)"));
  std::jthread killer([&] {
    const Statement look("select count(*) from pg_stat_activity where application_name = $1 and query like '%pg_sleep%'", {schema_});
    while (run(direct_->read(look)).value()[0].number(0) == 0) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    terminate_all();
  });
  const auto done = run(database->write(std::move(unit)));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().fault(), Fault::upstream);
  EXPECT_TRUE(run(direct_->read(Statement("select id from things"))).value().empty());
  EXPECT_TRUE(run(database->write(insert("a"))));
}

TEST_F(PostgresSpec, an_answer_lost_after_the_commit_is_not_tried_again) {
  Proxy proxy(server_socket());
  auto database = open(through(proxy));
  ASSERT_TRUE(run(database->write(insert("warm"))));
  ASSERT_TRUE(run(database->write(spend("warm"))));  // everything is prepared now
  ASSERT_TRUE(run(database->write(insert("a"))));

  Unit unit{Statement("update things set uses = uses + 1 where id = $1", {"a"})};
  ASSERT_TRUE(run(database->write(unit)));
  proxy.swallow_after(0);
  const auto at_once = run(database->write(unit));
  ASSERT_FALSE(at_once);
  EXPECT_EQ(at_once.error().fault(), Fault::upstream);
  EXPECT_EQ(uses_of("a"), 2);

  ASSERT_TRUE(run(database->write(insert("b"))));
  ASSERT_EQ(run(database->write(spend("a"))).error().message(), "spent");
  ASSERT_TRUE(run(database->write(insert("c"))));
  ASSERT_TRUE(run(database->write(spend("c"))));
  proxy.swallow_after(1);  // the first answer is of the statements, the second of the commit
  const auto with_conditions = run(database->write(spend("b")));
  ASSERT_FALSE(with_conditions);
  EXPECT_EQ(with_conditions.error().fault(), Fault::upstream);
  EXPECT_EQ(uses_of("b"), 1);
}

TEST_F(PostgresSpec, what_was_cut_off_before_the_commit_is_tried_again) {
  Proxy proxy(server_socket());
  auto database = open(through(proxy));
  ASSERT_TRUE(run(database->write(insert("a"))));
  ASSERT_TRUE(run(database->write(insert("b"))));
  ASSERT_TRUE(run(database->write(spend("a"))));
  proxy.swallow_after(0);
  const auto done = run(database->write(spend("b")));
  EXPECT_TRUE(done) << done.error().trail();
  EXPECT_EQ(uses_of("b"), 1);
  ASSERT_TRUE(run(database->read(Statement("select count(*) from things"))));
  proxy.swallow_after(0);
  EXPECT_TRUE(run(database->read(Statement("select count(*) from things"))));
}

TEST_F(PostgresSpec, while_the_server_is_away_nobody_waits_long_and_all_is_well_when_it_returns) {
  Proxy proxy(server_socket());
  auto database = open(through(proxy), 3);
  ASSERT_TRUE(run(database->write(insert("a"))));
  proxy.close();
  for (int i = 0; i < 3; ++i) {
    const auto start = SteadyClock::now();
    const auto rows = run(database->read(Statement("select id from things")));
    const auto done = run(database->write(insert("b")));
    EXPECT_LT(SteadyClock::now() - start, std::chrono::seconds(8));
    ASSERT_FALSE(rows);
    ASSERT_FALSE(done);
    EXPECT_EQ(rows.error().fault(), Fault::upstream);
    EXPECT_EQ(done.error().fault(), Fault::upstream);
  }
  proxy.open();
  const auto limit = SteadyClock::now() + std::chrono::seconds(10);
  auto rows = run(database->read(Statement("select id from things")));
  while (!rows && SteadyClock::now() < limit) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    rows = run(database->read(Statement("select id from things")));
  }
  ASSERT_TRUE(rows);
  EXPECT_EQ(rows->size(), 1u);
  EXPECT_TRUE(run(database->write(insert("b"))));
}

TEST_F(PostgresSpec, it_ends_promptly_while_the_server_is_away) {
  Proxy proxy(server_socket());
  auto database = open(through(proxy), 2);
  proxy.close();
  EXPECT_FALSE(run(database->read(Statement("select id from things"))));
  const auto start = SteadyClock::now();
  database.reset();
  EXPECT_LT(SteadyClock::now() - start, std::chrono::seconds(2));
}

TEST_F(PostgresSpec, a_server_that_is_not_there_is_named_at_the_start) {
  const auto database = open_postgres(PostgresOptions{.conninfo = "host=/nonexistent password=hunter2", .connect_timeout = std::chrono::milliseconds(500)});
  ASSERT_FALSE(database);
  EXPECT_EQ(database.error().fault(), Fault::upstream);
  EXPECT_NE(database.error().message().find("/nonexistent"), std::string::npos);
  EXPECT_EQ(database.error().message().find("hunter2"), std::string::npos);
}

TEST_F(PostgresSpec, a_full_queue_says_so) {
  auto database = open(conninfo(), 1, 4);
  std::atomic<int> good = 0, limited = 0, other = 0;
  boost::asio::thread_pool threads(2);
  auto work = [&](int id) -> boost::asio::awaitable<void> {
    auto unit = insert(std::to_string(id));
    auto done = co_await database->write(std::move(unit));
    if (done) ++good;
    else if (done.error().fault() == Fault::limited) ++limited;
    else ++other;
  };
  for (int i = 0; i < 200; ++i) spawn(threads.get_executor(), work(i));
  threads.join();
  EXPECT_GT(good, 0);
  EXPECT_GT(limited, 0);
  EXPECT_EQ(other, 0);
  EXPECT_EQ(run(direct_->read(Statement("select count(*) from things"))).value()[0].number(0), good);
}

TEST_F(PostgresSpec, commits_stay_durable_whatever_the_server_says) {
  const auto fast = conninfo() + " options='-c search_path=" + schema_ + " -c synchronous_commit=off'";
  auto database = open(fast);
  EXPECT_EQ(run(database->read(Statement("select current_setting('synchronous_commit')"))).value()[0].text(0), "on");
}

}  // namespace
}  // namespace gatehouse::store
