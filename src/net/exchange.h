// One request and its answer, as a handler sees it. Bodies stream in both directions with back-pressure.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "core/log.h"
#include "core/task.h"
#include "net/message.h"
#include "net/notes.h"

namespace gatehouse::net {

// An answer that lies in somebody else's buffers. `fields` come from parse_response_head() and are not checked again; those
// that belong to the connection are left out, and so are those that `keep` (called with `by`) does not want.
struct Borrowed {
  int status = 200;
  const Fields& fields;
  bool (*keep)(const Field& field, const void* by);
  const void* by;
  std::string_view body;
};

// Is told when nobody is there any more to be answered.
class ClientWatch {
 public:
  virtual void client_gone() = 0;   // on the exchange's loop, from its socket's or session's own code: marks and wakes only

 protected:
  ~ClientWatch() = default;
};

class Exchange {
 public:
  virtual ~Exchange() = default;
  virtual const Request& request() const = 0;
  virtual const Log& log() const = 0;          // carries the request id
  virtual Executor executor() const = 0;       // the loop of this connection

  // The next piece of the request body, a view that lives until the next call; empty at the end. Sends 100-continue when
  // the client waits for it. Fault::limited when the body is over the server's limit, Fault::invalid when malformed.
  virtual Task<std::string_view> read_some() = 0;
  // The whole body, at most `max` bytes; else Fault::limited (413).
  Task<std::string> read_all(std::size_t max);
  virtual const std::vector<std::pair<std::string, std::string>>& trailers() const = 0;

  // A whole answer in one write. Adds Content-Length, Date and Connection; HEAD drops the body.
  virtual Task<void> reply(Reply reply) = 0;
  // An answer in pieces. `length`: known size, or nullopt for chunked. Header names and values are checked: control
  // characters are Fault::internal, never sent.
  virtual Task<void> start(Reply head, std::optional<std::uint64_t> length) = 0;
  virtual Task<void> send(std::string_view piece) = 0;
  virtual Task<void> finish(std::vector<std::pair<std::string, std::string>> trailers = {}) = 0;
  virtual bool started() const = 0;
  // Where to write down what is learnt about this request; nullptr: nobody listens.
  virtual Notes* notes() { return nullptr; }
  // Whom to tell, once at most, when the client goes while its exchange waits for something else (who reads or writes notices
  // by itself); nullptr: nobody any more. Borrowed until then.
  virtual void watch_client(ClientWatch*) {}
  // As reply(), without a copy and without waiting, where relays() says so. False: not all of it is written yet, but nothing
  // is borrowed any more; relayed() waits for the rest.
  virtual bool relays() const { return false; }
  virtual Result<bool> relay(const Borrowed& answer);
  virtual Task<void> relayed();
  // Grants what request().upgrade asks for: 101 over HTTP/1.1, 200 over HTTP/2, whatever status `head` has. Upgrade and
  // Connection are ours, Sec-WebSocket-Accept is kept for HTTP/1.1 only. From here on read_some() and send() carry raw bytes
  // and may run side by side; read_some() is empty when the peer's direction has ended, Fault::limited when nothing moved for
  // the server's tunnel_timeout; finish() ends our direction. Fault::internal when nothing was asked or it was answered.
  virtual Task<void> start_tunnel(Reply head);
  // Nothing may follow this exchange: over HTTP/1.1 the connection closes after the answer, over HTTP/2 the stream ends anyway
  // and the connection goes on. A reply with Connection: close ends the connection over both (GOAWAY).
  virtual void close_after() = 0;
};

// What a listener hands requests to. Must answer; if it returns without, the client gets 500.
class Handler {
 public:
  virtual ~Handler() = default;
  virtual boost::asio::awaitable<void> handle(Exchange& exchange) = 0;
};

}  // namespace gatehouse::net
