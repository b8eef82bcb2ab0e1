// The program: reads its command line, builds the house, waits for a signal.
#include <fmt/format.h>
#include <malloc.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "app/attendant.h"
#include "app/cli.h"
#include "app/commands.h"

int main(int argc, char** argv) {
  using namespace gatehouse::app;
  // Password hashing takes 19 MiB at a time; fixed thresholds give it back to the system instead of keeping it around.
  mallopt(M_MMAP_THRESHOLD, 1024 * 1024);
  mallopt(M_TRIM_THRESHOLD, 4 * 1024 * 1024);
  try {
    remember_command(argc, argv);
    return run_command(parse_command_line(argc, argv));
  } catch (const std::exception& bug) {
    fmt::print(stderr, "gatehouse: a mistake of ours: {}\n", bug.what());
    return static_cast<int>(Exit::failed);
  }
}
