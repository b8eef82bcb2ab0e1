// Watches every request that the listeners bring, from outside of all handlers, and tells of it as configured: a line in the
// access log, counters, spans. Changes nothing of the answer. Exists only when something of it is configured.
#pragma once

#include <functional>
#include <string_view>

#include "app/access_log.h"
#include "app/observe_config.h"
#include "app/seen.h"
#include "app/span_export.h"
#include "core/metrics.h"
#include "core/random.h"

namespace gatehouse::app {

// What is counted of requests. `host` and `route` are words of the configuration, never of a client.
struct RequestMetrics {
  explicit RequestMetrics(Metrics& metrics);
  void count(const Seen& seen, std::string_view host);

  Family<Counter>& requests;
  Family<Histogram>& seconds;
  Family<Histogram>& upstream_seconds;
  Family<Counter>& bytes_in;
  Family<Counter>& bytes_out;
  Family<Counter>& verdicts;
  Family<Counter>& limited;
  Family<Counter>& cache;
  Gauge& in_flight;
};

class Observer final : public net::Handler {
 public:
  // Borrowed. What is not configured is nullptr.
  struct Needs {
    net::Handler& below;
    const Clock& clock;
    Random& random;
    std::function<bool(std::string_view)> knows_host;   // is it one of the configuration?
    AccessLog* access_log = nullptr;
    SpanExport* spans = nullptr;
    Metrics* metrics = nullptr;
  };
  Observer(Needs needs, const ObserveConfig& config);
  boost::asio::awaitable<void> handle(net::Exchange& exchange) override;

 private:
  class Watched;
  SeenTrace trace_of(const net::Request& request, net::Notes& notes);
  std::optional<SeenTrace> begin_trace(const net::Request& request, net::Notes& notes);
  void tell(const Seen& seen);
  bool is_written(const Seen& seen);
  bool by_chance(double ratio);

  Needs needs_;
  std::optional<AccessLogConfig> access_;
  std::optional<TelemetryConfig> telemetry_;
  std::optional<RequestMetrics> counted_;
};

}  // namespace gatehouse::app
