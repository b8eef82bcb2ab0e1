// The one form in which every room sees an HTTP message. Parsed once, at the edge; what can be read in two ways has
// been refused before a Request exists. Routing, policy, cache key, log and upstream use this same object.
// Knows nothing of sockets. Views point into the connection's buffer and live as long as the exchange.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/error.h"

namespace gatehouse::net {

enum class Method : std::uint8_t { get, head, post, put, delete_, patch, options, trace, connect, other };
Method method_of(std::string_view name);  // exact case, RFC 9110 §9.1
std::string_view name_of(Method method);

// Field names that the program itself looks at, found once while parsing; `other` for the rest.
enum class Header : std::uint8_t {
  other, accept, accept_encoding, access_control_request_method, age, authorization, cache_control, connection,
  content_encoding, content_length, content_type, cookie, date, dpop, etag, expect, forwarded, host, if_match,
  if_none_match, keep_alive, last_modified, link, location, origin, proxy_authenticate, proxy_authorization,
  proxy_connection, referer, sec_fetch_dest, sec_fetch_mode, sec_fetch_site, server, set_cookie, te, trailer,
  transfer_encoding, upgrade, user_agent, vary, via, www_authenticate, x_forwarded_for, x_forwarded_host,
  x_forwarded_proto, x_request_id,
};
Header header_of(std::string_view name);       // any case
std::string_view name_of(Header header);       // lower case; empty for `other`

struct Field {
  std::string_view name;   // as sent
  std::string_view value;  // without surrounding white space; no CR, LF, NUL inside
  Header id = Header::other;
};

inline constexpr std::size_t kFieldsMax = 100;

// The header fields of one message in the order sent. Fixed room, so that a message costs no allocation.
class Fields {
 public:
  Fields() = default;
  Fields(const Fields& other) { *this = other; }
  Fields& operator=(const Fields& other);  // copies what is there, not the room
  bool add(Field field);  // false when full
  void clear() {
    count_ = 0;
    seen_ = 0;
  }
  std::span<const Field> all() const { return {fields_.data(), count_}; }
  // The value if the field stands there exactly once. Fields that decide something are asked for by this.
  std::optional<std::string_view> only(Header id) const;
  std::optional<std::string_view> only(std::string_view name) const;
  bool has(Header id) const { return (seen_ >> static_cast<unsigned>(id) & 1) != 0; }
  std::size_t count(Header id) const;
  // True if a comma-separated field has the word (any case): has_word(Header::connection, "close").
  bool has_word(Header id, std::string_view word) const;

 private:
  std::array<Field, kFieldsMax> fields_;
  std::size_t count_ = 0;
  std::uint64_t seen_ = 0;   // a bit for each Header that is there: most questions are about fields that are not
};

// A numeric address, IPv4-mapped IPv6 folded to IPv4.
struct Address {
  std::string ip;            // canonical text, no zone
  std::uint16_t port = 0;
  friend bool operator==(const Address&, const Address&) = default;
};

// Request target after normalisation (RFC 3986 §6.2.2): percent-encoded unreserved characters decoded, dot segments
// refused, hex digits upper case, `//` collapsed to `/`. Refused with a reason: encoded '/', '\\', NUL, controls or '%',
// "..", "..;", '#', a raw backslash or non-ASCII byte, escapes that are not UTF-8.
// docs/decisions/005-canonical-request.md lists each rule with the advisory behind it.
struct Target {
  std::string path;    // begins with '/', normalised
  std::string query;   // raw, without '?'
  bool has_query = false;
  std::string authority;  // only from absolute-form
};
Result<Target> parse_target(std::string_view text);
// The same into strings that are there already: nothing is allocated for a target of usual size.
Result<void> parse_target(std::string_view text, Target& target);

// "host[:port]" as in Host: lower-cased, no user info, valid reg-name, IPv4 or [IPv6] (kept without brackets);
// trailing dot removed.
struct Authority {
  std::string host;
  std::optional<std::uint16_t> port;
};
Result<Authority> parse_authority(std::string_view text);

// What a request asks to turn its connection (HTTP/1.1) or its stream (HTTP/2) into. Exchange::start_tunnel() grants it.
enum class Upgrade : std::uint8_t { none, websocket };

struct Request {
  Method method = Method::get;
  std::string_view method_name;
  bool tls = false;
  std::string host;              // canonical, without port
  std::uint16_t port = 80;       // of the authority, or the scheme's default
  std::string authority;         // host[:port] as a client must write it in URLs to come back here
  std::string path;              // canonical
  std::string query;             // raw, without '?'
  bool has_query = false;
  Fields fields;
  Address client;                // who connected (or, from a trusted proxy only, whom it names)
  // Of the TLS connection alone, never of a header. The client has the key of what it shows.
  std::string_view client_certificate;       // SHA-256 of the certificate (DER), base64url; empty: the connection has none
  std::string_view client_certificate_der;
  bool client_certificate_trusted = false;   // issued by an authority of the listener; its names mean nothing otherwise
  Address via;                   // who connected, if that is a trusted proxy that named the client; else empty
  std::string id;                // request id for logs and X-Okta-Request-Id / X-Request-Id
  int major_version = 1, minor_version = 1;
  // websocket: a well-formed opening handshake, RFC 6455 §4.1 or RFC 8441 §5. The latter, a CONNECT on the wire, shows
  // itself as the GET that it stands for, so that one rule decides on both; it has no Sec-WebSocket-Key.
  Upgrade upgrade = Upgrade::none;
  bool has_body = false;
  std::optional<std::uint64_t> content_length;

  std::string_view scheme() const { return tls ? "https" : "http"; }
  std::string origin() const { return std::string(scheme()) + "://" + authority; }
  std::string target() const { return has_query ? path + "?" + query : path; }
  // Value of a cookie, if it stands there exactly once.
  std::optional<std::string_view> cookie(std::string_view name) const;
};

// A whole small answer. Large or endless ones are streamed through Exchange.
struct Reply {
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers;  // one line each, in order
  std::string body;

  Reply& with(std::string name, std::string value) {
    headers.emplace_back(std::move(name), std::move(value));
    return *this;
  }
  static Reply text(int status, std::string body);                 // text/plain
  static Reply html(int status, std::string body);                 // with the security headers of a page
  static Reply json_text(int status, std::string body);            // application/json
  static Reply redirect(std::string location, int status = 303);
  static Reply empty(int status = 204);
};

std::string_view reason_of(int status);  // "Not Found"

}  // namespace gatehouse::net
