#include "signin/browser.h"

#include "core/bytes.h"
#include "crypto/hash.h"

namespace gatehouse::signin {
namespace {

constexpr std::string_view kBindingPrefix = "ghb_";
constexpr std::string_view kHostOnly = "__Host-";   // RFC 6265bis §4.1.3.2: Secure, no Domain, Path=/

net::CookieOptions cookie_options(bool tls) {
  net::CookieOptions options;
  options.secure = tls;
  return options;
}

std::string cleared(std::string_view name, bool tls) {
  auto options = cookie_options(tls);
  options.max_age_seconds = 0;
  return net::set_cookie(name, "", options);
}

bool is_binding(std::string_view name) {
  if (name.starts_with(kHostOnly)) name.remove_prefix(kHostOnly.size());
  return name.starts_with(kBindingPrefix);
}

}  // namespace

events::Origin origin_of(const net::Request& request) {
  const auto agent = request.fields.only(net::Header::user_agent).value_or("");
  return {request.client.ip, std::string(agent.substr(0, 512)), request.id};
}

std::optional<Secret> session_cookie_of(const net::Request& request) {
  auto value = request.cookie(kSessionCookie);
  if (!value || value->empty()) return std::nullopt;
  return Secret(std::string(*value));
}

std::string set_session_cookie(const Secret& handle, bool tls) {
  return net::set_cookie(kSessionCookie, handle.reveal(), cookie_options(tls));
}

std::string clear_session_cookie(bool tls) { return cleared(kSessionCookie, tls); }

std::string binding_cookie_name(std::string_view handle, bool tls) {
  const auto name = std::string(kBindingPrefix) + base64url_encode(crypto::sha256(handle)).substr(0, 12);
  return tls ? std::string(kHostOnly) + name : name;
}

std::string set_binding_cookie(std::string_view handle, const Secret& binding, bool tls, Seconds lifetime) {
  auto options = cookie_options(tls);
  options.max_age_seconds = lifetime.count();
  return net::set_cookie(binding_cookie_name(handle, tls), binding.reveal(), options);
}

std::string clear_binding_cookie(std::string_view handle, bool tls) { return cleared(binding_cookie_name(handle, tls), tls); }

std::vector<std::string> drop_old_bindings(const net::Request& request) {
  const auto header = request.fields.only(net::Header::cookie);
  if (!header) return {};
  std::vector<std::string_view> names;
  for (const auto& [name, value] : net::parse_cookies(*header))
    if (is_binding(name)) names.push_back(name);
  std::vector<std::string> out;
  // Browsers send older cookies first (RFC 6265 §5.4).
  for (std::size_t i = 0; i + kBindingCookiesMax <= names.size(); ++i) out.push_back(cleared(names[i], request.tls));
  return out;
}

std::string form_token(const Secret& holder, std::string_view purpose) {
  return base64url_encode(crypto::hmac_sha256(holder.reveal(), "gatehouse form " + std::string(purpose)));
}

bool is_form_token(const Secret& holder, std::string_view purpose, std::string_view token) {
  return !holder.empty() && equal_constant_time(form_token(holder, purpose), token);
}

Result<void> check_same_origin(const net::Request& request) {
  const auto refused = [] {
    return failure(Fault::denied, "This form was sent from another site. Please open the page again and retry.");
  };
  if (request.fields.count(net::Header::origin) > 1 || request.fields.count(net::Header::sec_fetch_site) > 1) return refused();
  if (auto site = request.fields.only(net::Header::sec_fetch_site); site && *site != "same-origin") return refused();
  if (auto origin = request.fields.only(net::Header::origin); origin && *origin != request.origin()) return refused();
  return {};
}

}  // namespace gatehouse::signin
