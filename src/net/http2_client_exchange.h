// One exchange over one stream of an outbound HTTP/2 connection, behind the same seam as one over HTTP/1.1: the head that
// the caller has serialised for HTTP/1.1 is read again into a header list. Internal to net.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "net/client.h"
#include "net/http2_client_pool.h"

namespace gatehouse::net {

using Http2HeaderList = std::vector<std::pair<std::string, std::string>>;
// Fault::internal when `head` is not a request head as we write them. `websocket_key`: of a WebSocket handshake, which
// becomes an extended CONNECT (RFC 8441 §4); empty otherwise.
Result<Http2HeaderList> http2_request_of(std::string_view head, std::string_view scheme, std::string& websocket_key);

class Http2Exchange final : public UpstreamExchange {
 public:
  static Task<std::unique_ptr<UpstreamExchange>> open(std::shared_ptr<const Http2Target> peer, SteadyTime until);
  Http2Exchange(std::shared_ptr<const Http2Target> peer, const Executor& loop);   // has entered the lane
  ~Http2Exchange() override;

  std::string spare() override { return {}; }
  Task<void> send_head(std::string head, std::string_view first, Body body) override;
  Task<void> send_body(std::string_view bytes, Body body) override { return push(bytes, body); }
  Task<void> send_chunk(std::string_view data, Body body) override { return push(data, body); }
  Task<void> send_end(std::vector<std::pair<std::string, std::string>> trailers) override;
  Task<const Head*> read_head(Method to) override;
  Task<std::string_view> read_some() override;
  const std::vector<std::pair<std::string, std::string>>& trailers() const override { return trailers_; }
  Task<std::string_view> read_raw() override { return take(Patience::endless); }
  Task<void> end_raw() override;
  void limit(const ExchangeLimits& limits) override;
  bool untouched() const override;
  void abort() override;

 private:
  enum class Patience : std::uint8_t { read_timeout, endless };
  Task<void> begin();
  Task<void> push(std::string_view bytes, Body body);
  Task<std::string_view> take(Patience patience);
  bool may_begin_again(Method to) const;
  Task<void> begin_again();
  Result<void> fill_head(Method to);
  void let_go();
  std::chrono::milliseconds patience_or(std::chrono::milliseconds own) const;
  std::unexpected<Error> broken(std::string_view what, bool timeout = false);
  std::unexpected<Error> closed_early(std::string_view what);

  std::shared_ptr<const Http2Target> peer_;
  Executor loop_;
  std::shared_ptr<Http2ClientSession> session_;
  std::unique_ptr<Http2ClientStream> stream_;
  Http2HeaderList list_;
  std::string websocket_key_, accept_, piece_;
  std::string_view first_;
  Head head_;
  std::vector<std::pair<std::string, std::string>> trailers_;
  ExchangeLimits limits_;
  int tries_ = 0;
  bool aborted_ = false;
  bool untouched_ = true;                // of the streams before this one, the peer did nothing with any
  bool fresh_ = false, whole_ = false;   // whole_: everything of the request was there when it was sent, and can be sent again
};

}  // namespace gatehouse::net
