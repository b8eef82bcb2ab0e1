// How the program ends, for scripts. docs/program.md and `gatehouse --help` say the same.
#pragma once

namespace gatehouse::app {

enum class Exit : int {
  ok = 0,             // ended as asked, or nothing wrong found
  failed = 1,         // anything that has no number of its own
  usage = 2,          // wrong command line
  configuration = 3,  // configuration, seed or certificate: the message names file, line and what to do
  port_taken = 4,     // somebody else listens there
  data = 5,           // data folder: not writable, in use, or written by a newer version
  database = 6,       // PostgreSQL cannot be reached or refuses us
};

}  // namespace gatehouse::app
