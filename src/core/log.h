// The program's own log: one event per line, named fields, correlated by a request id, secrets removed.
// A Secret has no way in; what looks like a credential in any other value is cut out by redact().
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace gatehouse {

enum class LogLevel { debug, info, warn, error };

struct LogField {
  std::string_view name;
  std::variant<std::string_view, std::int64_t, double, bool> value;

  LogField(std::string_view n, std::string_view v) : name(n), value(v) {}
  LogField(std::string_view n, const std::string& v) : name(n), value(std::string_view(v)) {}
  LogField(std::string_view n, const char* v) : name(n), value(std::string_view(v)) {}
  LogField(std::string_view n, bool v) : name(n), value(v) {}
  LogField(std::string_view n, double v) : name(n), value(v) {}
  template <class Int>
    requires std::is_integral_v<Int>
  LogField(std::string_view n, Int v) : name(n), value(static_cast<std::int64_t>(v)) {}
};

// Replaces what looks like a credential by "[redacted]": values of Authorization schemes (Bearer, Basic, DPoP, SSWS),
// JWTs (eyJ….….…), our own prefixed handles (gh?_…), and the values of parameters and members named as in
// kSecretNames (password, client_secret, code, token, …) in queries, forms and JSON.
std::string redact(std::string_view text);

class LogSink {
 public:
  virtual ~LogSink() = default;
  virtual void write(LogLevel level, std::string_view line) = 0;  // any thread; must not block for long
};

enum class LogForm { json, people };

// Cheap to copy. with() returns a log that adds its fields to every line.
class Log {
 public:
  Log(LogSink& sink, const class Clock& clock, LogLevel least, LogForm form);

  Log with(std::string_view name, std::string_view value) const;
  bool enabled(LogLevel level) const { return level >= least_; }
  // `event` is a short stable name: "request.done", "store.reconnected".
  void write(LogLevel level, std::string_view event, std::initializer_list<LogField> fields = {}) const;
  void debug(std::string_view event, std::initializer_list<LogField> fields = {}) const { write(LogLevel::debug, event, fields); }
  void info(std::string_view event, std::initializer_list<LogField> fields = {}) const { write(LogLevel::info, event, fields); }
  void warn(std::string_view event, std::initializer_list<LogField> fields = {}) const { write(LogLevel::warn, event, fields); }
  void error(std::string_view event, std::initializer_list<LogField> fields = {}) const { write(LogLevel::error, event, fields); }

 private:
  LogSink* sink_;
  const class Clock* clock_;
  LogLevel least_;
  LogForm form_;
  std::vector<std::pair<std::string, std::string>> always_;
};

// Writes nowhere; for tests that do not look.
Log silent_log();

}  // namespace gatehouse
