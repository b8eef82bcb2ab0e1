// Message heads on their way through: what the upstream is told, and what the client hears of its answer. Pure.
// Framing is never copied: lengths and codings are made again from what was really read (RFC 9110 §7.6, RFC 9112 §6).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gateway/snapshot.h"
#include "net/http1.h"

namespace gatehouse::gateway {

// The header name of the request that keeps it from being forwarded: an alias of a managed name; empty when there is none.
// (The managed names themselves are dropped in silence: honest clients behind another proxy send X-Forwarded-For.)
std::string_view forged_alias(const net::Fields& fields, const ManagedNames& managed);

struct OnwardHead {
  const net::Request& request;
  const Journey& journey;      // its route, who passes, and what its stages changed
  std::string_view upstream_authority;
};
// Appends the whole head, empty line included, for a request whose body is framed by Content-Length when
// request.content_length is known and chunked otherwise.
void write_upstream_head(const OnwardHead& onward, std::string& out);

// The upstream's header fields for the client.
std::vector<std::pair<std::string, std::string>> answer_headers(const net::Head& answer, const Snapshot& snapshot);
// Does this one of them pass?
bool passes_back(const net::Head& answer, const net::Field& field, const Snapshot& snapshot);
// Likewise for trailer fields of an answer or a request, of which only harmless ones pass.
std::vector<std::pair<std::string, std::string>> answer_trailers(const std::vector<std::pair<std::string, std::string>>& trailers,
                                                                 const ManagedNames& managed);

// Server-sent events: each piece must arrive when it is sent, whatever the length.
bool comes_in_pieces(const net::Fields& fields);
bool asks_for_websocket(const net::Fields& fields);

}  // namespace gatehouse::gateway
