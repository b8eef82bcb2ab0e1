#include "net/url.h"

#include <boost/asio/ip/address_v6.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

#include "core/text.h"

namespace gatehouse::net {

namespace {

namespace urls = boost::urls;

constexpr std::size_t kUrlMax = 8 * 1024;
constexpr std::size_t kHostMax = 253;   // RFC 1035 §2.3.4, as text
constexpr std::size_t kLabelMax = 63;

std::uint16_t default_port(bool tls) { return tls ? 443 : 80; }

std::unexpected<Error> refused(std::string_view why) { return failure(Fault::invalid, "URL: " + std::string(why)); }

bool is_label(std::string_view label) {
  if (label.empty() || label.size() > kLabelMax || label.front() == '-' || label.back() == '-') return false;
  for (const char c : label)
    if (!is_alnum(c) && c != '-' && c != '_') return false;   // '_' is no host name, but container networks use it
  return true;
}

// "1.2.3", "0x7f.1", "2130706433": some resolvers read these as IPv4 (inet_aton), others as names.
bool looks_numeric(std::string_view last_label) {
  if (last_label.starts_with("0x")) return true;
  for (const char c : last_label)
    if (!is_digit(c)) return false;
  return true;
}

Result<std::string> canonical_name(std::string_view text) {
  auto name = to_lower(text);
  if (name.ends_with('.')) name.pop_back();
  if (name.empty()) return refused("a host is missing");
  if (name.size() > kHostMax) return refused("the host is too long");
  const auto labels = split(name, '.');
  for (const auto label : labels)
    if (!is_label(label)) return refused("the host is not a valid name");
  if (looks_numeric(labels.back())) return refused("the host looks like an IPv4 address but is none");
  return name;
}

Result<std::string> canonical_host(const urls::url_view& url) {
  switch (url.host_type()) {
    case urls::host_type::ipv4: return std::string(url.encoded_host());
    case urls::host_type::ipv6:
      return boost::asio::ip::make_address_v6(std::string(url.encoded_host_address())).to_string();
    case urls::host_type::name: return canonical_name(std::string_view(url.encoded_host()));
    case urls::host_type::none:
    case urls::host_type::ipvfuture: break;
  }
  return refused("a host is missing");
}

}  // namespace

Result<Url> Url::parse(std::string_view text) {
  if (text.size() > kUrlMax) return refused("longer than 8192 bytes");
  const auto parsed = urls::parse_uri(text);
  if (!parsed) return refused("not an absolute URL");
  const auto& given = *parsed;
  Url url;
  switch (given.scheme_id()) {
    case urls::scheme::http: break;
    case urls::scheme::https: url.tls = true; break;
    default: return refused("only http and https are possible");
  }
  if (!given.has_authority()) return refused("a host is missing");
  if (given.has_userinfo()) return refused("user info before the host is not allowed");
  if (given.has_fragment()) return refused("a fragment is not allowed");
  GH_TRY(url.host, canonical_host(given));
  url.port = default_port(url.tls);
  if (given.has_port()) {
    url.port = given.port_number();   // 0 too when empty or above 65535
    if (url.port == 0) return refused("the port must be 1 to 65535");
  }
  url.path = std::string(given.encoded_path());
  if (url.path.empty()) url.path = "/";
  // RFC 3986 §3.3; Boost.URL 1.81 takes "http://a:8o/" for port 8 and path "o/".
  if (!url.path.starts_with('/')) return refused("the host or port is not valid");
  url.has_query = given.has_query();
  url.query = std::string(given.encoded_query());
  return url;
}

std::string Url::authority() const {
  auto text = host.contains(':') ? "[" + host + "]" : host;
  if (port != default_port(tls)) text.append(":").append(std::to_string(port));
  return text;
}

std::string Url::origin() const { return (tls ? "https://" : "http://") + authority(); }
std::string Url::target() const { return has_query ? path + "?" + query : path; }
std::string Url::str() const { return origin() + target(); }

}  // namespace gatehouse::net
