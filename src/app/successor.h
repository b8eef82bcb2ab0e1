// The program that follows this one: a new process of the same program file (which may be a newer one by now) that goes on
// accepting from our listening sockets. Until it says that it is ready, nothing changes here.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "app/handed_over.h"

namespace gatehouse::app {

inline constexpr auto kSocketsVariable = "GATEHOUSE_LISTEN_FDS";   // how many, from kFirstHandedOver on
inline constexpr auto kLockVariable = "GATEHOUSE_LOCK_FD";         // the lock of the database, shared from then on
inline constexpr auto kReadyVariable = "GATEHOUSE_READY_FD";       // where the successor says that it serves

// The command line of this process and the file that it runs, as they were at the start: both may be replaced later.
struct OurCommand {
  std::string file;
  std::vector<std::string> words;
  static OurCommand of_this_process(int argc, const char* const* argv);
};

class Successor {
 public:
  // Fault::internal with the system's reason.
  static Result<Successor> start(const OurCommand& command, const std::vector<Listening>& sockets, int lock);
  Successor(Successor&& other) noexcept;
  Successor& operator=(Successor&&) = delete;
  ~Successor();   // closes our end of the pipe; the process lives on

  int ready_pipe() const { return pipe_; }   // readable when there is something to know
  enum class Word { ready, failed };
  Word listen();                             // blocks until the pipe says one of the two
  pid_t process() const { return process_; }

 private:
  Successor(pid_t process, int pipe) : process_(process), pipe_(pipe) {}
  pid_t process_;
  int pipe_;
};

// To the predecessor, if this process has one: it may leave now.
void tell_predecessor();

}  // namespace gatehouse::app
