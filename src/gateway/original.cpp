#include "gateway/original.h"

#include <algorithm>

#include "core/text.h"
#include "gateway/names.h"

namespace gatehouse::gateway {

namespace {

std::unexpected<Error> refuse(std::string why) { return failure(Fault::denied, std::move(why)); }

constexpr std::string_view kTargets[] = {"x-original-uri", "x-forwarded-uri", "x-envoy-original-path"};
constexpr std::string_view kMethods[] = {"x-original-method", "x-forwarded-method"};

}  // namespace

bool has_named(const net::Fields& fields, std::string_view name) {
  return std::ranges::any_of(fields.all(),
                             [&](const net::Field& field) { return equal_ignoring_case(field.name, name); });
}

Result<void> check_agreement(const net::Fields& fields, const OriginalWords& words) {
  const auto agrees = [&](std::string_view name, std::string_view value) {
    return !has_named(fields, name) || fields.only(name) == value;
  };
  for (const auto name : kTargets)
    if (!agrees(name, words.target)) return refuse(std::string(name) + " says something else");
  for (const auto name : kMethods)
    if (!agrees(name, words.method)) return refuse(std::string(name) + " says something else");
  if (has_named(fields, "x-original-host")) return refuse("x-original-host belongs to no form");
  return {};
}

bool is_about_the_way(std::string_view name) {
  const auto low = to_lower(name);
  return low.starts_with("x-forwarded-") || low.starts_with("x-original-") || low.starts_with("x-gatehouse-") ||
         low == "forwarded" || low == "x-real-ip" || low == "x-envoy-original-path" || low == "content-length" ||
         low == "transfer-encoding";
}

std::optional<bool> is_tls(std::string_view scheme) {
  if (scheme == "https" || scheme == "wss") return true;
  if (scheme == "http" || scheme == "ws") return false;
  return std::nullopt;
}

Result<net::Request> original_request(const OriginalWords& words) {
  if (!words.target.starts_with('/')) return refuse("the original target is not a path");
  auto parsed = net::parse_target(words.target);
  if (!parsed || !parsed->authority.empty()) return refuse("the original target cannot be read");
  auto authority = net::parse_authority(words.host);
  if (!authority) return refuse("the original host cannot be read");
  const auto tls = is_tls(words.scheme);
  if (!tls || !is_field_name(words.method)) return refuse("the original scheme or method cannot be read");

  net::Request out;
  out.method = net::method_of(words.method);
  out.method_name = words.method;
  out.tls = *tls;
  out.host = std::move(authority->host);
  const std::uint16_t usual = *tls ? 443 : 80;
  out.port = authority->port.value_or(usual);
  out.authority = out.host.contains(':') ? "[" + out.host + "]" : out.host;
  if (out.port != usual) out.authority += ":" + std::to_string(out.port);
  out.path = std::move(parsed->path);
  out.query = std::move(parsed->query);
  out.has_query = parsed->has_query;
  return out;
}

}  // namespace gatehouse::gateway
