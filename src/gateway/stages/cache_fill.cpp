#include "gateway/stages/cache_fill.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/text.h"
#include "gateway/routes.h"
#include "gateway/stages/answer_layer.h"

namespace gatehouse::gateway {
namespace {

constexpr std::uint64_t kDrainMax = 1 << 20;  // of an error that nobody gets
constexpr Seconds kHopelessFor{10};
constexpr std::uint64_t kReserveStep = 64 * 1024;

// Beside what the upstream names: what the route adds, and what an answer plainly depends on although it does not say
// so. An origin that was echoed to one page must not let another in, and a coding is for those who can read it.
void select_also(const net::Reply& head, const CacheConfig& config, std::vector<std::string>& vary) {
  vary.insert(vary.end(), config.vary.begin(), config.vary.end());
  if (find_header(head, "content-encoding") != nullptr) vary.emplace_back("accept-encoding");
  const auto* origin = find_header(head, "access-control-allow-origin");
  if (origin != nullptr && *origin != "*") vary.emplace_back("origin");
  std::ranges::sort(vary);
  vary.erase(std::ranges::unique(vary).begin(), vary.end());
}

bool is_error_to_bridge(int status) { return status == 500 || status == 502 || status == 503 || status == 504; }

}  // namespace

void add_cache_status(net::Reply& head, const CacheConfig& config, std::string_view parameters) {
  if (config.tell) head.headers.emplace_back("Cache-Status", fmt::format("gatehouse; {}", parameters));
}

bool FillLayer::take(net::Reply& head, std::optional<std::uint64_t> length) {
  decided_ = true;
  status_ = head.status;
  if (fill_.stale && hold_back(head)) return true;
  if (closes_) inner_.close_after();
  begin(head, length);
  tell(head);
  remove_header(head, "surrogate-key");
  remove_header(head, "cache-tag");
  return false;
}

bool FillLayer::hold_back(const net::Reply& head) {
  if (head.status == 304 && fill_.conditional) {
    confirm(head);
    return true;
  }
  if (!is_error_to_bridge(head.status) ||
      !bridges_error(fill_.stale->freshness, fill_.question.asked, fill_.clock.now()))
    return false;
  end_ = End::bridged;
  entry_ = fill_.stale;
  return true;
}

// RFC 9111 §4.3.4. What the news forbid to keep is answered this once, and gone.
void FillLayer::confirm(const net::Reply& head) {
  const auto& stale = *fill_.stale;
  if (!confirms(stale.headers, head.headers)) {
    end_ = End::mistaken;
    return fill_.store.remove(fill_.stale);
  }
  end_ = End::confirmed;
  net::Reply whole{.status = stale.status, .headers = freshened(stale.headers, head.headers), .body = {}};
  for (const auto& header : head.headers)
    if (equal_ignoring_case(header.first, "age") || equal_ignoring_case(header.first, "surrogate-key") ||
        equal_ignoring_case(header.first, "cache-tag"))
      whole.headers.push_back(header);
  std::string_view why;
  auto keeping = keeping_of(whole, fill_.config.rules, {fill_.question.at, fill_.clock.now()}, why);
  auto next = std::make_shared<CacheEntry>(stale);
  if (keeping) {
    next->headers = std::move(keeping->headers);
    next->freshness = keeping->freshness;
    next->shared = keeping->shared;
    if (!keeping->tags.empty()) next->tags = std::move(keeping->tags);
  }
  entry_ = next;
  // For whom it may be kept can have changed, and what selects it, too: then it is asked for anew.
  if (keeping) select_also(whole, fill_.config, keeping->vary);
  const bool same =
      keeping && next->key == fill_.question.key_for(*keeping, fill_.config) && keeping->vary == stale.vary;
  std::tie(next->place, next->turn) = std::tie(fill_.question.turn.place, fill_.question.turn.turn);
  if (same) fill_.store.keep(entry_, fill_.question.turn);
  else fill_.store.remove(fill_.stale);
}

void FillLayer::begin(const net::Reply& head, std::optional<std::uint64_t> length) {
  length_ = length;
  const auto& [question, config] = std::tie(fill_.question, fill_.config);
  if (fill_.request.method != net::Method::get || question.asked.no_store) return give_up();
  std::string_view why;
  auto keeping = keeping_of(head, config.rules, {question.at, fill_.clock.now()}, why);
  if (keeping) select_also(head, config, keeping->vary);
  const bool fits = !length || *length <= config.store.object_max;
  // Of these no two requests have the same: kept for nobody.
  const bool selects_one = keeping && std::ranges::any_of(keeping->vary, [](const auto& name) {
                             return name == "x-request-id" || name == "traceparent";
                           });
  if (!keeping || !fits || selects_one || question.key_for(*keeping, config).empty()) {
    if (head.status < 400 && head.status != 304)
      fill_.store.call_hopeless(question.flight_key(), fill_.clock.now() + kHopelessFor);
    return give_up();
  }
  filling_ = std::make_shared<CacheEntry>();
  auto& entry = *filling_;
  entry.key = question.key_for(*keeping, config);
  entry.url = question.url;
  entry.route = fill_.journey.route.demand.route;
  entry.status = head.status;
  entry.headers = std::move(keeping->headers);
  entry.freshness = keeping->freshness;
  entry.vary = std::move(keeping->vary);
  entry.tags = std::move(keeping->tags);
  entry.shared = keeping->shared;
  std::tie(entry.place, entry.turn) = std::tie(question.turn.place, question.turn.turn);
  if (!entry.vary.empty())
    entry.selecting = selecting(fill_.store, head_for_upstream(fill_.request, fill_.journey), entry.vary);
}

void FillLayer::tell(net::Reply& head) const {
  auto parameters = fmt::format("fwd={}; fwd-status={}", fill_.because, status_);
  if (filling_)
    fmt::format_to(std::back_inserter(parameters), "; stored; ttl={}",
                   filling_->freshness.left(fill_.clock.now()).count());
  add_cache_status(head, fill_.config, parameters);
}

// False when there is no room for a copy.
bool FillLayer::copy(std::string_view piece) {
  if (body_.size() + piece.size() > fill_.config.store.object_max) return false;
  while (reserved_ < body_.size() + piece.size()) {
    const auto step = std::max<std::uint64_t>(kReserveStep, body_.size() + piece.size() - reserved_);
    if (!fill_.store.reserve(step)) return false;
    reserved_ += step;
  }
  body_.append(piece);
  return true;
}

void FillLayer::keep() {
  if (!filling_) return;
  const bool whole = !length_ || *length_ == body_.size() || filling_->status == 204;
  if (whole) {
    body_.shrink_to_fit();
    filling_->body = std::make_shared<const std::string>(std::move(body_));
    entry_ = filling_;
    if (fill_.stale && fill_.stale->key != entry_->key) fill_.store.remove(fill_.stale);
    if (fill_.store.keep(entry_, fill_.question.turn))
      fill_.store.call_hopeless(fill_.question.flight_key(), Timestamp());
  }
  give_up();
}

// Whatever is kept by now is kept; nobody has to wait any more.
void FillLayer::give_up() {
  filling_.reset();
  body_ = std::string();
  if (reserved_ > 0) fill_.store.release(std::exchange(reserved_, 0));
  fill_.lease = SingleFlight::Lease();
}

Task<void> FillLayer::reply(net::Reply reply) {
  if (take(reply, reply.body.size())) co_return Result<void>();
  if (filling_ && !copy(reply.body)) give_up();
  keep();
  co_return co_await inner_.reply(std::move(reply));
}

Task<void> FillLayer::start(net::Reply head, std::optional<std::uint64_t> length) {
  if (take(head, length)) co_return Result<void>();
  co_return co_await inner_.start(std::move(head), length);
}

Task<void> FillLayer::send(std::string_view piece) {
  if (held_back()) {
    drained_ += piece.size();
    if (drained_ > kDrainMax)
      co_return failure(Fault::upstream, "an error of the upstream that is too long to be read to its end");
    co_return Result<void>();
  }
  if (filling_ && !copy(piece)) {
    fill_.store.call_hopeless(fill_.question.flight_key(), fill_.clock.now() + kHopelessFor);
    give_up();
  }
  co_return co_await inner_.send(piece);
}

Task<void> FillLayer::finish(std::vector<std::pair<std::string, std::string>> trailers) {
  if (held_back()) co_return Result<void>();
  if (!trailers.empty()) give_up();  // they come after what they are about; the next client would miss them
  keep();
  co_return co_await inner_.finish(std::move(trailers));
}

// Until the head is there it is not known whether the client's connection has to end for this.
void FillLayer::close_after() {
  closes_ = true;
  if (decided_ && !held_back()) inner_.close_after();
}

void FillLayer::settle() {
  if (closes_ && !held_back()) inner_.close_after();
}

}  // namespace gatehouse::gateway
