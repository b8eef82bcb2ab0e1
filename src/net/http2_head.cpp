#include "net/http2_head.h"

#include <algorithm>

#include "core/text.h"
#include "net/chars.h"

namespace gatehouse::net {
namespace {

using Verdict = std::expected<void, Refusal>;

constexpr std::size_t kFieldCost = 32;   // RFC 9113 §6.5.2
constexpr std::size_t kMethodMax = 32;   // as over HTTP/1.1

std::unexpected<Refusal> refusing(int status, std::string_view why) { return std::unexpected(Refusal{.status = status, .why = why}); }

// RFC 9113 §8.2.2: what speaks of a connection has no place in a multiplexed one; downgraded, it would frame a message anew.
bool is_connection_field(Header id) {
  switch (id) {
    case Header::connection: case Header::keep_alive: case Header::proxy_connection: case Header::transfer_encoding: case Header::upgrade:
      return true;
    default:
      return false;
  }
}

bool is_lower_token(std::string_view name) {
  for (const char c : name)
    if (!chars::is(c, chars::token) || (c >= 'A' && c <= 'Z')) return false;
  return !name.empty();
}

bool has_outer_space(std::string_view value) {
  const auto is_space = [](char c) { return c == ' ' || c == '\t'; };
  return !value.empty() && (is_space(value.front()) || is_space(value.back()));
}

bool same_authority(std::string_view one, std::string_view other, std::uint16_t usual) {
  const auto a = parse_authority(one), b = parse_authority(other);
  return a && b && a->host == b->host && a->port.value_or(usual) == b->port.value_or(usual);
}

}  // namespace

void Http2Head::begin(Part part, std::string& text) {
  part_ = part;
  text_ = &text;
  if (part == Part::request) text.clear();
  pseudos_.fill(std::nullopt);
  fields_.clear();
  cookies_.clear();
  list_size_ = 0;
  refusal_.reset();
}

void Http2Head::refuse(int status, std::string_view why) {
  if (!refusal_) refusal_ = Refusal{.status = status, .why = why};
}

void Http2Head::keep(std::string_view name, std::string_view value, Header id, std::vector<Entry>& where) {
  where.push_back({.name = static_cast<std::uint32_t>(text_->size()), .name_size = static_cast<std::uint32_t>(name.size()),
                   .value_size = static_cast<std::uint32_t>(value.size()), .id = id});
  text_->append(name).append(value);
}

void Http2Head::add(std::string_view name, std::string_view value, const HttpLimits& limits) {
  if (refusal_) return;
  list_size_ += name.size() + value.size() + kFieldCost;
  if (list_size_ > (part_ == Part::request ? limits.head : limits.trailers)) return refuse(431, "the head is too large");
  if (name.starts_with(':')) return add_pseudo(name, value);
  const auto id = header_of(name);
  if (!is_fine(name, value, id)) return;
  if (id == Header::cookie && part_ == Part::request) return keep(name, value, id, cookies_);   // RFC 9113 §8.2.3: crumbs of one field
  if (fields_.size() >= limits.fields) return refuse(431, "too many header fields");
  keep(name, value, id, fields_);
}

void Http2Head::add_pseudo(std::string_view name, std::string_view value) {
  static constexpr std::array<std::string_view, kPseudos> kNames{":method", ":scheme", ":path", ":authority", ":protocol"};
  const auto* const found = std::ranges::find(kNames, name);
  if (part_ == Part::trailers || found == kNames.end()) return refuse(400, "a pseudo header that does not belong here");
  if (!fields_.empty() || !cookies_.empty()) return refuse(400, "a pseudo header after a field");
  if (value.empty() || !chars::all(value, chars::printable)) return refuse(400, "malformed pseudo header");
  auto& entry = pseudos_[static_cast<std::size_t>(found - kNames.begin())];
  if (entry) return refuse(400, "a pseudo header that stands there twice");
  entry = Entry{.name = static_cast<std::uint32_t>(text_->size()), .name_size = 0, .value_size = static_cast<std::uint32_t>(value.size())};
  text_->append(value);
}

// False: refuse() was told why.
bool Http2Head::is_fine(std::string_view name, std::string_view value, Header id) {
  if (!is_lower_token(name)) refuse(400, "malformed header name");
  else if (chars::has_control(value)) refuse(400, "control character in a header value");
  else if (has_outer_space(value)) refuse(400, "white space around a header value");
  else if (is_connection_field(id)) refuse(400, "a field of the connection");
  else if (id == Header::te && value != "trailers") refuse(400, "TE other than trailers");
  else if (part_ == Part::trailers && !may_trail(name)) refuse(400, "a field that may not stand in trailers");
  return !refusal_;
}

bool Http2Head::asks_for_websocket() const { return pseudos_[protocol] && pseudo(protocol) == "websocket"; }

Verdict Http2Head::judge_pseudo() const {
  if (!pseudos_[method]) return refusing(400, "no :method");
  const auto verb = pseudo(method);
  if (verb.size() > kMethodMax || !chars::all(verb, chars::token)) return refusing(400, "malformed method");
  if (verb == "CONNECT" && !pseudos_[protocol]) return refusing(501, "method not implemented");
  if (verb != "CONNECT" && pseudos_[protocol]) return refusing(400, ":protocol without CONNECT");
  if (pseudos_[protocol] && !asks_for_websocket()) return refusing(501, "unknown :protocol");
  if (!pseudos_[path] || !pseudos_[scheme]) return refusing(400, "no :path or :scheme");
  if (const auto used = pseudo(scheme); used != "https" && used != "http") return refusing(400, "unknown :scheme");
  // CVE-2026-33186: rules by path were passed by a `:path` without its slash.
  if (const auto target = pseudo(path); target.front() != '/' && target != "*") return refusing(400, ":path does not begin with a slash");
  return {};
}

// The crumbs of a cookie become the one field that HTTP/1.1 and our handlers know.
void Http2Head::join_cookies() {
  if (cookies_.empty()) return;
  auto joined = cookies_.front();
  if (cookies_.size() > 1) {
    std::string value;
    for (const auto& crumb : cookies_) value.append(value.empty() ? "" : "; ").append(value_of(crumb));
    joined.name = static_cast<std::uint32_t>(text_->size());
    joined.value_size = static_cast<std::uint32_t>(value.size());
    text_->append("cookie").append(value);
  }
  fields_.push_back(joined);
}

Verdict Http2Head::fill_fields(const Arrival& arrival, Fields& fields) {
  join_cookies();
  bool fits = true, hosted = false;
  for (const auto& entry : fields_) {
    if (entry.id == Header::host) {
      // Twice, or beside another :authority: who reads the other one sees another host.
      if (std::exchange(hosted, true)) return refusing(400, "more than one Host");
      if (pseudos_[authority] && !same_authority(pseudo(authority), value_of(entry), arrival.tls ? 443 : 80))
        return refusing(400, ":authority names another host than Host");
    }
    fits = fits && fields.add({.name = name_of(entry), .value = value_of(entry), .id = entry.id});
  }
  if (pseudos_[authority] && !hosted) fits = fits && fields.add({.name = "host", .value = pseudo(authority), .id = Header::host});
  if (!fits) return refusing(431, "too many header fields");
  return {};
}

Verdict Http2Head::make(const Arrival& arrival, End end, const HttpLimits& limits, Workspace& work) {
  work.request.method = pseudos_[method] ? method_of(pseudo(method)) : Method::get;   // a refusal of HEAD has no body either
  work.request.upgrade = Upgrade::none;
  work.request.id.clear();
  if (refusal_) return std::unexpected(*refusal_);
  if (auto fine = judge_pseudo(); !fine) return fine;
  auto& head = work.head;
  head.clear();
  if (auto fine = fill_fields(arrival, head.fields); !fine) return fine;
  const bool websocket = asks_for_websocket();
  head.line = {.method = websocket ? "GET" : pseudo(method), .target = pseudo(path), .minor_version = 1};
  if (head.line.target.size() > limits.start_line) return refusing(414, "the target is too long");
  const auto length = content_length_of(head.fields);
  if (!length) return std::unexpected(length.error());
  if (*length && **length > limits.body) return refusing(413, "the body is too large");
  if (websocket) {   // RFC 8441 §5: the stream carries the tunnel, and nothing else
    if (*length || end == End::stream_ends) return refusing(400, "a tunnel with a body, or without a stream");
  } else if (end == End::stream_ends) {
    if (length->value_or(0) != 0) return refusing(400, "the body is shorter than Content-Length");
  } else {
    head.framing = *length ? Framing::length : Framing::chunked;
  }
  head.length = length->value_or(0);
  if (head.fields.has(Header::expect)) {
    const auto expect = head.fields.only(Header::expect);
    if (!expect || !equal_ignoring_case(*expect, "100-continue")) return refusing(417, "unknown expectation");
    head.expects_continue = head.framing != Framing::none;
  }
  if (auto fine = make_request(head, arrival, work.target, work.request); !fine) return fine;
  work.request.major_version = 2;
  work.request.minor_version = 0;
  if (websocket && head.fields.only("sec-websocket-version") != "13") return refusing(400, "unknown version of WebSocket");
  if (websocket) work.request.upgrade = Upgrade::websocket;
  return {};
}

std::expected<std::vector<std::pair<std::string, std::string>>, Refusal> Http2Head::make_trailers() const {
  if (refusal_) return std::unexpected(*refusal_);
  std::vector<std::pair<std::string, std::string>> trailers;
  for (const auto& entry : fields_) trailers.emplace_back(name_of(entry), value_of(entry));
  return trailers;
}

}  // namespace gatehouse::net
