// What a route does with a request besides asking who calls and sending it on: limit, cache, rewrite, inspect … Stages are
// the layers of an onion around the upstream: each sees the request on its way in and the answer on its way out, may answer
// by itself, and may put an ExchangeLayer around what lies below. A route without stages does not pay for them.
// Knows no stage by name: app makes them from the configuration, in the order in which they stand around each other.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gateway/policy.h"
#include "net/exchange.h"

namespace gatehouse::gateway {

struct Route;
class Snapshot;
class Inquiry;
class GrpcCall;

inline constexpr std::size_t kStagesMax = 32;   // of one route

// How the request that the upstream gets differs from the one that came. Values are checked by whoever writes them:
// header names are tokens, values have no control characters, `path` is canonical (net::parse_target).
struct Edits {
  std::optional<std::string> path, query;                          // query without '?'; "" takes it away
  std::optional<std::string> host;                                 // of the Host field
  std::vector<std::string> remove;                                 // header names, any case
  std::vector<std::pair<std::string, std::string>> set;            // instead of what the client sent under this name
  bool removes(std::string_view name) const;
};

// One request on its way through a route; lives until it is answered.
struct Journey {
  const Route& route;
  const Snapshot& snapshot;
  Pass pass;            // as whom it goes on; empty until the policy has let it pass
  bool admitted = false;
  Edits edits;
  Inquiry* inquiry = nullptr;   // live traffic: nobody
  GrpcCall* call = nullptr;     // what is answered to it takes the form of gRPC; nullptr: it is none
};

// What lies below a stage: the further stages, the policy, the upstream. To be called at most once (the last stage before the
// upstream may ask again, as long as nothing was answered and the request has no body).
class Next {
 public:
  Next(Journey& journey, std::size_t at) : journey_(journey), at_(at) {}
  boost::asio::awaitable<void> operator()(net::Exchange& exchange) const;
  // The same place on another journey, which must outlive the call: a request that a stage makes by itself.
  Next with(Journey& other) const { return Next(other, at_); }

 private:
  Journey& journey_;
  std::size_t at_;      // of the route's stages
};

class Stage {
 public:
  // arrived: before anybody was asked who calls. admitted: the policy let it pass, journey.pass is known.
  enum class Place : std::uint8_t { arrived, admitted };
  virtual ~Stage() = default;
  virtual Place place() const = 0;
  // Answers on `exchange`, or calls `next` with it or with a layer around it. Everything is borrowed until it returns.
  virtual boost::asio::awaitable<void> pass(net::Exchange& exchange, Journey& journey, Next next) = 0;
  // Does it answer every request itself? Then the route needs no upstream.
  virtual bool answers_all() const { return false; }
  // Does it decide whether a request may pass (a limit, a firewall)? Then it is asked when only the verdict is wanted, too.
  virtual bool guards() const { return false; }
  // Header names that only this stage may set towards the upstream, on every route of the gateway.
  virtual std::vector<std::string> managed_headers() const { return {}; }
  // Header names that it sets or removes at an administrator's wish. A managed one among them is a fault of the configuration.
  virtual std::vector<std::string> edited_headers() const { return {}; }
};
using Stages = std::vector<std::shared_ptr<Stage>>;

// An exchange around another one: hands everything on. Override what a stage wants to see or change.
class ExchangeLayer : public net::Exchange {
 public:
  explicit ExchangeLayer(net::Exchange& below) : inner_(below) {}
  const net::Request& request() const override { return inner_.request(); }
  const Log& log() const override { return inner_.log(); }
  Executor executor() const override { return inner_.executor(); }
  Task<std::string_view> read_some() override { return inner_.read_some(); }
  const std::vector<std::pair<std::string, std::string>>& trailers() const override { return inner_.trailers(); }
  Task<void> reply(net::Reply reply) override { return inner_.reply(std::move(reply)); }
  Task<void> start(net::Reply head, std::optional<std::uint64_t> length) override { return inner_.start(std::move(head), length); }
  Task<void> send(std::string_view piece) override { return inner_.send(piece); }
  Task<void> finish(std::vector<std::pair<std::string, std::string>> trailers) override { return inner_.finish(std::move(trailers)); }
  Task<void> start_tunnel(net::Reply head) override { return inner_.start_tunnel(std::move(head)); }
  bool started() const override { return inner_.started(); }
  net::Notes* notes() override { return inner_.notes(); }
  void watch_client(net::ClientWatch* watch) override { inner_.watch_client(watch); }
  void close_after() override { inner_.close_after(); }

 protected:
  net::Exchange& inner_;   // the one that the client sees
};

}  // namespace gatehouse::gateway
