// A request that the cache makes by itself: what is kept is refreshed while the client who came upon it has gone on.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/log.h"
#include "net/exchange.h"

namespace gatehouse::gateway {

// A copy of a request without a body that outlives the connection on which it came.
class OwnRequest {
 public:
  explicit OwnRequest(const net::Request& request);
  OwnRequest(const OwnRequest&) = delete;
  OwnRequest& operator=(const OwnRequest&) = delete;
  const net::Request& get() const { return request_; }

 private:
  std::string_view keep(std::string_view text);
  std::vector<std::unique_ptr<std::string>> texts_;
  net::Request request_;
};

// Nobody at the other end: answers go nowhere.
class SilentExchange final : public net::Exchange {
 public:
  SilentExchange(const net::Request& request, Log log, Executor executor)
      : request_(request), log_(std::move(log)), executor_(std::move(executor)) {}
  const net::Request& request() const override { return request_; }
  const Log& log() const override { return log_; }
  Executor executor() const override { return executor_; }
  Task<std::string_view> read_some() override { co_return std::string_view(); }
  const std::vector<std::pair<std::string, std::string>>& trailers() const override { return none_; }
  Task<void> reply(net::Reply) override { return begin(); }
  Task<void> start(net::Reply, std::optional<std::uint64_t>) override { return begin(); }
  // clang-format off
  Task<void> send(std::string_view) override { co_return Result<void>(); }   // allowed: a piece is lent until the send is done
  // clang-format on
  Task<void> finish(std::vector<std::pair<std::string, std::string>>) override { co_return Result<void>(); }
  bool started() const override { return started_; }
  void close_after() override {}

 private:
  Task<void> begin() {
    started_ = true;
    co_return Result<void>();
  }
  const net::Request& request_;
  Log log_;
  Executor executor_;
  std::vector<std::pair<std::string, std::string>> none_;
  bool started_ = false;
};

}  // namespace gatehouse::gateway
