#include "gateway/heads.h"

#include <algorithm>

#include "core/text.h"
#include "net/head_text.h"

namespace gatehouse::gateway {

namespace {

using net::Header;
using net::HeadText;

// RFC 9110 §7.6.1 and the framing that we make ourselves.
bool is_hop_by_hop(Header id) {
  switch (id) {
    case Header::connection: case Header::keep_alive: case Header::proxy_connection: case Header::te: case Header::trailer:
    case Header::transfer_encoding: case Header::upgrade: case Header::content_length: case Header::expect:
      return true;
    default:
      return false;
  }
}

// What a Connection header may take away is only what nobody else's decision hangs on (CVE-2022-31813, CVE-2024-45410):
// unknown fields. Everything with a meaning of its own stays end-to-end.
bool named_by_connection(const net::Fields& fields, const net::Field& field) {
  return field.id == Header::other && fields.has(Header::connection) && fields.has_word(Header::connection, field.name);
}

void add_client_fields(const OnwardHead& onward, HeadText& text) {
  const auto& fields = onward.request.fields;
  const auto& own_cookies = onward.journey.snapshot.own_cookies();
  const auto& edits = onward.journey.edits;
  for (const auto& field : fields.all()) {
    if (is_hop_by_hop(field.id) || field.id == Header::host || field.id == Header::proxy_authorization) continue;
    if (onward.journey.snapshot.managed().match(field.name) != ManagedNames::Match::none) continue;
    if (named_by_connection(fields, field) || edits.removes(field.name)) continue;
    if (field.id == Header::authorization && onward.journey.pass.authorization == Pass::Authorization::remove) continue;
    if (field.id == Header::cookie && !own_cookies.empty()) {
      if (const auto rest = without_cookies(field.value, own_cookies); !rest.empty()) text.line(field.name, rest);
      continue;
    }
    text.line(field);
  }
}

void add_forwarding_fields(const OnwardHead& onward, HeadText& text) {
  const auto& request = onward.request;
  text.line("X-Forwarded-For", request.client.ip).line("X-Forwarded-Host", request.authority).line("X-Forwarded-Proto", request.scheme());
  text.line("X-Forwarded-Port", std::uint64_t(request.port));
  if (!request.id.empty()) text.line("X-Request-Id", request.id);
  text.add(request.major_version == 2 ? "Via: 2" : request.minor_version == 0 ? "Via: 1.0" : "Via: 1.1").add(" gatehouse\r\n");
}

bool sets_own_cookie(std::string_view set_cookie, const std::vector<std::string>& own) {
  const auto name = trim(set_cookie.substr(0, set_cookie.find_first_of("=;")));
  return std::ranges::find(own, name) != own.end();
}

}  // namespace

std::string_view forged_alias(const net::Fields& fields, const ManagedNames& managed) {
  for (const auto& field : fields.all())
    if (managed.match(field.name) == ManagedNames::Match::alias) return field.name;
  return {};
}

bool Edits::removes(std::string_view name) const {
  const auto same = [&](std::string_view other) { return equal_ignoring_case(other, name); };
  return std::ranges::any_of(remove, same) || std::ranges::any_of(set, same, &std::pair<std::string, std::string>::first);
}

void write_upstream_head(const OnwardHead& onward, std::string& out) {
  const auto& request = onward.request;
  const auto& edits = onward.journey.edits;
  HeadText text(out);
  text.add(request.method_name).add(" ").add(edits.path ? *edits.path : request.path);
  if (edits.query ? !edits.query->empty() : request.has_query) text.add("?").add(edits.query ? *edits.query : request.query);
  text.add(" HTTP/1.1\r\n");
  const auto host = onward.journey.route.host_header == HostHeader::preserve ? std::string_view(request.authority) : onward.upstream_authority;
  text.line("Host", edits.host ? std::string_view(*edits.host) : host);
  add_client_fields(onward, text);
  for (const auto& [name, value] : edits.set) text.line(name, value);
  add_forwarding_fields(onward, text);
  text.add(onward.journey.route.fixed_lines);
  if (onward.journey.pass.header_lines) text.add(*onward.journey.pass.header_lines);
  if (request.content_length) {
    if (request.has_body || *request.content_length > 0 || request.method == net::Method::post || request.method == net::Method::put)
      text.line("Content-Length", *request.content_length);
  } else if (request.has_body) {
    text.add("Transfer-Encoding: chunked\r\n");
  }
  // RFC 9110 §10.1.4: `trailers` is the one TE value that means something here; it is for this hop, hence Connection.
  if (request.fields.has_word(Header::te, "trailers")) text.add("TE: trailers\r\nConnection: TE\r\n");
  text.add("\r\n");
}

bool passes_back(const net::Head& answer, const net::Field& field, const Snapshot& snapshot) {
  if (is_hop_by_hop(field.id)) return false;
  if (field.id == Header::proxy_authenticate) return false;
  if (named_by_connection(answer.fields, field)) return false;
  if (field.id != Header::x_request_id && snapshot.managed().match(field.name) != ManagedNames::Match::none) return false;
  // A guarded application must not be able to plant or end a session of the gateway (fixation).
  return field.id != Header::set_cookie || !sets_own_cookie(field.value, snapshot.own_cookies());
}

std::vector<std::pair<std::string, std::string>> answer_headers(const net::Head& answer, const Snapshot& snapshot) {
  std::vector<std::pair<std::string, std::string>> headers;
  headers.reserve(answer.fields.all().size() + 1);
  for (const auto& field : answer.fields.all())
    if (passes_back(answer, field, snapshot)) headers.emplace_back(field.name, field.value);
  return headers;
}

std::vector<std::pair<std::string, std::string>> answer_trailers(const std::vector<std::pair<std::string, std::string>>& trailers,
                                                                 const ManagedNames& managed) {
  std::vector<std::pair<std::string, std::string>> kept;
  for (const auto& [name, value] : trailers) {
    // RFC 9110 §6.5.1: nothing that frames, routes, authenticates or describes the content may come late.
    if (net::header_of(name) != Header::other || !is_field_name(name) || !is_safe_value(value)) continue;
    if (managed.match(name) != ManagedNames::Match::none) continue;
    kept.emplace_back(name, value);
  }
  return kept;
}

bool comes_in_pieces(const net::Fields& fields) {
  constexpr std::string_view kEvents = "text/event-stream";
  const auto type = fields.only(Header::content_type);
  return type && equal_ignoring_case(type->substr(0, kEvents.size()), kEvents);
}

bool asks_for_websocket(const net::Fields& fields) {
  return fields.has(Header::upgrade) && fields.has_word(Header::upgrade, "websocket");
}

}  // namespace gatehouse::gateway
