#include "gateway/stages/limit.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <utility>

#include "core/bytes.h"
#include "core/text.h"
#include "crypto/hash.h"
#include "gateway/gateway.h"
#include "gateway/names.h"
#include "gateway/routes.h"
#include "gateway/stages/answer_layer.h"
#include "net/network.h"

namespace gatehouse::gateway {
namespace {

using store::Taken;
using Kind = LimitPart::Kind;

// Parts are prefixed by their length, or "a" + "bc" would be "ab" + "c".
template <class Sink>
void add_part(Sink&& sink, std::string_view part) {
  const auto size = static_cast<std::uint32_t>(part.size());
  sink(std::string_view(reinterpret_cast<const char*>(&size), sizeof size));
  sink(part);
}

template <class Sink>
void add_address(Sink&& sink, const net::Request& request, int ipv6_bits) {
  auto ip = net::parse_ip(request.client.ip);
  if (!ip) return add_part(sink, request.client.ip);
  if (request.client.ip.contains(':'))
    for (int bit = ipv6_bits; bit < 128; ++bit) (*ip)[bit / 8] &= static_cast<unsigned char>(~(0x80 >> bit % 8));
  add_part(sink, std::string_view(reinterpret_cast<const char*>(ip->data()), ip->size()));
}

std::string_view claim_text(const Journey& journey, std::string_view name) {
  if (!journey.pass.attributes) return {};
  const auto* claim = journey.pass.attributes->if_contains(name);
  const auto* text = claim == nullptr ? nullptr : claim->if_string();
  return text == nullptr ? std::string_view() : std::string_view(text->data(), text->size());
}

std::string_view part_text(const LimitPart& part, const net::Request& request, const Journey& journey) {
  switch (part.kind) {
    case Kind::address: return {};
    case Kind::user: return journey.pass.who;
    case Kind::client:
      // RFC 9068, Okta, OpenID Connect.
      for (const auto* name : {"client_id", "cid", "azp"})
        if (const auto text = claim_text(journey, name); !text.empty()) return text;
      return {};
    case Kind::claim: return claim_text(journey, part.name);
    case Kind::header: return request.fields.only(std::string_view(part.name)).value_or(std::string_view());
    case Kind::route: return journey.route.demand.route;
  }
  std::unreachable();
}

template <class Sink>
void add_key(Sink&& sink, const LimitConfig& limit, const net::Request& request, const Journey& journey) {
  for (const auto& part : limit.by) {
    const auto text = part_text(part, request, journey);
    const char mark[] = {static_cast<char>('0' + static_cast<int>(part.kind)), text.empty() ? 'a' : 't'};
    sink(std::string_view(mark, sizeof mark));
    if (text.empty()) add_address(sink, request, limit.ipv6_bits);
    else add_part(sink, text);
  }
}

struct Limit {
  LimitConfig config;
  std::shared_ptr<LimitTable> table;            // of a rate
  std::shared_ptr<InFlightTable> in_flight;
  std::string policy_item;                      // of RateLimit-Policy
};

std::int64_t seconds_up(Millis time) { return (time.count() + 999) / 1000; }

class LimitStage final : public Stage {
 public:
  LimitStage(std::vector<Limit> limits, std::shared_ptr<LimitTables> tables, const Clock& clock)
      : limits_(std::move(limits)), tables_(std::move(tables)), clock_(clock),
        place_(limits_.front().config.needs_policy() ? Place::admitted : Place::arrived) {
    for (const auto& limit : limits_) {
      if (!limit.config.tell) continue;
      if (!policies_.empty()) policies_ += ", ";
      policies_ += limit.policy_item;
    }
  }
  Place place() const override { return place_; }
  bool guards() const override { return true; }
  boost::asio::awaitable<void> pass(net::Exchange& exchange, Journey& journey, Next next) override;

 private:
  struct Counted {
    const Limit* limit = nullptr;
    Taken taken;
  };
  // What was counted for one request, and who is at it until it ends.
  struct Visit {
    std::array<Counted, kLimitsMax> counted;
    std::size_t count = 0;
    std::array<std::pair<InFlightTable*, LimitKey>, kLimitsMax> inside;
    std::size_t entered = 0;
    Visit() = default;
    Visit(const Visit&) = delete;
    Visit& operator=(const Visit&) = delete;
    ~Visit() {
      for (std::size_t i = 0; i < entered; ++i) inside[i].first->leave(inside[i].second);
    }
    void add(const Limit& limit, const Taken& taken) { counted[count++] = {&limit, taken}; }
    std::span<const Counted> all() const { return {counted.data(), count}; }
  };
  class Layer final : public AnswerLayer {
   public:
    Layer(net::Exchange& below, const LimitStage& stage, const Visit& visit) : AnswerLayer(below), stage_(stage), visit_(visit) {}

   private:
    void on_head(net::Reply& head) override { stage_.tell(head, visit_.all()); }
    const LimitStage& stage_;
    const Visit& visit_;
  };

  LimitKey local_key(const Limit& limit, const net::Request& request, const Journey& journey) const {
    crypto::SipHash hash(tables_->key());
    add_key([&](std::string_view bytes) { hash.add(bytes); }, limit.config, request, journey);
    return hash.finish();
  }
  // Others must come to the same key, and nobody should read addresses or names out of the shared store.
  static std::string shared_key(const Limit& limit, const net::Request& request, const Journey& journey) {
    std::string text;
    const auto append = [&](std::string_view bytes) { text.append(bytes); };
    add_part(append, limit.config.scope);
    add_key(append, limit.config, request, journey);
    return "gatehouse:limit:" + base64url_encode(crypto::sha256(text));
  }
  Task<Taken> take_shared(const Limit& limit, net::Exchange& exchange, const Journey& journey) const;
  bool enter(const Limit& limit, const net::Request& request, const Journey& journey, Visit& visit) const;
  boost::asio::awaitable<void> refuse(net::Exchange& exchange, const Visit& visit) const;
  void tell(net::Reply& head, std::span<const Counted> counted) const;

  std::vector<Limit> limits_;
  std::shared_ptr<LimitTables> tables_;
  const Clock& clock_;
  Place place_;
  std::string policies_;
};

Task<Taken> LimitStage::take_shared(const Limit& limit, net::Exchange& exchange, const Journey& journey) const {
  auto key = shared_key(limit, exchange.request(), journey);
  auto taken = co_await tables_->shared()->take(std::move(key), limit.config.rate);
  if (taken) co_return *taken;
  exchange.log().warn("gateway.limit_not_shared", {{"limit", limit.config.name}, {"why", taken.error().message()}});
  switch (limit.config.without_store) {
    case LimitConfig::WithoutStore::open: {
      Taken unknown;
      unknown.allowed = true;
      unknown.remaining = limit.config.rate.requests;
      co_return unknown;
    }
    case LimitConfig::WithoutStore::closed: co_return std::unexpected(std::move(taken.error()));
    case LimitConfig::WithoutStore::local: break;
  }
  co_return limit.table->take(local_key(limit, exchange.request(), journey), clock_.now());
}

bool LimitStage::enter(const Limit& limit, const net::Request& request, const Journey& journey, Visit& visit) const {
  const auto key = local_key(limit, request, journey);
  if (!limit.in_flight->enter(key)) return false;
  visit.inside[visit.entered++] = {limit.in_flight.get(), key};
  return true;
}

boost::asio::awaitable<void> LimitStage::pass(net::Exchange& exchange, Journey& journey, Next next) {
  Visit visit;
  const auto& request = exchange.request();
  for (const auto& limit : limits_) {
    Taken taken;
    if (limit.in_flight) {
      taken.allowed = enter(limit, request, journey, visit);
      taken.retry_after = Millis(1000);
    } else if (limit.config.shared) {
      auto shared = co_await take_shared(limit, exchange, journey);
      if (!shared) {
        auto closed = refusal_page(request, 503, "Too busy", "The gateway cannot count requests at the moment. Try again soon.");
        closed.with("Retry-After", "1");
        (void)co_await exchange.reply(std::move(closed));
        co_return;
      }
      taken = *shared;
    } else {
      taken = limit.table->take(local_key(limit, request, journey), clock_.now());
    }
    if (!limit.in_flight || !taken.allowed) visit.add(limit, taken);
    if (!taken.allowed) co_return co_await refuse(exchange, visit);
  }
  Layer layer(exchange, *this, visit);
  co_await next(layer);
}

boost::asio::awaitable<void> LimitStage::refuse(net::Exchange& exchange, const Visit& visit) const {
  const auto& last = visit.all().back();
  exchange.log().info("gateway.limited", {{"limit", last.limit->config.name}});
  auto reply = refusal_page(exchange.request(), 429, "Too many requests", "You have asked for more than the rule for this address allows. Try again later.");
  reply.with("Retry-After", std::to_string(seconds_up(last.taken.retry_after)));
  tell(reply, visit.all());
  (void)co_await exchange.reply(std::move(reply));
}

void LimitStage::tell(net::Reply& head, std::span<const Counted> counted) const {
  if (!policies_.empty()) head.headers.emplace_back("RateLimit-Policy", policies_);
  fmt::memory_buffer state;
  const Counted* scarcest = nullptr;
  for (const auto& one : counted) {
    const auto& [limit, taken] = one;
    if (limit->in_flight) continue;   // what others do decides about the next moment: there is nothing to tell
    if (limit->config.tell)
      fmt::format_to(std::back_inserter(state), "{}\"{}\";r={};t={}", state.size() == 0 ? "" : ", ", limit->config.name, taken.remaining,
                     seconds_up(taken.reset));
    if (limit->config.tell_old && (scarcest == nullptr || taken.remaining < scarcest->taken.remaining)) scarcest = &one;
  }
  if (state.size() > 0) head.headers.emplace_back("RateLimit", fmt::to_string(state));
  if (scarcest == nullptr) return;
  head.headers.emplace_back("X-RateLimit-Limit", std::to_string(scarcest->limit->config.rate.requests));
  head.headers.emplace_back("X-RateLimit-Remaining", std::to_string(scarcest->taken.remaining));
  head.headers.emplace_back("X-RateLimit-Reset", std::to_string(seconds_up(scarcest->taken.reset)));
}

// RFC 9651 §3.3.3: a String in quotes; names are of letters, digits and some marks, so that nothing needs an escape.
bool is_limit_name(std::string_view name) {
  return !name.empty() && name.size() <= 128 && std::ranges::all_of(name, [](char c) { return is_alnum(c) || std::string_view("-._/:#*").contains(c); });
}

Result<Limit> make_limit(LimitConfig config, LimitTables& tables) {
  const auto wrong = [&](std::string_view what) { return failure(Fault::invalid, fmt::format("limit {}: {}", config.name, what)); };
  if (!is_limit_name(config.name)) return wrong("a name has 1 to 128 letters, digits and marks of -._/:#*");
  if (config.by.size() > kLimitPartsMax) return wrong("at most 6 parts tell callers apart");
  if (config.ipv6_bits < 16 || config.ipv6_bits > 128) return wrong("an IPv6 prefix has 16 to 128 bits");
  for (const auto& part : config.by) {
    if (part.kind == Kind::header && !is_field_name(part.name)) return wrong("'" + part.name + "' is not the name of a header");
    if (part.kind == Kind::claim && part.name.empty()) return wrong("a claim has a name");
  }
  if (config.scope.empty()) config.scope = config.name;
  Limit limit;
  if (config.in_flight != 0) {
    if (config.in_flight < 1 || config.in_flight > kInFlightMax) return wrong("from 1 to 1000000 requests at once");
    limit.in_flight = tables.in_flight(config.scope, config.in_flight);
    limit.policy_item = fmt::format("\"{}\";q={};qu=\"concurrent-requests\"", config.name, config.in_flight);
  } else {
    if (auto fine = store::validate(config.rate); !fine) return wrong(fine.error().message());
    if (config.shared && tables.shared() == nullptr) return wrong("is shared, and there is no store to share it through");
    limit.table = tables.table(config.scope, config.rate, config.keys);
    const auto quota = config.rate.way == store::Rate::Way::bucket ? config.rate.burst : config.rate.requests;
    const auto window = config.rate.way == store::Rate::Way::bucket ? config.rate.per * config.rate.burst / config.rate.requests : config.rate.per;
    limit.policy_item = fmt::format("\"{}\";q={};w={}", config.name, quota, std::max<std::int64_t>(seconds_up(window), 1));
  }
  limit.config = std::move(config);
  return limit;
}

}  // namespace

bool LimitConfig::needs_policy() const { return std::ranges::any_of(by, &LimitPart::needs_policy); }

LimitTables::LimitTables(Random& random, store::KeyValue* shared) : shared_(shared) {
  random.fill(std::as_writable_bytes(std::span(&key_, 1)));
}

std::shared_ptr<LimitTable> LimitTables::table(const std::string& name, const store::Rate& rate, std::size_t keys) {
  const std::lock_guard lock(mutex_);
  std::erase_if(tables_, [](const auto& entry) { return entry.second.expired(); });
  const auto id = fmt::format("{} {} {} {} {} {}", name, static_cast<int>(rate.way), rate.requests, rate.per.count(), rate.burst, keys);
  auto& known = tables_[id];
  auto table = known.lock();
  if (!table) known = table = std::make_shared<LimitTable>(rate, keys);
  return table;
}

std::shared_ptr<InFlightTable> LimitTables::in_flight(const std::string& name, std::int64_t most) {
  const std::lock_guard lock(mutex_);
  std::erase_if(in_flight_, [](const auto& entry) { return entry.second.expired(); });
  auto& known = in_flight_[fmt::format("{} {}", name, most)];
  auto table = known.lock();
  if (!table) known = table = std::make_shared<InFlightTable>(most);
  return table;
}

Result<std::shared_ptr<Stage>> make_limit_stage(std::vector<LimitConfig> limits, std::shared_ptr<LimitTables> tables, const Clock& clock) {
  if (limits.empty() || limits.size() > kLimitsMax) return failure(Fault::invalid, "from 1 to 8 limits");
  const bool needs_policy = limits.front().needs_policy();
  std::vector<Limit> made;
  // What is everybody's is counted last, or somebody whom a narrower limit refuses would use it up.
  for (const bool everybodys : {false, true})
    for (auto& limit : limits) {
      if (std::ranges::all_of(limit.by, [](const auto& part) { return part.kind == Kind::route; }) != everybodys) continue;
      if (limit.needs_policy() != needs_policy) return failure(Fault::invalid, "limits of one place only");
      GH_TRY(auto one, make_limit(limit, *tables));
      made.push_back(std::move(one));
    }
  return std::make_shared<LimitStage>(std::move(made), std::move(tables), clock);
}

}  // namespace gatehouse::gateway
