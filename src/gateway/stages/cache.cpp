#include "gateway/stages/cache.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/spawn.h"
#include "core/text.h"
#include "gateway/gateway.h"
#include "gateway/names.h"
#include "gateway/stages/answer_layer.h"
#include "gateway/stages/cache_errand.h"
#include "gateway/stages/cache_fill.h"

namespace gatehouse::gateway {
namespace {

constexpr std::size_t kPiece = 64 * 1024;  // of a kept body; what is shorter leaves in one write

// Tells why the cache had no part in it, and takes out what the request has changed (RFC 9111 §4.4).
class PassingLayer final : public AnswerLayer {
 public:
  PassingLayer(net::Exchange& below, CacheStore& store, const CacheConfig& config, const CacheQuestion& question,
               const Journey& journey)
      : AnswerLayer(below), store_(store), config_(config), question_(question), journey_(journey) {}

 private:
  void on_head(net::Reply& head) override {
    const auto method = request().method;
    const bool unsafe = question_.way == CacheQuestion::Way::method && method != net::Method::options;
    if (unsafe && head.status >= 200 && head.status < 400) {
      store_.turn_on(question_.url);
      for (const auto* name : {"location", "content-location"})
        if (const auto* location = find_header(head, name)) {
          const auto [url, translated] = named_by(request(), journey_, *location);
          if (!url.empty()) store_.turn_on(url);
          if (!translated.empty()) store_.turn_on(translated);
        }
    }
    const bool by_method = question_.way == CacheQuestion::Way::method;
    add_cache_status(head, config_, by_method ? "fwd=method" : fmt::format("fwd=bypass; detail={}", question_.why));
  }
  CacheStore& store_;
  const CacheConfig& config_;
  const CacheQuestion& question_;
  const Journey& journey_;
};

class CacheStage final : public Stage {
 public:
  CacheStage(CacheConfig config, std::shared_ptr<CacheStore> store, const Clock& clock)
      : config_(std::move(config)), store_(std::move(store)), clock_(clock) {}
  Place place() const override { return Place::admitted; }
  boost::asio::awaitable<void> pass(net::Exchange& exchange, Journey& journey, Next next) override;

 private:
  // Everything about one request, for the functions below.
  struct Visit {
    net::Exchange& exchange;
    Journey& journey;
    Next next;
    CacheQuestion question;
    std::string head;  // for the upstream; empty: not needed yet
    SingleFlight::Lease lease = {};
    bool waited = false;         // for another one's answer
    bool selects_other = false;  // there is something, for other values of what Vary names
  };
  struct Errand;

  CacheEntryPtr find(Visit& visit) const;
  boost::asio::awaitable<bool> answer_from(Visit& visit, CacheEntryPtr entry) const;
  boost::asio::awaitable<void> serve(Visit& visit, CacheEntryPtr entry, std::string status) const;
  boost::asio::awaitable<void> ask(Visit& visit, CacheEntryPtr stale) const;
  static bool add_condition(const CacheEntry& stale, Edits& edits);
  void refresh(const Visit& visit, CacheEntryPtr stale) const;
  boost::asio::awaitable<void> run(std::shared_ptr<Errand> errand) const;
  boost::asio::awaitable<void> refuse_alone(Visit& visit) const;
  void note(Visit& visit, std::string_view word) const {
    if (auto* notes = visit.exchange.notes()) notes->cache = word;
  }

  const CacheConfig config_;
  const std::shared_ptr<CacheStore> store_;
  const Clock& clock_;
};

boost::asio::awaitable<void> CacheStage::pass(net::Exchange& exchange, Journey& journey, Next next) {
  Visit visit{.exchange = exchange,
              .journey = journey,
              .next = next,
              .question = question_of(exchange.request(), journey, config_),
              .head = {}};
  const auto& question = visit.question;
  if (question.way != CacheQuestion::Way::look) {
    note(visit, "bypass");
    PassingLayer layer(exchange, *store_, config_, question, journey);
    co_return co_await next(layer);
  }
  auto entry = find(visit);
  if (co_await answer_from(visit, entry)) co_return;
  if (question.asked.only_if_cached) co_return co_await refuse_alone(visit);

  const bool shares = config_.collapse > Millis(0) && exchange.request().method == net::Method::get &&
                      !question.asked.no_cache && !question.asked.max_age &&
                      !store_->seems_hopeless(question.flight_key(), clock_.now());
  std::shared_ptr<CacheStore::Flight> flight;  // outlives its lease
  if (shares) flight = store_->flight_of(question.flight_key());
  if (flight) {
    visit.lease = co_await flight->flight.enter(config_.collapse);
    visit.waited = !visit.lease;
    entry = find(visit);  // somebody may have been faster
    if (co_await answer_from(visit, entry)) co_return;
    // Who is at it is slow, or got nothing to share: nobody else should wait for that.
    if (visit.waited) store_->call_hopeless(question.flight_key(), clock_.now() + Seconds(10));
  }
  co_await ask(visit, std::move(entry));
  visit.lease = SingleFlight::Lease();
}

CacheEntryPtr CacheStage::find(Visit& visit) const {
  const auto& question = visit.question;
  const auto fits = [&](const CacheEntry& entry) {
    if (entry.vary.empty()) return true;
    if (visit.head.empty()) visit.head = head_for_upstream(visit.exchange.request(), visit.journey);
    if (selecting(*store_, visit.head, entry.vary) == entry.selecting) return true;
    visit.selects_other = true;
    return false;
  };
  if (!question.own_key.empty())
    if (auto own = store_->find(question.own_key, fits)) return own;
  if (question.shared_key.empty()) return nullptr;
  // An answer that nobody in particular got is not for somebody, unless it says so.
  const auto fits_shared = [&](const CacheEntry& entry) {
    return (!question.recognised || entry.shared) && fits(entry);
  };
  return store_->find(question.shared_key, fits_shared);
}

// False when the upstream has to be asked.
boost::asio::awaitable<bool> CacheStage::answer_from(Visit& visit, CacheEntryPtr entry) const {
  if (!entry) co_return false;
  const auto now = clock_.now();
  const auto use = use_of(entry->freshness, visit.question.asked, now);
  if (use == Use::ask) co_return false;
  if (use == Use::stale_now && visit.exchange.request().method == net::Method::get) refresh(visit, entry);
  const auto left = entry->freshness.left(now).count();
  auto status = visit.waited ? fmt::format("fwd=uri-miss; collapsed; ttl={}", left) : fmt::format("hit; ttl={}", left);
  note(visit, use != Use::fresh ? "stale" : visit.waited ? "collapsed" : "hit");
  visit.lease = SingleFlight::Lease();
  co_await serve(visit, std::move(entry), std::move(status));
  co_return true;
}

boost::asio::awaitable<void> CacheStage::refuse_alone(Visit& visit) const {
  auto reply = refusal_page(visit.exchange.request(), 504, "Not in the cache",
                            "Only an answer from the cache was wanted, and there is none.");
  add_cache_status(reply, config_, "detail=only-if-cached");
  note(visit, "miss");
  (void)co_await visit.exchange.reply(std::move(reply));
}

boost::asio::awaitable<void> CacheStage::serve(Visit& visit, CacheEntryPtr entry, std::string status) const {
  auto& exchange = visit.exchange;
  net::Reply reply;
  const bool unchanged = entry->status == 200 && client_has(exchange.request().fields, entry->headers);
  reply.status = unchanged ? 304 : entry->status;
  reply.headers = unchanged ? not_modified_headers(entry->headers) : entry->headers;
  reply.with("Age", std::to_string(entry->freshness.age(clock_.now()).count()));
  add_cache_status(reply, config_, status);
  const std::string_view body = *entry->body;
  if (unchanged || body.size() <= kPiece) {
    if (!unchanged) reply.body = body;
    (void)co_await exchange.reply(std::move(reply));
    co_return;
  }
  if (!co_await exchange.start(std::move(reply), body.size())) co_return;
  const bool wanted = exchange.request().method != net::Method::head;
  for (std::size_t at = 0; wanted && at < body.size(); at += kPiece)
    if (!co_await exchange.send(body.substr(at, kPiece))) co_return;
  (void)co_await exchange.finish();
}

// False when there is nothing to ask by.
bool CacheStage::add_condition(const CacheEntry& stale, Edits& edits) {
  const auto* tag = find_in(stale.headers, "etag");
  const auto* modified = find_in(stale.headers, "last-modified");
  if (tag != nullptr && !is_entity_tag(*tag)) tag = nullptr;
  if (modified != nullptr && !from_http_date(*modified)) modified = nullptr;
  if (tag == nullptr && modified == nullptr) return false;
  edits.remove.emplace_back("If-None-Match");
  edits.remove.emplace_back("If-Modified-Since");
  if (tag != nullptr) edits.set.emplace_back("If-None-Match", *tag);
  if (modified != nullptr) edits.set.emplace_back("If-Modified-Since", *modified);
  return true;
}

boost::asio::awaitable<void> CacheStage::ask(Visit& visit, CacheEntryPtr stale) const {
  auto& [exchange, journey, next, question, head, lease, waited, selects_other] = visit;
  const bool is_get = exchange.request().method == net::Method::get;
  const auto edits = journey.edits;
  const bool conditional = is_get && stale && add_condition(*stale, journey.edits);
  const bool was_good = stale && use_of(stale->freshness, CacheControl(), clock_.now()) == Use::fresh;
  const std::string_view because = was_good ? "request" : stale ? "stale" : selects_other ? "vary-miss" : "uri-miss";
  note(visit, stale ? "expired" : "miss");
  for (const bool again : {false, true}) {
    question.turn = store_->turn_of(question.url);
    question.at = clock_.now();
    FillLayer layer(exchange, Fill{.store = *store_,
                                   .config = config_,
                                   .clock = clock_,
                                   .request = exchange.request(),
                                   .journey = journey,
                                   .question = question,
                                   .stale = is_get ? stale : nullptr,
                                   .conditional = conditional && !again,
                                   .because = because,
                                   .lease = lease});
    co_await next(layer);
    layer.settle();
    if (layer.end() == FillLayer::End::passed) co_return;
    if (layer.end() != FillLayer::End::mistaken) {
      const bool confirmed = layer.end() == FillLayer::End::confirmed;
      note(visit, confirmed ? "revalidated" : "stale");
      lease = SingleFlight::Lease();
      const auto entry = layer.entry();
      const auto left = entry->freshness.left(clock_.now()).count();
      auto status = fmt::format("fwd={}; fwd-status={}; ttl={}{}", because, layer.status(), left,
                                confirmed ? "" : "; detail=stale-if-error");
      co_return co_await serve(visit, entry, std::move(status));
    }
    journey.edits = edits;
    stale = nullptr;
  }
}

// What an errand carries with it: nothing in it belongs to the client's connection.
struct CacheStage::Errand {
  Errand(const Visit& visit, CacheEntryPtr from)
      : snapshot(visit.journey.snapshot.shared_from_this()),
        request(visit.exchange.request()),
        exchange(request.get(), visit.exchange.log(), visit.exchange.executor()),
        journey(visit.journey),
        stale(std::move(from)),
        visit{.exchange = exchange,
              .journey = journey,
              .next = visit.next.with(journey),
              .question = visit.question,
              .head = {}} {}
  std::shared_ptr<const Snapshot> snapshot;  // and with it the stage that runs this
  OwnRequest request;
  SilentExchange exchange;
  Journey journey;
  CacheEntryPtr stale;
  std::shared_ptr<CacheStore::Flight> flight;
  Visit visit;
};

void CacheStage::refresh(const Visit& visit, CacheEntryPtr stale) const {
  auto flight = store_->flight_of(visit.question.flight_key());
  if (!flight) return;
  auto lease = flight->flight.try_enter();
  if (!lease || !store_->begin_errand()) return;  // somebody is at it, or too much is under way
  auto errand = std::make_shared<Errand>(visit, std::move(stale));
  errand->flight = std::move(flight);
  errand->visit.lease = std::move(lease);
  errand->visit.question.asked = CacheControl();
  const auto log = visit.exchange.log();
  spawn(visit.exchange.executor(), run(std::move(errand)),
        [log](const std::exception_ptr&) { log.error("gateway.cache_refresh_failed"); });
}

boost::asio::awaitable<void> CacheStage::run(std::shared_ptr<Errand> errand) const {
  struct Ended {
    std::shared_ptr<CacheStore> store;
    ~Ended() { store->end_errand(); }
  };
  const Ended ended{store_};
  co_await ask(errand->visit, errand->stale);
}

}  // namespace

Result<void> validate(const CacheConfig& config) {
  const auto wrong = [](std::string_view what) { return failure(Fault::invalid, fmt::format("cache: {}", what)); };
  if (config.store.size < kCacheSizeMin || config.store.size > kCacheSizeMax) return wrong("a size is 64KiB to 1TiB");
  if (config.store.object_max == 0 || config.store.object_max > config.store.size / 8)
    return wrong("object_max is at most an eighth of size");
  for (const auto* names : {&config.vary, &config.credentials}) {
    if (names->size() > kVaryNamesMax) return wrong("at most 16 names of headers");
    for (const auto& name : *names)
      if (!is_field_name(name)) return wrong(fmt::format("'{}' is not the name of a header", name));
  }
  for (const int status : config.rules.errors)
    if (status < 400 || status > 599 || status == 401 || status == 407)
      return wrong(fmt::format("{} is not an error that can be kept", status));
  return {};
}

Result<std::shared_ptr<Stage>> make_cache_stage(CacheConfig config, CacheStores& stores, const Clock& clock) {
  GH_DO(validate(config));
  for (auto& name : config.vary) name = to_lower(name);
  auto store = stores.store(config.store);
  return std::make_shared<CacheStage>(std::move(config), std::move(store), clock);
}

}  // namespace gatehouse::gateway
