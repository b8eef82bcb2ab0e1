#include "app/observer.h"

#include <array>
#include <cstring>

#include "gateway/stage.h"

namespace gatehouse::app {
namespace {

constexpr std::string_view kStateHeader = "tracestate";

bool covers(std::string_view prefix, std::string_view path) {
  if (prefix == "/") return true;
  return path.starts_with(prefix) && (path.size() == prefix.size() || prefix.ends_with('/') || path[prefix.size()] == '/');
}

std::string_view class_of(int status) {
  static constexpr std::array<std::string_view, 6> kClasses{"none", "1xx", "2xx", "3xx", "4xx", "5xx"};
  return status >= 0 && status < 600 ? kClasses[static_cast<std::size_t>(status / 100)] : kMetricOther;
}

std::uint64_t micros_between(net::Notes::Time from, net::Notes::Time to) {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(to - from).count());
}

}  // namespace

RequestMetrics::RequestMetrics(Metrics& metrics)
    : requests(metrics.counters({"gatehouse_requests_total", "Requests answered.", {"host", "route", "method", "status"}})),
      seconds(metrics.histograms({"gatehouse_request_duration_seconds", "From the head of a request to the end of its answer.", {"host", "route"}})),
      upstream_seconds(metrics.histograms({"gatehouse_upstream_duration_seconds", "From choosing a target to the end of its answer.", {"host", "route"}})),
      bytes_in(metrics.counters({"gatehouse_request_bytes_total", "Bytes of request bodies.", {"host", "route"}})),
      bytes_out(metrics.counters({"gatehouse_response_bytes_total", "Bytes of answer bodies.", {"host", "route"}})),
      verdicts(metrics.counters({"gatehouse_verdicts_total", "What became of requests at the gateway.", {"host", "route", "verdict"}})),
      limited(metrics.counters({"gatehouse_rate_limited_total", "Requests refused with 429 by us.", {"host", "route"}})),
      cache(metrics.counters({"gatehouse_cache_total", "What the cache said.", {"host", "route", "result"}})),
      in_flight(metrics.gauges({"gatehouse_requests_in_flight", "Requests that are being answered.", {}}).at({})) {}

void RequestMetrics::count(const Seen& seen, std::string_view host) {
  const auto& notes = seen.notes;
  const std::string_view route = notes.route;
  const auto method = seen.request.method == net::Method::other ? kMetricOther : net::name_of(seen.request.method);
  requests.at({host, route, method, class_of(seen.status)}).add();
  seconds.at({host, route}).observe(seen.micros());
  if (seen.in > 0) bytes_in.at({host, route}).add(seen.in);
  if (seen.out > 0) bytes_out.at({host, route}).add(seen.out);
  if (notes.upstream_ended != net::Notes::Time()) upstream_seconds.at({host, route}).observe(micros_between(notes.upstream_began, notes.upstream_ended));
  const auto verdict = verdict_of(seen);
  if (verdict != "none") verdicts.at({host, route, verdict}).add();
  if (verdict == "limited") limited.at({host, route}).add();
  if (!notes.cache.empty()) cache.at({host, route, notes.cache}).add();
}

// The exchange that all handlers see. What it saw is told when it ends, however it ends.
class Observer::Watched final : public gateway::ExchangeLayer {
 public:
  Watched(Observer& observer, net::Exchange& below)
      : ExchangeLayer(below), observer_(observer), began_(observer.needs_.clock.now()), began_steady_(net::Notes::now()),
        trace_(observer.begin_trace(below.request(), notes_)) {
    if (observer_.counted_) observer_.counted_->in_flight.add(1);
  }
  Watched(const Watched&) = delete;
  Watched& operator=(const Watched&) = delete;
  ~Watched() override {
    if (observer_.counted_) observer_.counted_->in_flight.add(-1);
    try {
      const auto now = net::Notes::now();
      if (notes_.upstream_began != net::Notes::Time() && notes_.upstream_ended == net::Notes::Time()) notes_.upstream_ended = now;
      observer_.tell({.request = request(), .notes = notes_, .began = began_, .began_steady = began_steady_, .ended_steady = now,
                      .status = status_, .in = in_, .out = out_, .trace = std::move(trace_)});
    } catch (const std::exception& bug) {
      log().error("observer.failed", {{"why", bug.what()}});
    }
  }

  net::Notes* notes() override { return &notes_; }
  Task<std::string_view> read_some() override {
    auto piece = co_await inner_.read_some();
    if (piece) in_ += piece->size();
    co_return piece;
  }
  Task<void> reply(net::Reply reply) override {
    answered(reply.status);
    if (has_content(reply.status)) out_ += reply.body.size();
    return inner_.reply(std::move(reply));
  }
  Task<void> start(net::Reply head, std::optional<std::uint64_t> length) override {
    answered(head.status);
    return inner_.start(std::move(head), length);
  }
  Task<void> send(std::string_view piece) override {
    out_ += piece.size();
    return inner_.send(piece);
  }
  bool relays() const override { return inner_.relays(); }
  Result<bool> relay(const net::Borrowed& answer) override {
    answered(answer.status);
    if (has_content(answer.status)) out_ += answer.body.size();
    return inner_.relay(answer);
  }
  Task<void> relayed() override { return inner_.relayed(); }
  Task<void> start_tunnel(net::Reply head) override {
    answered(request().major_version == 2 ? 200 : 101);
    return inner_.start_tunnel(std::move(head));
  }

 private:
  void answered(int status) { status_ = status; }
  bool has_content(int status) const { return request().method != net::Method::head && status != 204 && status != 304; }

  Observer& observer_;
  net::Notes notes_;
  Timestamp began_;
  net::Notes::Time began_steady_;
  std::optional<SeenTrace> trace_;
  int status_ = 0;
  std::uint64_t in_ = 0, out_ = 0;
};

Observer::Observer(Needs needs, const ObserveConfig& config) : needs_(std::move(needs)), access_(config.access_log), telemetry_(config.telemetry) {
  if (needs_.metrics != nullptr) counted_.emplace(*needs_.metrics);
}

boost::asio::awaitable<void> Observer::handle(net::Exchange& exchange) {
  Watched watched(*this, exchange);
  co_await needs_.below.handle(watched);
}

// Not by the trace id: a client could choose ids that are always recorded.
bool Observer::by_chance(double ratio) {
  if (ratio <= 0 || ratio >= 1) return ratio >= 1;
  std::array<std::byte, 4> bytes{};
  needs_.random.fill(bytes);
  std::uint32_t number = 0;
  std::memcpy(&number, bytes.data(), sizeof number);
  return number < ratio * 4294967296.0;
}

SeenTrace Observer::trace_of(const net::Request& request, net::Notes& notes) {
  const auto& config = *telemetry_;
  SeenTrace trace;
  if (config.incoming != IncomingTrace::ignore)
    if (const auto parent = net::traceparent_of(request.fields)) {
      trace.server = *parent;
      trace.parent = parent->span;
      trace.state = net::tracestate_of(request.fields);
    }
  if (!trace.parent) trace.server.trace = net::new_trace_id(needs_.random);
  if (!trace.parent || config.incoming != IncomingTrace::trust) trace.server.sampled = by_chance(config.sample);
  trace.server.span = net::new_span_id(needs_.random);
  trace.onward = net::new_span_id(needs_.random);

  const net::TraceParent told{.trace = trace.server.trace, .span = *trace.onward, .sampled = trace.server.sampled};
  notes.onward.emplace_back("traceparent", net::to_text(told));
  if (trace.state.empty()) notes.withheld.emplace_back(kStateHeader);
  else notes.onward.emplace_back(kStateHeader, trace.state);
  return trace;
}

std::optional<SeenTrace> Observer::begin_trace(const net::Request& request, net::Notes& notes) {
  if (telemetry_) return trace_of(request, notes);
  // Nobody records spans here, but a line of the log may still be found by the client's trace.
  if (!access_) return std::nullopt;
  const auto parent = net::traceparent_of(request.fields);
  if (!parent) return std::nullopt;
  SeenTrace trace;
  trace.server.trace = parent->trace;
  return trace;
}

bool Observer::is_written(const Seen& seen) {
  if (seen.status == 0 || seen.status >= 400) return true;
  for (const auto& prefix : access_->exclude)
    if (covers(prefix, seen.request.path)) return false;
  return by_chance(access_->sample);
}

void Observer::tell(const Seen& seen) {
  if (counted_) {
    const auto& host = seen.notes.host.empty() ? seen.request.host : seen.notes.host;
    const bool known = !seen.notes.host.empty() || needs_.knows_host(host);
    counted_->count(seen, known ? std::string_view(host) : kMetricOther);
  }
  if (needs_.access_log != nullptr && is_written(seen)) needs_.access_log->write(access_line(seen, access_->fields));
  if (needs_.spans != nullptr && seen.trace && seen.trace->server.sampled) needs_.spans->offer(spans_of(seen));
}

}  // namespace gatehouse::app
