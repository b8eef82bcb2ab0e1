// The tries of one request at the targets of its route's pool: chooses whom to ask, connects, and says whether the
// request may be sent again when that came to nothing. Holds the try under way, its deadlines, and the word to end it
// when the client has gone. Knows neither heads nor bodies: forward.cpp and tunnel.cpp carry those.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/wake.h"
#include "gateway/retry.h"
#include "gateway/stage.h"
#include "gateway/upstreams.h"
#include "net/exchange.h"
#include "net/steady.h"

namespace gatehouse::gateway {

// How far a request has come.
struct Progress {
  bool sent = true;         // to its end
  bool resendable = true;   // its body is none, or held to its end, or was not begun
};

inline constexpr std::string_view kClientFault = "client";  // Error::code of what the client did

// Borrows both until it dies, on the loop of the exchange.
class Attempts final : private net::ClientWatch {
 public:
  Attempts(net::Exchange& exchange, const Journey& journey);
  ~Attempts();
  Attempts(const Attempts&) = delete;
  Attempts& operator=(const Attempts&) = delete;

  // A try on a pooled connection of the target whose turn it is: the usual case, without waiting. False: ask open(),
  // which goes on with the same target.
  bool reopen();
  // Passes over targets that cannot be connected to, each once: nothing has been sent to them.
  Task<void> open();
  // Until repeats() or release().
  net::UpstreamExchange& upstream() { return *upstream_; }
  void release() {
    upstream_.reset();
  }  // its connection serves the next request while our answer is still being written
  // Of the try under way, or of the last one; empty when there was none.
  std::string_view authority() const { return turn_ ? turn_->authority() : last_authority_; }

  // Its head has come and goes to the client: from here on nothing is sent again.
  void answered(const net::Head& head);
  // Instead: this answer is as good as none, and the request may be sent again. Then repeats() says so, too.
  bool declines(const net::Head& head, Progress progress);
  // The try came to nothing; it is over now. True: send the request again after pause().
  bool repeats(const Error& error, Progress progress);
  boost::asio::awaitable<void> pause();
  // The client has gone: nobody wants an answer any more.
  bool gone() const { return gone_; }

 private:
  void client_gone() override;
  Preference preference() const;
  net::SteadyTime try_until() const;
  void set_limits(net::SteadyTime until);
  void take(Turn turn);
  void note_tried();
  void end_try(const Error& error, Progress progress);
  bool grants(const Setback& setback, bool resendable, std::chrono::milliseconds at_least);

  net::Exchange& exchange_;
  const Route& route_;
  UpstreamPool& pool_;
  std::uint64_t hash_ = 0;
  Turn turn_;
  std::unique_ptr<net::UpstreamExchange> upstream_;
  std::string last_authority_;        // of the try before, which holds its target no longer
  std::vector<const Target*> tried_;  // not the one under way
  std::optional<Error> refused_;      // nobody could be asked: open() says so, and does not ask the pool a second time
  std::optional<Wake> nap_;
  net::SteadyTime until_ = net::SteadyTime::max();  // of all tries together
  std::chrono::milliseconds pause_{0};
  int attempts_ = 1;
  bool limited_ = false, told_ = false, heard_ = false, granted_ = false, gone_ = false;
};

}  // namespace gatehouse::gateway
