#include "app/seen.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "app/observe_config.h"
#include "core/json.h"
#include "core/log.h"
#include "core/text.h"

namespace gatehouse::app {
namespace {

constexpr std::string_view kRedacted = "[redacted]";
// Anywhere in a parameter's name: rather one value too many is taken out than one too few.
constexpr std::array<std::string_view, 17> kSecretWords{"token", "secret", "passw", "pwd", "code", "state", "nonce", "key", "sig", "auth",
                                                        "session", "jwt", "assertion", "credential", "ticket", "saml", "otp"};

void add_json_text(std::string& out, std::string_view text) {
  const bool utf8 = is_utf8(text);
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') out.append({'\\', c});
    else if (byte < 0x20 || byte == 0x7f || (byte >= 0x80 && !utf8)) fmt::format_to(std::back_inserter(out), "\\u{:04x}", byte);
    else out += c;
  }
  out += '"';
}

// Cut where a character begins.
std::string_view shortened(std::string_view text, std::size_t max) {
  if (text.size() <= max) return text;
  while (max > 0 && (static_cast<unsigned char>(text[max]) & 0xc0) == 0x80) --max;
  return text.substr(0, max);
}

// First taken out, then cut: half a credential would not be known as one.
std::string told(std::string_view text, std::size_t max = kToldTextMax) { return std::string(shortened(redact(text), max)); }

// Where somebody came from, without what the address told that server alone.
std::string_view without_query(std::string_view address) { return address.substr(0, address.find_first_of("?#")); }

std::string told_referer(std::string_view referer) {
  referer = without_query(referer);
  const auto scheme = referer.find("://");
  const auto from = scheme == std::string_view::npos ? 0 : scheme + 3;
  const auto end = std::min(referer.find('/', from), referer.size());
  const auto user = referer.substr(0, end).rfind('@');
  if (user != std::string_view::npos && user >= from) return told(std::string(referer.substr(0, from)) + std::string(referer.substr(user + 1)));
  return told(referer);
}

double millis_between(net::Notes::Time from, net::Notes::Time to) { return std::chrono::duration<double, std::milli>(to - from).count(); }

bool happened(net::Notes::Time time) { return time != net::Notes::Time(); }

// Writes the members that are wanted; those that say nothing are left out.
class Line {
 public:
  explicit Line(std::uint32_t fields) : fields_(fields) { out_.reserve(512); }
  void text(std::string_view name, std::string_view value) {
    if (value.empty() || !begin(name)) return;
    add_json_text(out_, value);
  }
  template <class Number>
  void number(std::string_view name, Number value) {
    if (begin(name)) fmt::format_to(std::back_inserter(out_), "{}", value);
  }
  void millis(std::string_view name, double value) {
    if (begin(name)) fmt::format_to(std::back_inserter(out_), "{:.3f}", value);
  }
  bool wants(std::string_view name) const {
    const auto at = std::ranges::find(kAccessFields, name) - kAccessFields.begin();
    return ((fields_ >> static_cast<unsigned>(at)) & 1U) != 0;
  }
  std::string take() && { return std::move(out_ += out_.empty() ? "{}\n" : "}\n"); }

 private:
  bool begin(std::string_view name) {
    if (!wants(name)) return false;
    out_ += out_.empty() ? "{\"" : ",\"";
    out_.append(name).append("\":");
    return true;
  }
  std::uint32_t fields_;
  std::string out_;
};

std::string http_version(const net::Request& request) { return request.major_version == 2 ? "2" : fmt::format("1.{}", request.minor_version); }

std::string_view method_label(const net::Request& request) { return request.method == net::Method::other ? "_OTHER" : net::name_of(request.method); }

void add_request(Line& line, const Seen& seen) {
  const auto& request = seen.request;
  line.text("time", to_iso8601(seen.began));
  line.text("id", told(request.id));
  if (seen.trace) {
    line.text("trace", net::hex(seen.trace->server.trace));
    if (seen.trace->server.span != net::SpanId{}) line.text("span", net::hex(seen.trace->server.span));
  }
  line.text("client", request.client.ip);
  line.text("host", told(request.host));
  line.text("method", told(request.method_name));
  line.text("path", told(request.path, kToldPathMax));
  if (request.has_query && line.wants("query")) line.text("query", shortened(redact_query(request.query), kToldPathMax));
}

void add_answer(Line& line, const Seen& seen) {
  line.number("status", seen.status);
  line.number("in", seen.in);
  line.number("out", seen.out);
  line.millis("ms", static_cast<double>(seen.micros()) / 1e3);
}

void add_notes(Line& line, const Seen& seen) {
  const auto& notes = seen.notes;
  line.text("route", notes.route);
  line.text("who", told(notes.who));
  line.text("by", notes.shown);
  line.text("verdict", verdict_of(seen));
  line.text("why", told(notes.refused));
  line.text("upstream", notes.target);
  if (happened(notes.upstream_ended)) line.millis("upstream_ms", millis_between(notes.upstream_began, notes.upstream_ended));
  line.text("cache", notes.cache);
}

using Attributes = json::array;

void add(Attributes& to, std::string_view key, std::string_view text) {
  if (text.empty()) return;
  json::object one;
  one["key"] = key;
  one["value"].emplace_object()["stringValue"] = text;
  to.push_back(std::move(one));
}
void add(Attributes& to, std::string_view key, std::int64_t number) {   // 64-bit numbers are texts in this encoding
  json::object one;
  one["key"] = key;
  one["value"].emplace_object()["intValue"] = std::to_string(number);
  to.push_back(std::move(one));
}

enum class SpanKind : std::uint8_t { internal = 1, server = 2, client = 3 };

struct Span {
  std::string name;
  SpanKind kind = SpanKind::internal;
  net::SpanId id{};
  std::optional<net::SpanId> parent;
  net::Notes::Time began{}, ended{};
  Attributes attributes;
  std::string fault;   // empty: none
};

std::string nanos(const Seen& seen, net::Notes::Time at) {
  const auto since = std::chrono::duration_cast<std::chrono::nanoseconds>(at - seen.began_steady).count();
  return std::to_string(to_millis(seen.began) * 1'000'000 + since);
}

std::string to_json(const Seen& seen, Span span) {
  json::object out;
  out["traceId"] = net::hex(seen.trace->server.trace);
  out["spanId"] = net::hex(span.id);
  if (span.parent) out["parentSpanId"] = net::hex(*span.parent);
  if (!seen.trace->state.empty()) out["traceState"] = seen.trace->state;
  out["name"] = span.name;
  out["kind"] = static_cast<int>(span.kind);
  out["startTimeUnixNano"] = nanos(seen, span.began);
  out["endTimeUnixNano"] = nanos(seen, span.ended);
  out["attributes"] = std::move(span.attributes);
  if (!span.fault.empty()) out["status"] = json::object{{"code", 2}, {"message", span.fault}};
  return to_text(out);
}

// Another id from the one of our span: the policy's span needs one that nobody outside is told.
net::SpanId beside(net::SpanId id) {
  id[0] ^= std::byte{0x80};
  id[7] ^= std::byte{0x01};
  return id;
}

// Semantic conventions for HTTP, https://opentelemetry.io/docs/specs/semconv/http/http-spans/
Span server_span(const Seen& seen) {
  const auto& request = seen.request;
  const auto& notes = seen.notes;
  const auto method = method_label(request);
  Span span{.name = std::string(method == "_OTHER" ? "HTTP" : method), .kind = SpanKind::server, .id = seen.trace->server.span,
            .parent = seen.trace->parent, .began = seen.began_steady, .ended = seen.ended_steady, .attributes = {}, .fault = {}};
  if (!notes.route.empty()) span.name += " " + notes.route;
  auto& to = span.attributes;
  add(to, "http.request.method", method);
  if (method == "_OTHER") add(to, "http.request.method_original", told(request.method_name));
  add(to, "url.scheme", request.scheme());
  add(to, "url.path", told(request.path, kToldPathMax));
  if (request.has_query) add(to, "url.query", shortened(redact_query(request.query), kToldPathMax));
  add(to, "server.address", told(request.host));
  add(to, "server.port", static_cast<std::int64_t>(request.port));
  add(to, "client.address", request.client.ip);
  add(to, "network.protocol.version", http_version(request));
  if (const auto agent = request.fields.only(net::Header::user_agent); agent && is_utf8(*agent)) add(to, "user_agent.original", told(*agent));
  if (seen.status != 0) add(to, "http.response.status_code", static_cast<std::int64_t>(seen.status));
  add(to, "http.route", notes.route);
  add(to, "http.request.body.size", static_cast<std::int64_t>(seen.in));
  add(to, "http.response.body.size", static_cast<std::int64_t>(seen.out));
  add(to, "enduser.id", is_utf8(notes.who) ? told(notes.who) : std::string());
  add(to, "gatehouse.request.id", is_utf8(request.id) ? told(request.id) : std::string());
  add(to, "gatehouse.verdict", verdict_of(seen));
  if (seen.status >= 500) add(to, "error.type", std::to_string(seen.status));
  if (seen.status >= 500 || seen.status == 0) span.fault = seen.status == 0 ? "nothing was answered" : std::to_string(seen.status);
  return span;
}

Span policy_span(const Seen& seen) {
  const auto& notes = seen.notes;
  Span span{.name = "gatehouse.policy", .kind = SpanKind::internal, .id = beside(seen.trace->server.span), .parent = seen.trace->server.span,
            .began = notes.policy_began, .ended = notes.policy_ended, .attributes = {}, .fault = {}};
  add(span.attributes, "gatehouse.verdict", verdict_of(seen));
  add(span.attributes, "gatehouse.shown", notes.shown);
  return span;
}

Span upstream_span(const Seen& seen) {
  const auto& notes = seen.notes;
  const auto method = method_label(seen.request);
  Span span{.name = std::string(method == "_OTHER" ? "HTTP" : method), .kind = SpanKind::client, .id = *seen.trace->onward,
            .parent = seen.trace->server.span, .began = notes.upstream_began, .ended = notes.upstream_ended, .attributes = {}, .fault = told(notes.failed)};
  add(span.attributes, "http.request.method", method);
  const auto colon = notes.target.rfind(':');
  const auto port = colon == std::string::npos ? std::nullopt : parse_int(std::string_view(notes.target).substr(colon + 1));
  add(span.attributes, "server.address", port ? notes.target.substr(0, colon) : notes.target);
  if (port) add(span.attributes, "server.port", *port);
  add(span.attributes, "gatehouse.upstream", notes.pool);
  if (happened(notes.upstream_head)) {
    add(span.attributes, "gatehouse.upstream.head_us", std::chrono::duration_cast<std::chrono::microseconds>(notes.upstream_head - notes.upstream_began).count());
    add(span.attributes, "http.response.status_code", static_cast<std::int64_t>(seen.status));
  }
  if (notes.tries > 1) add(span.attributes, "http.request.resend_count", static_cast<std::int64_t>(notes.tries - 1));
  if (!notes.failed.empty()) add(span.attributes, "error.type", "upstream");
  return span;
}

}  // namespace

std::string_view verdict_of(const Seen& seen) {
  const auto& notes = seen.notes;
  if (!notes.refused.empty()) {
    if (seen.status == 401 || (seen.status >= 300 && seen.status < 400)) return "challenged";
    if (seen.status == 403) return "denied";
    return seen.status == 429 ? "limited" : "refused";
  }
  if (seen.status == 429 && !happened(notes.upstream_head)) return "limited";
  return notes.admitted ? "passed" : "none";
}

std::string redact_query(std::string_view query) {
  std::string out;
  for (std::size_t at = 0; at <= query.size();) {
    const auto end = std::min(query.find_first_of("&;", at), query.size());
    const auto pair = query.substr(at, end - at);
    const auto equals = pair.find('=');
    const auto readable = [](std::string_view text) { return percent_decode(text).value_or(std::string(text)); };
    const auto name = to_lower(readable(pair.substr(0, equals)));
    const auto value = equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1);
    const bool named = std::ranges::any_of(kSecretWords, [&](std::string_view word) { return name.contains(word); });
    const auto plain = readable(value);
    const auto bare = readable(pair);   // a credential may also stand without a name
    const bool looks = redact(plain) != plain || redact(bare) != bare;
    if (looks && !named && equals == std::string_view::npos) out += kRedacted;
    else if (equals != std::string_view::npos && (named || looks)) out.append(redact(name) == name ? pair.substr(0, equals) : kRedacted).append("=").append(kRedacted);
    else out += pair;
    if (end < query.size()) out += query[end];
    at = end + 1;
  }
  return out;
}

std::string access_line(const Seen& seen, std::uint32_t fields) {
  Line line(fields);
  add_request(line, seen);
  add_answer(line, seen);
  add_notes(line, seen);
  if (line.wants("tls")) line.number("tls", seen.request.tls);
  line.text("http", http_version(seen.request));
  if (const auto agent = seen.request.fields.only(net::Header::user_agent)) line.text("user_agent", told(*agent));
  if (const auto referer = seen.request.fields.only(net::Header::referer)) line.text("referer", told_referer(*referer));
  line.text("failed", told(seen.notes.failed));
  return std::move(line).take();
}

std::string spans_of(const Seen& seen) {
  auto spans = to_json(seen, server_span(seen));
  if (happened(seen.notes.policy_ended)) spans.append(",").append(to_json(seen, policy_span(seen)));
  if (happened(seen.notes.upstream_ended) && seen.trace->onward) spans.append(",").append(to_json(seen, upstream_span(seen)));
  return spans;
}

std::string export_request(std::string_view service_name, std::string_view version, std::string_view spans) {
  Attributes resource;
  add(resource, "service.name", service_name);
  add(resource, "service.version", version);
  return R"({"resourceSpans":[{"resource":{"attributes":)" + to_text(resource) + R"(},"scopeSpans":[{"scope":{"name":"gatehouse","version":)" +
         to_text(json::value(version)) + R"(},"spans":[)" + std::string(spans) + "]}]}]}";
}

}  // namespace gatehouse::app
