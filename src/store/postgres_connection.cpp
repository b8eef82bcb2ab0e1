#include "store/postgres_connection.h"

#include <fmt/format.h>
#include <libpq-fe.h>
#include <poll.h>

#include <algorithm>
#include <unordered_set>

#include "core/text.h"
#include "store/faults.h"
#include "store/inbox.h"
#include "store/postgres_value.h"

namespace gatehouse::store {

namespace {

using SteadyClock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::size_t kCacheMax = 512;      // prepared statements per connection
constexpr milliseconds kSlice{100};         // how long a wait goes on without asking whether it is still wanted

// A dead peer is noticed within half a minute even while nothing is sent; conninfo may say otherwise.
constexpr const char* kDefaults[][2] = {
    {"keepalives_idle", "10"},      {"keepalives_interval", "5"},  {"keepalives_count", "3"},
    {"tcp_user_timeout", "15000"},  {"fallback_application_name", "gatehouse"},
};

milliseconds left(SteadyClock::time_point until) {
  return std::max(milliseconds(0), std::chrono::ceil<milliseconds>(until - SteadyClock::now()));
}

// >0 ready, 0 timed out.
int wait(int socket, short events, milliseconds time) {
  pollfd entry{socket, events, 0};
  const int ready = ::poll(&entry, 1, static_cast<int>(time.count()));
  return ready > 0 ? entry.revents : 0;
}

std::string_view field(const PGresult* result, int code) {
  const char* text = PQresultErrorField(result, code);
  return text == nullptr ? std::string_view() : std::string_view(text);
}

// https://www.postgresql.org/docs/current/errcodes-appendix.html
Error to_error(std::string_view state, std::string_view detail) {
  const auto family = state.substr(0, 2);
  if (state == "23505") return already_exists(detail);
  if (state == "23503") return broken_reference(detail);
  if (state == "22021") return Error(Fault::invalid, "a text is not UTF-8").while_doing(detail);
  if (state == "53100") return disk_full(detail);
  if (state == "08P01") return bad_statement(detail);  // parameters that do not fit the text
  // Serialization, connection, resources, intervention of an operator, system, read-only after a fail-over.
  if (family == "40" || family == "08" || family == "53" || family == "57" || family == "58" || state == "25006") return away(detail);
  return bad_statement(detail);
}

bool passes(std::string_view state, std::string_view message) {
  return state == "40001" || state == "40P01" || (state == "0A000" && message.starts_with("cached plan"));
}

Done read_answer(const PGresult* answer) {
  Done done;
  const int rows = PQntuples(answer), columns = PQnfields(answer);
  done.rows.reserve(static_cast<std::size_t>(rows));
  for (int row = 0; row < rows; ++row) {
    std::vector<Value> values;
    values.reserve(static_cast<std::size_t>(columns));
    for (int column = 0; column < columns; ++column) {
      if (PQgetisnull(answer, row, column)) {
        values.emplace_back(nullptr);
        continue;
      }
      const std::string_view text(PQgetvalue(answer, row, column), static_cast<std::size_t>(PQgetlength(answer, row, column)));
      values.push_back(from_postgres(PQftype(answer, column), text));
    }
    done.rows.emplace_back(std::move(values));
  }
  auto* result = const_cast<PGresult*>(answer);  // libpq forgot the const of these two
  const std::string_view tag = PQcmdStatus(result);
  if (!tag.starts_with("SELECT")) done.affected = parse_int(PQcmdTuples(result)).value_or(0);
  return done;
}

}  // namespace

void PostgresConnection::Finish::operator()(pg_conn* handle) const { PQfinish(handle); }
void PostgresConnection::Clear::operator()(pg_result* handle) const { PQclear(handle); }
PostgresConnection::~PostgresConnection() = default;

void PostgresConnection::notice(void* self, const PGresult* result) {
  const auto severity = field(result, PG_DIAG_SEVERITY_NONLOCALIZED);
  if (severity == "FATAL" || severity == "PANIC") static_cast<PostgresConnection*>(self)->server_said_goodbye_ = true;
}

Result<std::unique_ptr<PostgresConnection>> PostgresConnection::open(const std::string& conninfo, milliseconds timeout,
                                                                     const Interrupted& interrupted) {
  std::vector<const char*> keys, values;
  for (const auto& [key, value] : kDefaults) {
    keys.push_back(key);
    values.push_back(value);
  }
  keys.push_back("dbname");  // expanded, and stronger than what stands before it
  values.push_back(conninfo.c_str());
  keys.push_back("client_encoding");
  values.push_back("UTF8");
  keys.push_back(nullptr);
  values.push_back(nullptr);
  std::unique_ptr<PostgresConnection> connection(new PostgresConnection(PQconnectStartParams(keys.data(), values.data(), 1)));
  GH_DO(connection->connect(timeout, interrupted));
  GH_DO(connection->set_up(timeout));
  return connection;
}

Result<void> PostgresConnection::connect(milliseconds timeout, const Interrupted& interrupted) {
  auto* pg = handle_.get();
  PQsetNoticeReceiver(pg, &PostgresConnection::notice, this);
  const auto until = SteadyClock::now() + timeout;
  auto state = PQstatus(pg) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING;
  while (state != PGRES_POLLING_OK) {
    if (state == PGRES_POLLING_FAILED) {
      return failure(Fault::upstream, fmt::format("cannot connect to PostgreSQL: {}", trim(PQerrorMessage(pg))));
    }
    const short events = state == PGRES_POLLING_READING ? POLLIN : POLLOUT;
    while (wait(PQsocket(pg), events, std::min(kSlice, left(until))) == 0) {
      if (interrupted()) return failure(Fault::upstream, "the program is stopping");
      if (left(until) == milliseconds(0)) {
        return failure(Fault::upstream, fmt::format("cannot connect to PostgreSQL: no answer within {} ms", timeout.count()));
      }
    }
    state = PQconnectPoll(pg);
  }
  return {};
}

Result<void> PostgresConnection::set_up(milliseconds timeout) {
  auto* pg = handle_.get();
  if (PQsetnonblocking(pg, 1) != 0 || PQenterPipelineMode(pg) != 1) return failure(Fault::upstream, "PostgreSQL: no pipeline mode");
  // "Saved" means saved: a server or role may have switched it off. Stronger settings than `on` stay.
  const Statement durable("select set_config('synchronous_commit', 'on', false) where current_setting('synchronous_commit') = 'off'");
  Segment segment;
  segment.statements.push_back(&durable);
  if (!exchange(std::span(&segment, 1), timeout)) return std::unexpected(away("connection lost while it was set up"));
  if (segment.failure) return std::unexpected(std::move(segment.failure->error));
  return {};
}

bool PostgresConnection::usable() {
  auto* pg = handle_.get();
  constexpr int kLooks = 8;  // notices and changed parameters are read over; more than that is not idle
  for (int look = 0; look < kLooks && PQstatus(pg) == CONNECTION_OK; ++look) {
    if (server_said_goodbye_) return false;
    if (wait(PQsocket(pg), POLLIN, milliseconds(0)) == 0) return true;
    if (PQconsumeInput(pg) == 0) return false;
    std::ignore = PQnotifies(pg);  // parses what came
  }
  return false;
}

bool PostgresConnection::exchange(std::span<Segment> segments, milliseconds patience) {
  const auto until = SteadyClock::now() + patience;
  ++exchanges_;
  if (!forget_surplus(until) || !prepare_missing(segments, until)) return false;
  for (const auto& segment : segments) {
    for (const auto* statement : segment.statements) {
      if (!send(*statement)) return false;
    }
    if (!sync()) return false;
  }
  for (auto& segment : segments) {
    if (!receive(segment, until)) return false;
  }
  return !server_said_goodbye_;
}

// Texts are prepared ahead of the segments and each with a sync of its own, so that what is prepared does not depend on
// how a segment ends. One that cannot be prepared yet (its table is made in the same segment) is sent as it is.
bool PostgresConnection::prepare_missing(std::span<Segment> segments, Deadline until) {
  std::vector<std::pair<std::string_view, std::string>> fresh;
  std::unordered_set<std::string_view> seen;
  for (const auto& segment : segments) {
    for (const auto* statement : segment.statements) {
      if (const auto found = prepared_.find(statement->sql); found != prepared_.end()) {
        found->second.last_used = exchanges_;
      } else if (seen.insert(statement->sql).second) {
        fresh.emplace_back(statement->sql, fmt::format("s{}", ++names_));
      }
    }
  }
  for (const auto& [sql, name] : fresh) {
    if (PQsendPrepare(handle_.get(), name.c_str(), std::string(sql).c_str(), 0, nullptr) != 1 || !sync()) return false;
  }
  for (const auto& [sql, name] : fresh) {
    Answer answer;
    if (!next(answer, until) || !answer) return false;
    const bool ready = PQresultStatus(answer.get()) == PGRES_COMMAND_OK;
    if (!next(answer, until) || answer) return false;  // the end of this statement
    if (!receive_sync(until)) return false;
    if (ready) prepared_.emplace(sql, Prepared{name, exchanges_});
  }
  return true;
}

bool PostgresConnection::forget_surplus(Deadline until) {
  if (PQtransactionStatus(handle_.get()) != PQTRANS_IDLE) return true;  // a failed transaction would refuse it
  if (prepared_.size() > kCacheMax) {
    std::vector<std::pair<std::uint64_t, std::string>> by_age;
    for (const auto& [sql, entry] : prepared_) by_age.emplace_back(entry.last_used, sql);
    std::ranges::sort(by_age);
    by_age.resize(by_age.size() - kCacheMax / 2);
    for (const auto& [age, sql] : by_age) outdated_.push_back(prepared_.extract(sql).mapped().name);
  }
  for (const auto& name : outdated_) {
    const auto sql = "deallocate " + name;
    if (PQsendQueryParams(handle_.get(), sql.c_str(), 0, nullptr, nullptr, nullptr, nullptr, 0) != 1 || !sync()) return false;
  }
  for (std::size_t i = 0; i < outdated_.size(); ++i) {
    Answer answer;
    if (!next(answer, until) || !next(answer, until) || answer || !receive_sync(until)) return false;
  }
  outdated_.clear();
  return true;
}

bool PostgresConnection::send(const Statement& statement) {
  std::vector<std::string> texts;
  std::vector<const char*> values;
  texts.reserve(statement.params.size());
  values.reserve(statement.params.size());
  for (const auto& param : statement.params) {
    const bool null = std::holds_alternative<std::nullptr_t>(param.value());
    texts.push_back(to_postgres(param.value()));
    values.push_back(null ? nullptr : texts.back().c_str());
  }
  const auto count = static_cast<int>(values.size());
  const auto found = prepared_.find(statement.sql);
  if (found == prepared_.end()) {
    return PQsendQueryParams(handle_.get(), statement.sql.c_str(), count, nullptr, values.data(), nullptr, nullptr, 0) == 1;
  }
  return PQsendQueryPrepared(handle_.get(), found->second.name.c_str(), count, values.data(), nullptr, nullptr, 0) == 1;
}

bool PostgresConnection::sync() { return PQpipelineSync(handle_.get()) == 1; }

bool PostgresConnection::receive(Segment& segment, Deadline until) {
  for (const auto* statement : segment.statements) {
    if (!receive_statement(segment, *statement, until)) return false;
  }
  Answer failed;
  if (!receive_sync(until, &failed)) return false;
  segment.settled = true;
  if (failed && !segment.failure) segment.failure = failure_of(failed.get(), "commit");
  return true;
}

bool PostgresConnection::receive_statement(Segment& segment, const Statement& statement, Deadline until) {
  Answer answer;
  if (!next(answer, until) || !answer) return false;
  const auto status = PQresultStatus(answer.get());
  if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) {
    segment.done.push_back(read_answer(answer.get()));
    const auto& done = segment.done.back();
    const auto count = done.rows.empty() ? done.affected : static_cast<std::int64_t>(done.rows.size());
    if (auto missed = unmet(statement, count); missed && !segment.failure) segment.failure.emplace(*std::move(missed), false);
  } else if (!segment.failure && status != PGRES_PIPELINE_ABORTED) {
    segment.failure = failure_of(answer.get(), statement.sql);
  }
  return next(answer, until) && !answer;  // libpq ends every statement with a null
}

// Also takes the error of the commit itself, which comes between the last statement and the sync.
bool PostgresConnection::receive_sync(Deadline until, Answer* failed) {
  constexpr int kAnswersMax = 8;
  for (int i = 0; i < kAnswersMax; ++i) {
    Answer answer;
    if (!next(answer, until)) return false;
    if (!answer) continue;
    if (PQresultStatus(answer.get()) == PGRES_PIPELINE_SYNC) return true;
    if (failed != nullptr) *failed = std::move(answer);
  }
  return false;
}

bool PostgresConnection::wait_for_answer(Deadline until) {
  auto* pg = handle_.get();
  for (;;) {
    const int unsent = PQflush(pg);
    if (unsent < 0) return false;
    if (unsent == 0 && !PQisBusy(pg)) return true;
    const auto ready = wait(PQsocket(pg), static_cast<short>(POLLIN | (unsent ? POLLOUT : 0)), left(until));
    if (ready == 0 && left(until) == milliseconds(0)) return false;
    if ((ready & ~POLLOUT) != 0 && PQconsumeInput(pg) == 0) return false;
  }
}

bool PostgresConnection::next(Answer& answer, Deadline until) {
  if (!wait_for_answer(until)) return false;
  answer.reset(PQgetResult(handle_.get()));
  return PQstatus(handle_.get()) == CONNECTION_OK;
}

Segment::Failure PostgresConnection::failure_of(const PGresult* answer, std::string_view sql) {
  const auto state = field(answer, PG_DIAG_SQLSTATE);
  const auto message = field(answer, PG_DIAG_MESSAGE_PRIMARY);
  const auto constraint = field(answer, PG_DIAG_CONSTRAINT_NAME);
  // An operator ends this connection, or the server became a replica: nothing more is to be had here.
  if (state.starts_with("57P") || state == "25006") server_said_goodbye_ = true;
  const bool again = passes(state, message);
  if (again && state == "0A000") {  // every plan may be out of date after a migration
    for (const auto& [text, entry] : prepared_) outdated_.push_back(entry.name);
    prepared_.clear();
  }
  return {to_error(state, fmt::format("postgres {}: {} {} in: {}", state, message, constraint, sql)), again};
}

}  // namespace gatehouse::store
