// What each command does, from start to exit code.
#pragma once

#include "app/cli.h"
#include "app/exit_code.h"

namespace gatehouse::app {

// Call it from the main thread before any other one exists: it decides which thread receives signals.
int run_command(const Command& command);

}  // namespace gatehouse::app
