// The PostgreSQL driver: a few threads, each with a connection of its own. Waiting reads travel together, a unit travels
// alone; every thread connects again by itself when its connection is lost.
//
// What is tried again without asking: reads; units that the server rolled back for reasons that pass; units whose commit
// was never sent. What is not: a unit whose commit went out and got no answer. It may be saved; only the caller can tell.
#include <fmt/format.h>
#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "core/random.h"
#include "core/text.h"
#include "store/faults.h"
#include "store/inbox.h"
#include "store/postgres_connection.h"

namespace gatehouse::store {

namespace {

using SteadyClock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::size_t kPipelineMax = 32;  // reads sent together
constexpr int kAttemptsMax = 5;           // of one job
constexpr milliseconds kPause{4};         // before the second attempt; grows with each
constexpr milliseconds kBackOffFirst{50}, kBackOffMost{2000};
constexpr milliseconds kAnswerMax{30'000};              // a query or unit
constexpr milliseconds kSchemaAnswerMax{3'600'000};     // a unit that changes the schema: building an index may take long

const Statement kBegin("begin"), kCommit("commit"), kRollback("rollback");

milliseconds patience_with(const Unit& unit) {
  for (const auto& statement : unit) {
    const auto verb = to_lower(trim(statement.sql).substr(0, 6));
    if (verb == "create" || verb.starts_with("alter") || verb.starts_with("drop")) return kSchemaAnswerMax;
  }
  return kAnswerMax;
}

struct Outcome {
  Result<std::vector<Done>> result;
  bool connected = true;
  bool again = false;  // nothing is saved, and another attempt may succeed
};

// Without conditions the server decides by itself: one round trip.
Outcome run_at_once(PostgresConnection& connection, const Unit& unit) {
  Segment segment;
  for (const auto& statement : unit) segment.statements.push_back(&statement);
  const bool connected = connection.exchange(std::span(&segment, 1), patience_with(unit));
  if (!segment.settled) return {std::unexpected(not_saved("connection lost during a unit")), false, false};
  if (segment.failure) return {std::unexpected(std::move(segment.failure->error)), connected, segment.failure->again};
  return {std::move(segment.done), connected, false};
}

bool send_alone(PostgresConnection& connection, const Statement& statement, Segment& segment) {
  segment.statements.push_back(&statement);
  return connection.exchange(std::span(&segment, 1), kAnswerMax);
}

// With conditions we decide between commit and rollback: two round trips.
Outcome run_with_conditions(PostgresConnection& connection, const Unit& unit) {
  Segment work;
  work.statements.push_back(&kBegin);
  for (const auto& statement : unit) work.statements.push_back(&statement);
  if (!connection.exchange(std::span(&work, 1), patience_with(unit))) {
    return {std::unexpected(away("connection lost before the commit")), false, true};
  }
  Segment end;
  if (work.failure) {
    const bool connected = send_alone(connection, kRollback, end);
    return {std::unexpected(std::move(work.failure->error)), connected, work.failure->again};
  }
  const bool connected = send_alone(connection, kCommit, end);
  if (!end.settled) return {std::unexpected(not_saved("connection lost during a commit")), false, false};
  if (end.failure) return {std::unexpected(std::move(end.failure->error)), connected, end.failure->again};
  work.done.erase(work.done.begin());  // of begin
  return {std::move(work.done), connected, false};
}

class Postgres final : public Database {
 public:
  Postgres(PostgresOptions options, std::unique_ptr<PostgresConnection> first)
      : options_(std::move(options)), random_(system_random()), inbox_(options_.queue_max, Inbox::Takers::any_lane) {
    threads_.emplace_back([this, connection = std::move(first)]() mutable { work(std::move(connection)); });
    for (std::size_t i = 1; i < options_.connections; ++i) {
      threads_.emplace_back([this] { work(nullptr); });
    }
  }
  ~Postgres() override {
    inbox_.stop();
    threads_.clear();
    fail_waiting(SteadyClock::time_point::max());
  }
  Postgres(const Postgres&) = delete;
  Postgres& operator=(const Postgres&) = delete;

  Task<Rows> read(Statement statement) override {
    if (away_) co_return std::unexpected(away("no connection"));
    Unit unit;
    unit.push_back(std::move(statement));
    GH_CO_TRY(auto done, co_await inbox_.run(std::move(unit), Access::read));
    co_return std::move(done.front().rows);
  }
  Task<std::vector<Done>> write(Unit unit) override {
    if (away_) co_return std::unexpected(away("no connection"));
    co_return co_await inbox_.run(std::move(unit), Access::write);
  }

  std::string_view kind() const override { return "postgres"; }
  Stats stats() const override {
    return Stats{.reads = reads_, .units = units_, .commits = units_, .reconnects = reconnects_};
  }

 private:
  void work(std::unique_ptr<PostgresConnection> connection) {
    ::pthread_setname_np(::pthread_self(), "gh-postgres");
    if (connection) ++connected_;
    const Inbox::Limits limits{kPipelineMax, 1, options_.connections};
    std::vector<Job*> jobs;
    for (bool again = connection != nullptr;; again = true) {
      if (!connection) connection = connect(again);
      if (!connection || !inbox_.take_any(limits, jobs)) return;
      bool connected = connection->usable();
      if (!connected) {
        inbox_.put_back(jobs);
      } else if (jobs.front()->access == Access::read) {
        connected = answer_reads(*connection, jobs);
      } else {
        connected = answer_unit(*connection, *jobs.front());
      }
      if (!connected) lose(connection);
    }
  }

  // Tries until it works; nothing when the program stops. Jobs do not wait longer than the patience of one connect.
  std::unique_ptr<PostgresConnection> connect(bool again) {
    for (auto pause = kBackOffFirst; !inbox_.stopping(); pause = std::min(pause * 2, kBackOffMost)) {
      auto made = PostgresConnection::open(options_.conninfo, options_.connect_timeout, [this] { return inbox_.stopping(); });
      if (made) {
        ++connected_;
        away_ = false;
        if (again) ++reconnects_;
        return *std::move(made);
      }
      if (connected_ == 0) give_up_on_late_jobs();
      if (!inbox_.sleep(jitter(pause))) break;
    }
    return nullptr;
  }

  void lose(std::unique_ptr<PostgresConnection>& connection) {
    connection.reset();
    if (--connected_ == 0) lost_at_ = SteadyClock::now().time_since_epoch().count();
  }

  void give_up_on_late_jobs() {
    const auto limit = SteadyClock::now() - options_.connect_timeout;
    const bool long_gone = SteadyClock::time_point(SteadyClock::duration(lost_at_)) <= limit;
    if (long_gone) away_ = true;  // from now on callers need not wait to hear it
    fail_waiting(long_gone ? SteadyClock::time_point::max() : limit);
  }

  void fail_waiting(SteadyClock::time_point older_than) {
    const auto late = inbox_.take_older(older_than);
    fail(late, away("no connection"));
    finish(late);
  }

  bool answer_reads(PostgresConnection& connection, const std::vector<Job*>& jobs) {
    std::vector<Segment> segments(jobs.size());
    for (std::size_t i = 0; i < jobs.size(); ++i) segments[i].statements.push_back(&jobs[i]->unit.front());
    const bool connected = connection.exchange(segments, kAnswerMax);
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      auto& segment = segments[i];
      if (!segment.settled) {
        settle(*jobs[i], {std::unexpected(away("connection lost during a query")), connected, true});
      } else if (segment.failure) {
        settle(*jobs[i], {std::unexpected(std::move(segment.failure->error)), connected, segment.failure->again});
      } else {
        ++reads_;
        settle(*jobs[i], {std::move(segment.done), connected, false});
      }
    }
    return connected;
  }

  bool answer_unit(PostgresConnection& connection, Job& job) {
    const bool conditions = std::ranges::any_of(job.unit, [](const Statement& statement) { return statement.expected.has_value(); });
    auto outcome = conditions ? run_with_conditions(connection, job.unit) : run_at_once(connection, job.unit);
    const bool connected = outcome.connected;
    if (outcome.result) ++units_;
    if (outcome.again) inbox_.sleep(jitter(kPause * (job.attempts + 1)));
    settle(job, std::move(outcome));
    return connected;
  }

  void settle(Job& job, Outcome outcome) {
    if (outcome.again && ++job.attempts < kAttemptsMax) {
      auto* again = &job;
      return inbox_.put_back(std::span(&again, 1));
    }
    job.result = std::move(outcome.result);
    finish(job);
  }

  // Half to all of it: nodes that lost the same server must not come back in step.
  milliseconds jitter(milliseconds pause) {
    std::byte chance{};
    random_->fill(std::span(&chance, 1));
    return pause / 2 + pause / 2 * std::to_integer<int>(chance) / 255;
  }

  const PostgresOptions options_;
  std::unique_ptr<Random> random_;
  Inbox inbox_;
  std::atomic<int> connected_ = 0;
  std::atomic<bool> away_ = false;
  std::atomic<SteadyClock::rep> lost_at_ = SteadyClock::now().time_since_epoch().count();
  std::atomic<std::int64_t> reads_ = 0, units_ = 0, reconnects_ = 0;
  std::vector<std::jthread> threads_;
};

}  // namespace

Result<std::unique_ptr<Database>> open_postgres(PostgresOptions options) {
  options.connections = std::max<std::size_t>(1, options.connections);
  GH_TRY(auto first, PostgresConnection::open(options.conninfo, options.connect_timeout, [] { return false; }));
  return std::make_unique<Postgres>(std::move(options), std::move(first));
}

}  // namespace gatehouse::store
