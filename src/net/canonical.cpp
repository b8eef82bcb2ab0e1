#include "net/canonical.h"

#include <fmt/format.h>

#include <iterator>

#include "core/text.h"

namespace gatehouse::net {
namespace {

constexpr std::size_t kWebSocketKeyLength = 24;   // 16 bytes in base64
constexpr std::string_view kWebSocketVersion = "13";

std::unexpected<Refusal> refuse(int status, std::string_view why) { return std::unexpected(Refusal{.status = status, .why = why}); }

// From a trusted proxy only: the last address in X-Forwarded-For that is not itself a trusted proxy. What stands before
// it was written by the client and proves nothing.
void believe_proxy(const Networks& trusted, Request& request) {
  std::vector<std::string_view> hops;
  for (const auto& field : request.fields.all())
    if (field.id == Header::x_forwarded_for)
      for (const auto hop : split(field.value, ',')) hops.push_back(trim(hop));
  for (auto hop = hops.rbegin(); hop != hops.rend(); ++hop) {
    const auto ip = parse_ip(*hop);
    if (!ip) return;
    if (request.via.ip.empty()) request.via = request.client;
    request.client = {.ip = ip_text(*ip), .port = 0};
    if (!trusted.contains(*ip)) return;
  }
}

std::expected<void, Refusal> set_authority(std::string_view text, Request& request) {
  auto authority = parse_authority(text);
  if (!authority) return refuse(400, "malformed host");
  const std::uint16_t usual = request.tls ? 443 : 80;
  request.host = std::move(authority->host);
  request.port = authority->port.value_or(usual);
  const bool v6 = request.host.find(':') != std::string::npos;
  request.authority.clear();
  if (v6) request.authority += '[';
  request.authority += request.host;
  if (v6) request.authority += ']';
  if (request.port != usual) fmt::format_to(std::back_inserter(request.authority), ":{}", request.port);
  return {};
}

// The host comes from Host; an absolute-form target replaces it (RFC 9112 §3.2.2) and must not contradict it.
std::expected<void, Refusal> take_host(const Target& target, bool believed, Request& request) {
  auto host = request.fields.only(Header::host);
  if (!host) return refuse(400, "no Host");
  if (auto fine = set_authority(*host, request); !fine) return fine;
  if (!target.authority.empty()) {
    const auto said = request.authority;
    if (auto fine = set_authority(target.authority, request); !fine) return fine;
    if (said != request.authority) return refuse(400, "the target names another host than Host");
  }
  const auto forwarded = request.fields.only(Header::x_forwarded_host);
  if (believed && forwarded) return set_authority(*forwarded, request);
  return {};
}

// RFC 6455 §4.2.1. What is less than that is a request like any other; its Upgrade ends at this hop.
Upgrade asked_upgrade(const Head& head) {
  const auto& fields = head.fields;
  if (head.line.method != "GET" || head.minor_version == 0 || head.framing != Framing::none) return Upgrade::none;
  if (!fields.has(Header::upgrade) || !fields.has_word(Header::upgrade, "websocket")) return Upgrade::none;
  if (!fields.has_word(Header::connection, "upgrade")) return Upgrade::none;
  const auto key = fields.only("sec-websocket-key");
  const bool fine = key && key->size() == kWebSocketKeyLength && fields.only("sec-websocket-version") == kWebSocketVersion;
  return fine ? Upgrade::websocket : Upgrade::none;
}

}  // namespace

std::expected<void, Refusal> make_request(const Head& head, const Arrival& arrival, Target& scratch, Request& request) {
  request.method = method_of(head.line.method);
  request.method_name = head.line.method;
  request.major_version = 1;
  request.minor_version = head.minor_version;
  request.upgrade = asked_upgrade(head);
  request.fields = head.fields;
  request.client = arrival.peer;
  request.client_certificate = arrival.client_certificate.thumbprint;
  request.client_certificate_der = arrival.client_certificate.der;
  request.client_certificate_trusted = arrival.client_certificate.trusted;
  request.via.ip.clear();
  request.tls = arrival.tls;
  request.has_body = head.framing != Framing::none;
  request.content_length = std::nullopt;
  if (head.framing == Framing::length || head.fields.has(Header::content_length)) request.content_length = head.length;
  if (request.method == Method::connect || request.method == Method::trace) return refuse(501, "method not implemented");

  bool believed = false;
  if (arrival.trusted != nullptr && !arrival.trusted->empty()) {
    const auto peer = parse_ip(arrival.peer.ip);
    believed = peer && arrival.trusted->contains(*peer);
  }
  if (believed) {
    believe_proxy(*arrival.trusted, request);
    if (const auto scheme = request.fields.only(Header::x_forwarded_proto)) request.tls = equal_ignoring_case(*scheme, "https");
  }
  if (auto target = parse_target(head.line.target, scratch); !target) return refuse(400, "malformed request target");
  if (scratch.path == "*" && request.method != Method::options) return refuse(400, "'*' is for OPTIONS");
  request.path.assign(scratch.path);
  request.query.assign(scratch.query);
  request.has_query = scratch.has_query;
  return take_host(scratch, believed, request);
}

}  // namespace gatehouse::net
