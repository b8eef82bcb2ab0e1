#include "oauth/redirect_uri.h"

#include <algorithm>

#include "core/text.h"
#include "net/url.h"
#include "oauth/error.h"

namespace gatehouse::oauth {
namespace {

struct LoopbackUri {
  std::string_view host, rest;
};

// "http://<loopback>[:port]<rest>" taken apart, or nothing.
std::optional<LoopbackUri> loopback_uri(std::string_view uri) {
  constexpr std::string_view kScheme = "http://";
  if (!uri.starts_with(kScheme)) return std::nullopt;
  const auto after = uri.substr(kScheme.size());
  for (std::string_view host : {"127.0.0.1", "[::1]", "localhost"}) {
    if (!after.starts_with(host)) continue;
    auto rest = after.substr(host.size());
    if (rest.starts_with(':')) {
      const auto digits = std::min(rest.find_first_not_of("0123456789", 1), rest.size()) - 1;
      const auto port = parse_int(rest.substr(1, digits));
      if (!port || *port < 1 || *port > 65535) return std::nullopt;
      rest.remove_prefix(1 + digits);
    }
    if (!rest.empty() && rest.front() != '/' && rest.front() != '?') return std::nullopt;
    return LoopbackUri{host, rest};
  }
  return std::nullopt;
}

bool same_but_port(std::string_view a, std::string_view b) {
  const auto left = loopback_uri(a), right = loopback_uri(b);
  return left && right && left->host == right->host && left->rest == right->rest;
}

std::string_view scheme_of(std::string_view uri) { return uri.substr(0, std::min(uri.find(':'), uri.size())); }

}  // namespace

bool is_registered(std::string_view asked, const std::vector<std::string>& registered, Loopback loopback) {
  if (!check_redirect_uri(asked)) return false;
  return std::ranges::any_of(registered, [&](const auto& known) {
    return known == asked || (loopback == Loopback::any_port && same_but_port(known, asked));
  });
}

Result<void> check_redirect_uri(std::string_view uri) {
  const auto bad = [](std::string what) { return refusal(Code::invalid_request, "redirect_uri: " + what); };
  if (uri.empty() || uri.size() > kRedirectUriMax) return bad("must be 1 to 2048 characters.");
  const bool plain = std::ranges::all_of(uri, [](char c) { return c > 0x20 && c < 0x7f && !std::string_view("\\\"<>^`{|}#").contains(c); });
  if (!plain) return bad("holds a character that it must not have.");
  const auto scheme = scheme_of(uri);
  if (scheme == "http" || scheme == "https") {
    if (!net::Url::parse(uri)) return bad("is not a valid URL.");
    return {};
  }
  const bool private_use = scheme.contains('.') && is_alpha(scheme.front()) && scheme.size() + 1 < uri.size() &&
                           std::ranges::all_of(scheme, [](char c) { return is_alnum(c) || c == '.' || c == '-' || c == '+'; });
  if (!private_use) return bad("needs the scheme https, http or a private-use one such as com.example.app.");
  return {};
}

std::string with_query(std::string_view uri, const net::Form& parameters) {
  std::string out(uri);
  const bool has_query = uri.contains('?');
  if (!has_query) out += '?';
  else if (!uri.ends_with('?') && !uri.ends_with('&')) out += '&';
  return out + parameters.encode();
}

std::string with_fragment(std::string_view uri, const net::Form& parameters) {
  return std::string(uri) + '#' + parameters.encode();
}

std::string csp_source_of(std::string_view uri) {
  if (auto url = net::Url::parse(uri)) return url->origin();
  return std::string(scheme_of(uri)) + ':';
}

}  // namespace gatehouse::oauth
