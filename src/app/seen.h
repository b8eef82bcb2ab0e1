// One request as it was seen from outside, and what is told of it: a line of the access log, spans. Pure: no clock, no file.
// What a client wrote is told with credentials cut out, cut to a length, and as valid UTF-8 whatever it was.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "net/exchange.h"
#include "net/trace_context.h"

namespace gatehouse::app {

inline constexpr std::size_t kToldPathMax = 2048, kToldTextMax = 512;   // bytes of a path and of any other text

struct SeenTrace {
  net::TraceParent server;                 // our own span, and whether it is recorded
  std::optional<net::SpanId> parent;       // the client's
  std::optional<net::SpanId> onward;       // the span of the call to the upstream
  std::string state;
};

struct Seen {
  const net::Request& request;
  const net::Notes& notes;
  Timestamp began;                          // by the wall clock
  net::Notes::Time began_steady, ended_steady;
  int status = 0;                           // 0: nothing was answered
  std::uint64_t in = 0, out = 0;            // bytes of the bodies, or of a tunnel
  std::optional<SeenTrace> trace;

  std::uint64_t micros() const { return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(ended_steady - began_steady).count()); }
};

// What became of the request at the gateway: "passed", "challenged" (told to sign in), "denied", "limited", "refused"; "none"
// when no rule was asked.
std::string_view verdict_of(const Seen& seen);

// A query with the values of parameters whose names speak of secrets, and what looks like a credential, taken out.
std::string redact_query(std::string_view query);

// A line of the access log, with line break. `fields`: bits by position in kAccessFields.
std::string access_line(const Seen& seen, std::uint32_t fields);

// The spans of a request as OTLP JSON objects, joined by commas: the server's, the policy's, the upstream's. The request has
// a trace.
std::string spans_of(const Seen& seen);
// The body of POST /v1/traces around such spans (OpenTelemetry protocol 1.x, JSON Protobuf encoding).
std::string export_request(std::string_view service_name, std::string_view version, std::string_view spans);

}  // namespace gatehouse::app
