// W3C Trace Context (https://www.w3.org/TR/trace-context/): which trace a request belongs to. Pure.
// What a client says here is a wish: ids that are not exactly as the standard has them start a new trace.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "core/random.h"
#include "net/message.h"

namespace gatehouse::net {

inline constexpr std::size_t kTraceStateMax = 512;    // bytes; §3.3.1.5 asks for at least that
inline constexpr std::size_t kTraceStateMembers = 32;

using TraceId = std::array<std::byte, 16>;
using SpanId = std::array<std::byte, 8>;

struct TraceParent {
  TraceId trace{};
  SpanId span{};
  bool sampled = false;
};

// The value of `traceparent`, §3.2. Fault::invalid for anything else than the standard has.
Result<TraceParent> parse_traceparent(std::string_view text);
std::string to_text(const TraceParent& parent);            // version 00
std::string hex(const TraceId& id);
std::string hex(const SpanId& id);

// Of a request: nullopt when there is no parent, two of them, or one that is not valid.
std::optional<TraceParent> traceparent_of(const Fields& fields);
// The tracestate of a request in one line; empty when there is none or it is not as §3.3 has it.
std::string tracestate_of(const Fields& fields);

TraceId new_trace_id(Random& random);
SpanId new_span_id(Random& random);

}  // namespace gatehouse::net
