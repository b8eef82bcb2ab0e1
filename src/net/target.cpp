// Request targets and authorities become canonical here, or are refused. Each rule and the advisory behind it:
// docs/decisions/005-canonical-request.md.
#include <arpa/inet.h>

#include <array>
#include <charconv>

#include "core/text.h"
#include "net/chars.h"
#include "net/message.h"

namespace gatehouse::net {
namespace {

using chars::hex_value;
using chars::is;

constexpr std::size_t kHostMax = 253, kLabelMax = 63;  // RFC 1035 §2.3.4

std::unexpected<Error> refused(std::string why) { return failure(Fault::invalid, "request target: " + why); }

void append_escaped(std::string& path, unsigned char byte) {
  static constexpr std::string_view kDigits = "0123456789ABCDEF";
  path.append({'%', kDigits[byte >> 4], kDigits[byte & 15]});
}

// "." and ".." as a whole segment or before a ';', spelled or escaped: servers disagree about "..;x" (some cut the
// parameter first, then climb). `segment` is canonical already, so an escaped dot is a dot here.
bool climbs(std::string_view segment) {
  if (!segment.starts_with('.')) return false;
  return segment == "." || segment == ".." || segment.find(';') != std::string_view::npos ||
         segment.find("%3B") != std::string_view::npos;
}

// Takes the byte of the escape at text[at]. What an upstream could decode into structure is refused.
Result<void> take_escape(std::string_view text, std::size_t at, std::string& path, bool& high) {
  const int first = at + 1 < text.size() ? hex_value(text[at + 1]) : -1;
  const int second = at + 2 < text.size() ? hex_value(text[at + 2]) : -1;
  if (first < 0 || second < 0) return refused("a '%' is not followed by two hexadecimal digits");
  const auto byte = static_cast<unsigned char>(first * 16 + second);
  if (byte < 0x20 || byte == 0x7f) return refused("an escaped control character");
  if (byte == '/' || byte == '\\') return refused("an escaped slash");
  if (byte == '%') return refused("an escaped percent sign");
  if (byte >= 0x80) high = true;
  if (is(static_cast<char>(byte), chars::unreserved)) path.push_back(static_cast<char>(byte));
  else append_escaped(path, byte);
  return {};
}

// Escapes in the path must spell UTF-8: an overlong form ("%C0%AF") is a slash to some.
bool escapes_are_utf8(std::string_view path) {
  const auto decoded = percent_decode(path);
  return decoded && is_utf8(*decoded);
}

Result<void> read_path(std::string_view text, std::string& path) {
  if (text.empty() || text.front() != '/') return refused("it does not begin with '/'");
  path.clear();
  std::size_t segment = 1;  // where the current segment begins in `path`
  bool high = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (is(c, chars::plain) || c == ';') {
      path.push_back(c);
    } else if (c == '/') {
      if (path.ends_with('/')) continue;  // "//": one slash; Okta's servers and clients take both for the same
      if (!path.empty() && climbs(std::string_view(path).substr(segment))) return refused("a dot segment");
      path.push_back('/');
      segment = path.size();
    } else if (c == '%') {
      GH_DO(take_escape(text, at, path, high));
      at += 2;
    } else if (c == '\\' || !is(c, chars::printable)) {
      return refused("a character that may not stand there");
    } else {
      append_escaped(path, static_cast<unsigned char>(c));  // '[', '|' …: browsers send them raw; one spelling from here on
    }
  }
  if (climbs(std::string_view(path).substr(segment))) return refused("a dot segment");
  if (high && !escapes_are_utf8(path)) return refused("the escapes do not spell UTF-8");
  return {};
}

// "http://authority/path": the authority, and the rest of the target from its path on.
bool take_authority(std::string_view& text, std::string_view& authority) {
  const std::size_t scheme = equal_ignoring_case(text.substr(0, 7), "http://")    ? 7
                             : equal_ignoring_case(text.substr(0, 8), "https://") ? 8
                                                                                  : 0;
  if (scheme == 0) return false;
  const auto end = std::min(text.find_first_of("/?", scheme), text.size());
  authority = text.substr(scheme, end - scheme);
  text.remove_prefix(end);
  return true;
}

std::unexpected<Error> bad_host(std::string why) { return failure(Fault::invalid, "host: " + why); }

Result<std::string> read_v6(std::string_view text) {
  std::array<unsigned char, 16> bytes{};
  std::array<char, INET6_ADDRSTRLEN> canonical{};
  if (::inet_pton(AF_INET6, std::string(text).c_str(), bytes.data()) != 1) return bad_host("not an IPv6 address");
  return std::string(::inet_ntop(AF_INET6, bytes.data(), canonical.data(), canonical.size()));
}

Result<std::string> read_name(std::string_view text) {
  if (text.ends_with('.')) text.remove_suffix(1);
  if (text.empty()) return bad_host("empty");
  if (text.size() > kHostMax) return bad_host("too long");
  for (auto rest = text;;) {
    const auto dot = rest.find('.');
    const auto label = rest.substr(0, dot);
    if (label.empty() || label.size() > kLabelMax || !chars::all(label, chars::host)) return bad_host("not a host name");
    if (dot == std::string_view::npos) break;
    rest.remove_prefix(dot + 1);
  }
  return to_lower(text);
}

Result<std::optional<std::uint16_t>> read_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port == 0 || text.size() > 5)
    return bad_host("not a port");
  return port;
}

}  // namespace

Result<void> parse_target(std::string_view text, Target& target) {
  target.path.clear();
  target.query.clear();
  target.authority.clear();
  target.has_query = false;
  if (text.empty()) return refused("empty");
  if (text == "*") {
    target.path = "*";
    return {};
  }
  std::string_view authority;
  const bool absolute = take_authority(text, authority);
  if (absolute) {
    if (authority.empty()) return refused("no host");
    target.authority = authority;
  }
  const auto mark = text.find('?');
  target.has_query = mark != std::string_view::npos;
  if (target.has_query) {
    const auto query = text.substr(mark + 1);
    if (!chars::all(query, chars::printable) || query.find('#') != std::string_view::npos)
      return refused("a character that may not stand in the query");
    target.query = query;
  }
  const auto path = text.substr(0, mark);
  if (path.find('#') != std::string_view::npos) return refused("a fragment");
  return read_path(absolute && path.empty() ? "/" : path, target.path);
}

Result<Target> parse_target(std::string_view text) {
  Target target;
  GH_DO(parse_target(text, target));
  return target;
}

Result<Authority> parse_authority(std::string_view text) {
  Authority authority;
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    if (close == std::string_view::npos) return bad_host("no ']'");
    GH_TRY(authority.host, read_v6(text.substr(1, close - 1)));
    text.remove_prefix(close + 1);
    if (text.empty()) return authority;
    if (text.front() != ':') return bad_host("something stands between ']' and the port");
    GH_TRY(authority.port, read_port(text.substr(1)));
    return authority;
  }
  const auto colon = text.find(':');
  GH_TRY(authority.host, read_name(text.substr(0, colon)));
  if (colon != std::string_view::npos) { GH_TRY(authority.port, read_port(text.substr(colon + 1))); }
  return authority;
}

}  // namespace gatehouse::net
