// What a listener shares between its connections: options and handler for all loops, and per loop the deadlines, free
// lists and the cached Date. Internal to net.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "net/canonical.h"
#include "net/deadlines.h"
#include "net/server.h"
#include "net/tls.h"

namespace gatehouse::net {

// Lives as long as the listener or its last connection. `handler`, `clock` and `random` are borrowed.
struct ServerShared {
  ServerOptions options;
  Handler& handler;
  const Clock& clock;
  Random& random;
  Log log;
  Networks trusted;
  Networks balancers;                  // ServerOptions::proxy_protocol
  std::unique_ptr<TlsStore> tls;
  std::atomic<std::size_t> connections = 0;
  std::atomic<bool> stopping = false;
};

// What a request needs while it is read and answered; idle connections hold none.
struct Workspace {
  Head head;
  Target target;
  Request request;
  std::string out;   // HTTP/1.1: head of the answer, framing of its chunks; HTTP/2: what is still to be sent of the answer
  std::string in;    // HTTP/2: the bytes that the request points into
};

// One block of memory for a large head or a body on its way.
struct Block {
  std::unique_ptr<char[]> data;
  std::size_t size = 0;
};

class LoopState {
 public:
  LoopState(std::shared_ptr<ServerShared> of, const Executor& on);

  std::unique_ptr<Workspace> take_workspace();
  void give_back(std::unique_ptr<Workspace> workspace);
  Block take_block();
  void give_back(Block block);
  std::string_view date();           // value of Date, formatted once per second
  void new_request_id(std::string& id);

  std::shared_ptr<ServerShared> shared;
  Executor executor;
  std::shared_ptr<Deadlines> deadlines;

 private:
  std::vector<std::unique_ptr<Workspace>> workspaces_;
  std::vector<Block> blocks_;
  std::size_t block_size_;
  std::int64_t date_second_ = -1;
  std::string date_;
  std::array<std::byte, 4096> chance_{};   // random bytes are fetched in bulk, not one system call per request
  std::size_t chance_used_ = sizeof chance_;
};

}  // namespace gatehouse::net
