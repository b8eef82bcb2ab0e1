// The main thread while the program serves: waits for what comes from outside. SIGHUP and changed files read the
// configuration again, SIGUSR2 brings up a successor and leaves when it is ready, SIGTERM and SIGINT end gracefully (a
// second one does not wait). Tells systemd, where there is one, how things stand (sd_notify(3)).
#pragma once

#include <csignal>
#include <functional>
#include <memory>

#include "app/house.h"

namespace gatehouse::app {

// An idle connection may bring one more request for so long after a successor has taken over.
inline constexpr std::chrono::milliseconds kUpgradeQuiet{5000};

class Attendant {
 public:
  // Holds the signals of this thread and of all that it makes. Before any other thread.
  Attendant();
  ~Attendant();
  Attendant(const Attendant&) = delete;
  Attendant& operator=(const Attendant&) = delete;

  // The house serves, and `announce` says so when we hear and see everything. Comes back when the house has stopped.
  void attend(House& house, const std::function<void()>& announce);

 private:
  class Round;
  sigset_t signals_{};
  int signal_descriptor_ = -1;
};

// Before main() does anything else.
void remember_command(int argc, const char* const* argv);

}  // namespace gatehouse::app
