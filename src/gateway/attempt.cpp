#include "gateway/attempt.h"

#include <algorithm>

#include "core/text.h"
#include "gateway/grpc.h"
#include "gateway/routes.h"

namespace gatehouse::gateway {

namespace {

using net::SteadyTime;
constexpr std::chrono::milliseconds kNone{0};

// The deadline that the caller of a gRPC method has set itself (it only ever shortens ours).
std::optional<std::chrono::milliseconds> asked_by_grpc(const net::Request& request) {
  if (!request.has_body || !is_grpc(request)) return std::nullopt;
  const auto text = request.fields.only("grpc-timeout");
  return text ? parse_grpc_timeout(*text) : std::nullopt;
}

bool has_any(const Timeouts& timeouts) {
  return timeouts.total > kNone || timeouts.per_try > kNone || timeouts.first_byte > kNone || timeouts.idle > kNone;
}

// Request ids are random, and differ between requests: enough to spread retries.
std::uint64_t chance_of(std::string_view id, int attempt) {
  return std::hash<std::string_view>()(id) >> (attempt & 31);
}

}  // namespace

Attempts::Attempts(net::Exchange& exchange, const Journey& journey)
    : exchange_(exchange), route_(journey.route), pool_(*journey.route.pool) {
  const auto& timeouts = route_.timeouts;
  limited_ = has_any(timeouts);
  auto total = timeouts.total > kNone ? std::optional(timeouts.total) : std::nullopt;
  if (const auto asked = asked_by_grpc(exchange.request()); asked && (!total || *asked < *total)) total = asked;
  if (total) until_ = net::steady_now() + *total;
  limited_ = limited_ || total;
  if (pool_.wants_hash()) hash_ = pool_.hash_of(exchange.request(), journey);
  exchange_.watch_client(this);
}

Attempts::~Attempts() { exchange_.watch_client(nullptr); }

void Attempts::client_gone() {
  gone_ = true;
  if (upstream_) upstream_->abort();
  if (nap_) nap_->wake();
}

Preference Attempts::preference() const { return {.hash = hash_, .tried = tried_}; }

SteadyTime Attempts::try_until() const {
  const auto patience = route_.timeouts.per_try;
  return patience > kNone ? std::min(until_, net::steady_now() + patience) : until_;
}

void Attempts::set_limits(SteadyTime until) {
  if (!limited_) return;
  const net::ExchangeLimits limits{
      .until = until, .first_byte = route_.timeouts.first_byte, .idle = route_.timeouts.idle};
  upstream_->limit(limits);
}

void Attempts::take(Turn turn) {
  turn_ = std::move(turn);
  told_ = false;
}

bool Attempts::reopen() {
  auto turn = pool_.turn(preference());
  if (!turn) {
    refused_ = std::move(turn.error());
    return false;
  }
  take(*std::move(turn));
  upstream_ = turn_->upstream().reopen(exchange_.executor());
  if (!upstream_) return false;
  set_limits(try_until());
  return true;
}

Task<void> Attempts::open() {
  const auto until = try_until();
  if (refused_) {
    auto refused = *std::exchange(refused_, std::nullopt);
    co_return std::unexpected(std::move(refused));
  }
  std::optional<Error> last;
  for (std::size_t passed_over = 0;; ++passed_over) {
    if (!turn_) {
      auto turn = pool_.turn(preference());
      if (!turn) co_return std::unexpected(last ? *std::move(last) : std::move(turn.error()));
      // Nobody new is left; asking somebody anew is another attempt.
      if (last && std::ranges::find(tried_, &**turn) != tried_.end()) co_return std::unexpected(*std::move(last));
      take(*std::move(turn));
    }
    if (auto* notes = exchange_.notes()) ++notes->tries;
    auto client = exchange_.request().client;
    auto opened = co_await turn_->upstream().open(until, std::move(client));
    if (opened) {
      upstream_ = *std::move(opened);
      if (gone_) co_return failure(Fault::upstream, "the client has gone");
      set_limits(until);
      co_return Result<void>();
    }
    last = std::move(opened.error());
    if (last->fault() == Fault::upstream)
      exchange_.log().warn("gateway.upstream_failed",
                           {{"upstream", pool_.name()}, {"target", turn_->authority()}, {"why", last->message()}});
    end_try(*last, {});
    if (gone_ || passed_over >= kTargetsMax || net::steady_now() >= until) co_return std::unexpected(*std::move(last));
  }
}

void Attempts::answered(const net::Head& head) {
  heard_ = told_ = true;
  turn_.answered(head.status);
  if (route_.timeouts.per_try > kNone) set_limits(until_);
}

bool Attempts::declines(const net::Head& head, Progress progress) {
  const auto& rules = route_.retry;
  if (rules.statuses.empty() && rules.grpc_statuses.empty()) return false;
  Setback setback{.kind = Setback::Kind::status, .status = head.status};
  if (head.status == 200 && !rules.grpc_statuses.empty()) {  // "Trailers-Only": its status stands in the head
    const auto status = head.fields.only("grpc-status");
    setback = {.kind = Setback::Kind::grpc_status,
               .status = status ? static_cast<int>(parse_int(*status).value_or(0)) : 0};
  }
  if (!rules.covers(setback, exchange_.request().method)) return false;
  auto at_least = kNone;
  if (const auto text = head.fields.only("retry-after"))
    if (const auto asked = parse_retry_after(*text)) at_least = *asked;
  granted_ = grants(setback, progress.sent && progress.resendable, at_least);
  if (!granted_) return false;
  turn_.answered(head.status);
  told_ = true;
  (void)upstream_->at_hand();  // a small answer that is all there leaves a clean connection
  return true;
}

bool Attempts::repeats(const Error& error, Progress progress) {
  Setback setback;
  if (upstream_) setback.kind = error.code() == "timeout" ? Setback::Kind::timeout : Setback::Kind::reset;
  setback.untouched = !upstream_ || upstream_->untouched();
  end_try(error, progress);
  if (std::exchange(granted_, false)) return !gone_;
  if (heard_ || error.fault() != Fault::upstream || error.code() == kClientFault) return false;
  return grants(setback, progress.resendable, kNone);
}

// (upstream_ stays: its other direction may be waiting in it.)
void Attempts::end_try(const Error& error, Progress progress) {
  if (!turn_) return;
  const bool timeout = error.code() == "timeout";
  // A client that is slow with its body must not bring a target into disrepute.
  const bool blameless = told_ || gone_ || error.fault() != Fault::upstream || (timeout && !progress.sent);
  if (!blameless) turn_.failed(!upstream_ ? Mishap::connect : timeout ? Mishap::timeout : Mishap::cut);
  note_tried();
  last_authority_ = turn_->authority();
  turn_ = Turn();
}

void Attempts::note_tried() {
  if (turn_ && std::ranges::find(tried_, &*turn_) == tried_.end()) tried_.push_back(&*turn_);
}

// The budget is asked last: asking spends.
bool Attempts::grants(const Setback& setback, bool resendable, std::chrono::milliseconds at_least) {
  const auto& rules = route_.retry;
  if (gone_ || !resendable || attempts_ >= rules.attempts || !rules.covers(setback, exchange_.request().method))
    return false;
  note_tried();
  // Somebody who was not asked yet is asked at once.
  const auto* next = pool_.preview(preference());
  const bool again = next == nullptr || std::ranges::find(tried_, next) != tried_.end();
  pause_ = std::max(at_least,
                    again ? backoff_of(rules, attempts_ + 1, chance_of(exchange_.request().id, attempts_)) : kNone);
  if (until_ == SteadyTime::max() ? at_least > kRetryAfterMax : net::steady_now() + pause_ >= until_) return false;
  if (!pool_.may_retry()) return false;
  ++attempts_;
  exchange_.log().info("gateway.tried_again", {{"upstream", pool_.name()}, {"after", authority()}, {"attempt", attempts_}});
  return true;
}

boost::asio::awaitable<void> Attempts::pause() {
  upstream_.reset();
  if (pause_ == kNone) co_return;
  if (!nap_) nap_.emplace(exchange_.executor());
  if (!gone_) co_await nap_->after(pause_);  // client_gone() wakes it, too
}

}  // namespace gatehouse::gateway
