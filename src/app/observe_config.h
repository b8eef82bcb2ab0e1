// What of gatehouse.yaml tells how the program is watched: access log, metrics, traces. Opens nothing.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "app/yaml.h"
#include "net/url.h"
#include "secrets/reference.h"

namespace gatehouse::app {

// The members of a line, in this order.
inline constexpr std::array<std::string_view, 26> kAccessFields{
    "time", "id", "trace", "span", "client", "host", "method", "path", "query", "status", "in", "out", "ms",
    "route", "who", "by", "verdict", "why", "upstream", "upstream_ms", "cache", "tls", "http", "user_agent", "referer", "failed"};
inline constexpr std::size_t kExcludedPathsMax = 100;
inline constexpr std::size_t kTelemetryHeadersMax = 16;

struct AccessLogConfig {
  std::string file;                     // a path, or "stdout" or "stderr"
  std::uint32_t fields = ~0U;           // bits by position in kAccessFields
  double sample = 1;                    // of the answers below 400; all others are written
  std::vector<std::string> exclude;     // path prefixes on a segment boundary, of answers below 400
  friend bool operator==(const AccessLogConfig&, const AccessLogConfig&) = default;
};

// How far a client's traceparent is believed.
enum class IncomingTrace : std::uint8_t {
  trace_id,   // our spans join its trace; whether they are recorded is our own choice
  trust,      // … and so is what it says about sampling
  ignore,     // every request begins a trace
};

struct TelemetryConfig {
  std::string endpoint;                 // OTLP over HTTP: the whole address of /v1/traces
  double sample = 0.1;
  std::string service_name = "gatehouse";
  IncomingTrace incoming = IncomingTrace::trace_id;
  std::vector<std::pair<std::string, std::string>> headers;   // name -> reference of a secret, checked
  friend bool operator==(const TelemetryConfig&, const TelemetryConfig&) = default;
};

struct ObserveConfig {
  std::optional<AccessLogConfig> access_log;
  std::optional<TelemetryConfig> telemetry;
  bool metrics = true;                  // at the listener `operations`, if there is one
};

// Reads `access_log`, `telemetry` and `metrics` of the root. `folder`: what relative paths are relative to.
ObserveConfig read_observe(Map& root, const std::string& folder);

}  // namespace gatehouse::app
