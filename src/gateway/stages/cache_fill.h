// Stands between the upstream and a client while the upstream answers: keeps a copy of what may be kept while it passes
// through, and holds back what the cache will answer in its place (a 304 to its own question, an error that a kept
// answer bridges). Half an answer, or one that is too large, is never kept.
#pragma once

#include <optional>
#include <string>

#include "gateway/stages/cache_question.h"

namespace gatehouse::gateway {

// Borrowed for the time of one question to the upstream. The flight is over when it is known what can be kept.
struct Fill {
  CacheStore& store;
  const CacheConfig& config;
  const Clock& clock;
  const net::Request& request;
  const Journey& journey;
  const CacheQuestion& question;
  CacheEntryPtr stale;       // what there is already; may be null
  bool conditional = false;  // was the upstream asked about `stale`?
  std::string_view because;  // of Cache-Status: "uri-miss", "stale" …
  SingleFlight::Lease& lease;
};

class FillLayer final : public ExchangeLayer {
 public:
  enum class End {
    passed,     // the client has the upstream's answer
    confirmed,  // `stale` is still good: entry() is its successor
    mistaken,   // the upstream confirmed something else; ask again without a condition
    bridged,    // the upstream gave an error, which entry() may stand in for
  };
  FillLayer(net::Exchange& below, Fill fill) : ExchangeLayer(below), fill_(std::move(fill)) {}
  ~FillLayer() override { give_up(); }

  Task<void> reply(net::Reply reply) override;
  Task<void> start(net::Reply head, std::optional<std::uint64_t> length) override;
  Task<void> send(std::string_view piece) override;  // allowed: a piece is lent until the send is done
  Task<void> finish(std::vector<std::pair<std::string, std::string>> trailers) override;
  bool started() const override { return held_back() || inner_.started(); }
  void close_after() override;
  // At the end, when nothing was held back.
  void settle();

  End end() const { return end_; }
  const CacheEntryPtr& entry() const { return entry_; }
  int status() const { return status_; }

 private:
  bool held_back() const { return end_ != End::passed; }
  // True when the client gets nothing of this answer.
  bool take(net::Reply& head, std::optional<std::uint64_t> length);
  bool hold_back(const net::Reply& head);
  void confirm(const net::Reply& head);
  void begin(const net::Reply& head, std::optional<std::uint64_t> length);
  void tell(net::Reply& head) const;
  bool copy(std::string_view piece);
  void keep();
  void give_up();

  Fill fill_;
  End end_ = End::passed;
  CacheEntryPtr entry_;
  std::shared_ptr<CacheEntry> filling_;  // while a copy is made
  std::string body_;
  std::uint64_t reserved_ = 0, drained_ = 0;
  std::optional<std::uint64_t> length_;
  int status_ = 0;
  bool decided_ = false, closes_ = false;
};

// As it is sent in Cache-Status (RFC 9211), or nothing when the route does not tell.
void add_cache_status(net::Reply& head, const CacheConfig& config, std::string_view parameters);

}  // namespace gatehouse::gateway
