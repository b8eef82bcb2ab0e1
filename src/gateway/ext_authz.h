// The wire form in which Envoy asks over gRPC (envoy.service.auth.v3.Authorization/Check): CheckRequest is read,
// CheckResponse is written. Read strictly: a field that stands there twice, has another type or is cut off is a fault.
// Protobuf would take the last of two, but Envoy writes each once, and what can be read in two ways is refused. Pure;
// knows nothing of verdicts.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/error.h"
#include "net/message.h"

namespace gatehouse::gateway {

inline constexpr std::string_view kCheckPath = "/envoy.service.auth.v3.Authorization/Check";
inline constexpr std::size_t kCheckMessageMax =
    1024 * 1024;                                      // bytes; Envoy may be told to send the beginning of a body, too
inline constexpr std::size_t kCheckHeadersMax = 120;  // pseudo headers included

// What Envoy holds. Views into the message.
struct Check {
  std::string_view method, scheme, host, path;  // path: the target as it came, query included
  std::string_view source;                      // address of the client; empty: none, or no socket
  std::vector<std::pair<std::string_view, std::string_view>> headers;
};

// The one message of a gRPC body, not compressed.
Result<std::string_view> unframe_grpc(std::string_view body);
std::string frame_grpc(std::string_view message);

// Fault::invalid, also when there is no HTTP request in it.
Result<Check> read_check(std::string_view message);

struct CheckPassed {
  std::vector<std::pair<std::string, std::string>> set;  // instead of whatever the client sent
  std::vector<std::string> remove;
};
std::string write_passed(const CheckPassed& passed);
// `code` is one of gRPC's and never OK; the reply is what the client gets to see.
std::string write_denied(int code, const net::Reply& reply);

}  // namespace gatehouse::gateway
