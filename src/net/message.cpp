#include "net/message.h"

#include <algorithm>

#include "core/text.h"
#include "net/chars.h"

namespace gatehouse::net {
namespace {

constexpr std::array<std::string_view, 46> kHeaderNames{
    "", "accept", "accept-encoding", "access-control-request-method", "age", "authorization", "cache-control", "connection",
    "content-encoding", "content-length", "content-type", "cookie", "date", "dpop", "etag", "expect", "forwarded", "host", "if-match",
    "if-none-match", "keep-alive", "last-modified", "link", "location", "origin", "proxy-authenticate", "proxy-authorization",
    "proxy-connection", "referer", "sec-fetch-dest", "sec-fetch-mode", "sec-fetch-site", "server", "set-cookie", "te", "trailer",
    "transfer-encoding", "upgrade", "user-agent", "vary", "via", "www-authenticate", "x-forwarded-for", "x-forwarded-host",
    "x-forwarded-proto", "x-request-id"};
static_assert(static_cast<std::size_t>(Header::x_request_id) + 1 == kHeaderNames.size());
static_assert(kHeaderNames.size() <= 64);   // Fields::seen_

// A perfect hash over length, first and last two characters; the multiplier is searched by the compiler.
constexpr std::size_t kSlots = 512;
constexpr std::size_t slot_of(std::string_view name, std::uint32_t multiplier) {
  const auto at = [name](std::size_t i) { return static_cast<std::uint32_t>(static_cast<unsigned char>(name[i]) | 0x20U); };
  const auto key = static_cast<std::uint32_t>(name.size()) | at(0) << 8 | at(name.size() - 1) << 16 | at(name.size() - 2) << 24;
  return (key * multiplier) >> 23;
}
consteval std::uint32_t find_multiplier() {
  for (std::uint32_t multiplier = 0x9e3779b1;; multiplier += 0x61c88646) {
    std::array<bool, kSlots> taken{};
    bool clash = false;
    for (std::size_t i = 1; i < kHeaderNames.size() && !clash; ++i)
      clash = std::exchange(taken[slot_of(kHeaderNames[i], multiplier)], true);
    if (!clash) return multiplier;
  }
}
constexpr std::uint32_t kMultiplier = find_multiplier();
constexpr auto kBySlot = [] {
  std::array<Header, kSlots> slots{};
  for (std::size_t i = 1; i < kHeaderNames.size(); ++i) slots[slot_of(kHeaderNames[i], kMultiplier)] = static_cast<Header>(i);
  return slots;
}();
constexpr std::size_t kLongestName = 29, kShortestName = 2;

}  // namespace

Method method_of(std::string_view name) {
  switch (name.size()) {
    case 3: return name == "GET" ? Method::get : name == "PUT" ? Method::put : Method::other;
    case 4: return name == "POST" ? Method::post : name == "HEAD" ? Method::head : Method::other;
    case 5: return name == "PATCH" ? Method::patch : name == "TRACE" ? Method::trace : Method::other;
    case 6: return name == "DELETE" ? Method::delete_ : Method::other;
    case 7: return name == "OPTIONS" ? Method::options : name == "CONNECT" ? Method::connect : Method::other;
    default: return Method::other;
  }
}

std::string_view name_of(Method method) {
  switch (method) {
    case Method::get: return "GET";
    case Method::head: return "HEAD";
    case Method::post: return "POST";
    case Method::put: return "PUT";
    case Method::delete_: return "DELETE";
    case Method::patch: return "PATCH";
    case Method::options: return "OPTIONS";
    case Method::trace: return "TRACE";
    case Method::connect: return "CONNECT";
    case Method::other: return "";
  }
  std::unreachable();
}

Header header_of(std::string_view name) {
  if (name.size() < kShortestName || name.size() > kLongestName) return Header::other;
  const auto candidate = kBySlot[slot_of(name, kMultiplier)];
  const auto known = kHeaderNames[static_cast<std::size_t>(candidate)];
  return equal_ignoring_case(name, known) ? candidate : Header::other;
}

std::string_view name_of(Header header) { return kHeaderNames.at(static_cast<std::size_t>(header)); }

Fields& Fields::operator=(const Fields& other) {
  std::copy_n(other.fields_.begin(), other.count_, fields_.begin());
  count_ = other.count_;
  seen_ = other.seen_;
  return *this;
}

bool Fields::add(Field field) {
  if (count_ == fields_.size()) return false;
  fields_[count_++] = field;
  seen_ |= std::uint64_t(1) << static_cast<unsigned>(field.id);
  return true;
}

std::optional<std::string_view> Fields::only(Header id) const {
  if (!has(id)) return std::nullopt;
  std::optional<std::string_view> found;
  for (const auto& field : all()) {
    if (field.id != id) continue;
    if (found) return std::nullopt;
    found = field.value;
  }
  return found;
}

std::optional<std::string_view> Fields::only(std::string_view name) const {
  std::optional<std::string_view> found;
  for (const auto& field : all()) {
    if (!equal_ignoring_case(field.name, name)) continue;
    if (found) return std::nullopt;
    found = field.value;
  }
  return found;
}

std::size_t Fields::count(Header id) const {
  return has(id) ? static_cast<std::size_t>(std::ranges::count(all(), id, &Field::id)) : 0;
}

bool Fields::has_word(Header id, std::string_view word) const {
  if (!has(id)) return false;
  for (const auto& field : all()) {
    if (field.id != id) continue;
    for (auto rest = field.value;;) {
      const auto comma = rest.find(',');
      if (equal_ignoring_case(trim(rest.substr(0, comma)), word)) return true;
      if (comma == std::string_view::npos) break;
      rest.remove_prefix(comma + 1);
    }
  }
  return false;
}

std::optional<std::string_view> Request::cookie(std::string_view name) const {
  std::optional<std::string_view> found;
  for (const auto& field : fields.all()) {
    if (field.id != Header::cookie) continue;
    for (auto rest = field.value; !rest.empty();) {
      const auto end = std::min(rest.find(';'), rest.size());
      const auto pair = trim(rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
      const auto equals = pair.find('=');
      if (equals == std::string_view::npos || pair.substr(0, equals) != name) continue;
      if (found) return std::nullopt;
      found = pair.substr(equals + 1);
    }
  }
  return found;
}

Reply Reply::text(int status, std::string body) {
  Reply reply{.status = status, .headers = {}, .body = std::move(body)};
  return std::move(reply.with("Content-Type", "text/plain; charset=utf-8"));
}

// No form-action here: Chromium applies it to redirects after a form too, and signing in ends with one to the client.
Reply Reply::html(int status, std::string body) {
  Reply reply{.status = status, .headers = {}, .body = std::move(body)};
  reply.with("Content-Type", "text/html; charset=utf-8")
      .with("Cache-Control", "no-store")
      .with("Content-Security-Policy",
            "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'")
      .with("X-Content-Type-Options", "nosniff")
      .with("X-Frame-Options", "DENY")
      .with("Referrer-Policy", "no-referrer");
  return reply;
}

Reply Reply::json_text(int status, std::string body) {
  Reply reply{.status = status, .headers = {}, .body = std::move(body)};
  return std::move(reply.with("Content-Type", "application/json"));
}

Reply Reply::redirect(std::string location, int status) {
  Reply reply{.status = status, .headers = {}, .body = {}};
  return std::move(reply.with("Location", std::move(location)).with("Cache-Control", "no-store"));
}

Reply Reply::empty(int status) { return Reply{.status = status, .headers = {}, .body = {}}; }

std::string_view reason_of(int status) {
  switch (status) {
    case 100: return "Continue";
    case 101: return "Switching Protocols";
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 206: return "Partial Content";
    case 301: return "Moved Permanently";
    case 302: return "Found";
    case 303: return "See Other";
    case 304: return "Not Modified";
    case 307: return "Temporary Redirect";
    case 308: return "Permanent Redirect";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 406: return "Not Acceptable";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 410: return "Gone";
    case 411: return "Length Required";
    case 412: return "Precondition Failed";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 416: return "Range Not Satisfiable";
    case 417: return "Expectation Failed";
    case 421: return "Misdirected Request";
    case 422: return "Unprocessable Content";
    case 425: return "Too Early";
    case 426: return "Upgrade Required";
    case 428: return "Precondition Required";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    default: return "";
  }
}

}  // namespace gatehouse::net
