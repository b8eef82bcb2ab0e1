// One PostgreSQL connection in pipeline mode: its prepared statements, values both ways, and what its errors mean.
// Not for two threads at once. Knows no queues, and not when to try again.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "store/database.h"

struct pg_conn;
struct pg_result;

namespace gatehouse::store {

// Statements of one implicit transaction: sent together, closed by a sync. PostgreSQL commits it there, or rolls all of
// it back after the first error and skips the rest.
struct Segment {
  struct Failure {
    Error error;
    bool again;  // rolled back for reasons that pass: serialization failure, deadlock, plan out of date
  };
  std::vector<const Statement*> statements;
  std::vector<Done> done;               // one per statement that ran
  std::optional<Failure> failure;       // of the first statement that failed or did not meet its expect(), or of the sync
  bool settled = false;                 // the server answered the sync; before that nobody knows what became of it
};

class PostgresConnection {
 public:
  using Interrupted = std::function<bool()>;
  // Fault::upstream with libpq's reason, or when `timeout` passed or `interrupted` said so.
  static Result<std::unique_ptr<PostgresConnection>> open(const std::string& conninfo, std::chrono::milliseconds timeout,
                                                          const Interrupted& interrupted);
  ~PostgresConnection();
  PostgresConnection(const PostgresConnection&) = delete;
  PostgresConnection& operator=(const PostgresConnection&) = delete;

  // False when the server has hung up while nobody was looking. Does not block.
  bool usable();
  // Sends all segments, then reads all answers. False: the connection is lost; see Segment::settled.
  bool exchange(std::span<Segment> segments, std::chrono::milliseconds patience);

 private:
  using Deadline = std::chrono::steady_clock::time_point;
  struct Finish {
    void operator()(pg_conn* handle) const;
  };
  struct Clear {
    void operator()(pg_result* handle) const;
  };
  using Answer = std::unique_ptr<pg_result, Clear>;
  struct Prepared {
    std::string name;
    std::uint64_t last_used = 0;  // in exchanges
  };

  explicit PostgresConnection(pg_conn* handle) : handle_(handle) {}
  static void notice(void* self, const pg_result* result);
  Result<void> connect(std::chrono::milliseconds timeout, const Interrupted& interrupted);
  Result<void> set_up(std::chrono::milliseconds timeout);

  bool prepare_missing(std::span<Segment> segments, Deadline until);
  bool forget_surplus(Deadline until);
  bool send(const Statement& statement);
  bool sync();
  bool receive(Segment& segment, Deadline until);
  bool receive_statement(Segment& segment, const Statement& statement, Deadline until);
  bool receive_sync(Deadline until, Answer* failed = nullptr);
  bool wait_for_answer(Deadline until);
  bool next(Answer& answer, Deadline until);
  Segment::Failure failure_of(const pg_result* answer, std::string_view sql);

  std::unique_ptr<pg_conn, Finish> handle_;
  std::unordered_map<std::string, Prepared> prepared_;
  std::vector<std::string> outdated_;  // names to deallocate
  std::uint64_t exchanges_ = 0;
  std::uint64_t names_ = 0;
  bool server_said_goodbye_ = false;
};

}  // namespace gatehouse::store
