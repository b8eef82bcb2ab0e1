// Listening sockets that came with the program: from systemd (sd_listen_fds(3)) or from the program that we follow in a
// binary upgrade. Each belongs to one listener of the configuration, found by address and port.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/error.h"

namespace gatehouse::app {

inline constexpr int kFirstHandedOver = 3;            // file descriptors are handed over from this number on
inline constexpr int kHandedOverMax = 4096;

struct Listening {
  std::string address;      // numeric
  std::uint16_t port = 0;
  int socket = -1;
};

class HandedOver {
 public:
  HandedOver() = default;
  // Of this process, by its environment, which is cleared of it: it must not reach our children.
  // Fault::invalid when one of them is not a listening TCP socket.
  static Result<HandedOver> of_this_process();
  explicit HandedOver(std::vector<Listening> sockets) : sockets_(std::move(sockets)) {}

  // All sockets for a listener; port 0 takes whatever port its address has first.
  std::vector<int> take(const std::string& address, std::uint16_t port);
  bool empty() const { return sockets_.empty(); }
  int lock() const { return lock_; }   // of the predecessor's database, or -1
  std::string complaint() const;   // which one nobody took

 private:
  std::vector<Listening> sockets_;
  int lock_ = -1;
};

}  // namespace gatehouse::app
