// The command line: words to values. Starts nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "app/explain.h"
#include "app/keys_command.h"
#include "core/log.h"

namespace gatehouse::app {

struct LogChoice {
  std::optional<LogLevel> level;   // else what the configuration says, else warn for `up` and info for `serve`
  std::optional<LogForm> form;
};
struct Up {
  std::uint16_t port = 8080;       // 0: any free one
  std::optional<std::string> data; // else the user's own data folder
  bool ephemeral = false;          // in memory, gone at the end
  std::optional<std::string> seed;
  bool tls = false;
  bool json = false;
  LogChoice log;
};
struct Serve {
  std::string config;
  bool json = false;
  LogChoice log;
};
struct Check {
  std::string config;
};
using Explain = ExplainRun;
struct Version {};
struct Quit {                      // help was asked for, or the words make no sense
  int code = 0;
  std::string out, err;
};
using Command = std::variant<Up, Serve, Check, Explain, GenerateKeys, Version, Quit>;

Command parse_command_line(int argc, const char* const* argv);

}  // namespace gatehouse::app
