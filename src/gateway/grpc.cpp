#include "gateway/grpc.h"

#include <algorithm>

#include "core/text.h"

namespace gatehouse::gateway {

namespace {

bool is_grpc_type(std::string_view type) {
  constexpr std::string_view kType = "application/grpc";
  if (!equal_ignoring_case(type.substr(0, kType.size()), kType)) return false;
  return type.size() == kType.size() || type[kType.size()] == '+' || type[kType.size()] == ';';
}

// "Percent-Encoded": printable ASCII but '%' as it is.
std::string percent_encoded(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7F && c != '%') {
      out += c;
      continue;
    }
    out += '%';
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  return out;
}

}  // namespace

// As the gRPC documents map HTTP, and 413 and 429 as "Resource exhausted", which they are.
int grpc_status_of(int status) {
  switch (status) {
    case 400: return 3;                              // INVALID_ARGUMENT: refused before it was looked at
    case 401: return 16;                             // UNAUTHENTICATED
    case 403: return 7;                              // PERMISSION_DENIED
    case 404: case 405: case 421: case 501: return 12;   // UNIMPLEMENTED: not here, or not by this name
    case 408: case 504: return 4;                    // DEADLINE_EXCEEDED
    case 409: return 10;                             // ABORTED
    case 413: case 414: case 429: case 431: return 8;    // RESOURCE_EXHAUSTED
    case 502: case 503: return 14;                   // UNAVAILABLE
    case 500: return 13;                             // INTERNAL
    case 302: case 303: return 16;                   // sent elsewhere to sign in
    default: return 2;                               // UNKNOWN
  }
}

bool is_grpc(const net::Request& request) {
  if (request.method != net::Method::post) return false;
  const auto type = request.fields.only(net::Header::content_type);
  return type && is_grpc_type(*type);
}

net::Reply as_grpc(net::Reply reply, std::string_view message) {
  std::erase_if(reply.headers, [](const auto& field) {
    return equal_ignoring_case(field.first, "content-type") || equal_ignoring_case(field.first, "location") ||
           equal_ignoring_case(field.first, "content-security-policy");
  });
  reply.with("Content-Type", "application/grpc").with("Grpc-Status", std::to_string(grpc_status_of(reply.status)));
  reply.with("Grpc-Message", percent_encoded(message));
  reply.status = 200;
  reply.body.clear();
  return reply;
}

Task<void> GrpcCall::reply(net::Reply reply) {
  const bool is_grpc = std::ranges::any_of(reply.headers, [](const auto& field) { return equal_ignoring_case(field.first, "content-type") && is_grpc_type(field.second); });
  if (!is_grpc && reply.status != said_) {
    const auto message = std::string(net::reason_of(reply.status)) + ", says the gateway; request " + request().id;
    reply = as_grpc(std::move(reply), message);
  }
  return inner_.reply(std::move(reply));
}

}  // namespace gatehouse::gateway
