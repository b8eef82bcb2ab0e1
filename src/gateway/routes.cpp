#include "gateway/routes.h"

#include <algorithm>

#include "core/text.h"

namespace gatehouse::gateway {

namespace {

std::string_view without_trailing_slash(std::string_view path) {
  if (path.ends_with('/')) path.remove_suffix(1);
  return path;
}

bool needs_a_second_look(std::string_view path) {
  char before = 0;
  for (const char c : path) {
    if (c == ';' || (c >= 'A' && c <= 'Z') || (c == '/' && before == '/')) return true;
    before = c;
  }
  return false;
}

Result<void> check_path(const std::string& path) {
  if (!path.starts_with('/')) return failure(Fault::invalid, "route path \"" + path + "\": begins with '/'");
  auto target = net::parse_target(path);
  if (!target || target->path != path || target->has_query)
    return failure(Fault::invalid, "route path \"" + path + "\": write it in its plain form, without query, dot segments or needless %XX");
  if (path.contains(';') || path.contains("//")) return failure(Fault::invalid, "route path \"" + path + "\": no ';' and no '//'");
  if (path.starts_with(kOwnPrefix) || path == without_trailing_slash(kOwnPrefix))
    return failure(Fault::invalid, "route path \"" + path + "\": " + std::string(kOwnPrefix) + " belongs to the gateway");
  if (static_cast<std::size_t>(std::ranges::count(path, '/')) > kRouteDepthMax)
    return failure(Fault::invalid, "route path \"" + path + "\": at most 32 segments");
  return {};
}

}  // namespace

bool Route::allows(std::string_view method) const {
  if (methods.empty()) return method != "CONNECT" && method != "TRACE";
  return std::ranges::find(methods, method) != methods.end();
}

std::string careless_reading(std::string_view path) {
  std::string loose;
  loose.reserve(path.size());
  for (auto segment : split(path, '/')) {
    segment = segment.substr(0, segment.find(';'));
    if (segment.empty()) continue;
    loose += '/';
    for (const char c : segment) loose += to_lower(c);
  }
  if (loose.empty()) loose = "/";
  return loose;
}

Result<void> Routes::add(Route route) {
  GH_DO(check_path(route.path));
  const auto authority = net::parse_authority(route.host);
  if (!authority || authority->port || authority->host != route.host)
    return failure(Fault::invalid, "route host \"" + route.host + "\": a host name in lower case, without port");

  auto& host = hosts_[route.host];
  const std::string key(without_trailing_slash(route.path));
  const auto position = routes_.size();
  if (!host.exact.emplace(key, position).second)
    return failure(Fault::invalid, "route " + route.host + route.path + " stands there twice");
  if (!host.folded.emplace(to_lower(key), position).second)
    return failure(Fault::invalid, "route " + route.host + route.path + " differs from another one only in case");
  host.has_case = host.has_case || key != to_lower(key);
  host.depth = std::max(host.depth, static_cast<std::size_t>(std::ranges::count(key, '/')));
  if (route.policy->has_pages()) {
    if (host.pages != nullptr && host.pages != route.policy.get())
      return failure(Fault::invalid, "host " + route.host + ": two sign-on policies on one host would mix up their sessions; use one, or two hosts");
    host.pages = route.policy.get();
  }
  routes_.push_back(std::make_unique<Route>(std::move(route)));
  return {};
}

// Tries the first `depth` segments, then one less …: as many look-ups as the deepest rule has segments, not as the request has.
std::optional<std::size_t> Routes::longest(const ByText<std::size_t>& table, std::size_t depth, std::string_view path) const {
  std::size_t end = 0;
  for (std::size_t taken = 0; taken < depth && end != std::string_view::npos && end < path.size(); ++taken) end = path.find('/', end + 1);
  auto prefix = path.substr(0, depth == 0 ? 0 : end);
  prefix = without_trailing_slash(prefix);
  for (;;) {
    if (const auto found = table.find(prefix); found != table.end()) return found->second;
    if (prefix.empty()) return std::nullopt;
    prefix = prefix.substr(0, prefix.rfind('/'));
  }
}

Routes::Found Routes::find(std::string_view host_name, std::string_view path) const {
  const auto host = hosts_.find(host_name);
  if (host == hosts_.end()) return Found{nullptr, Found::Why::unknown_host};
  const auto& [exact, folded, depth, has_case, pages] = host->second;
  const auto strict = longest(exact, depth, path);
  if ((exact.size() > 1 || !strict) && (has_case || needs_a_second_look(path))) {
    // CVE-2026-73551/73553 (path parameters), CVE-2025-71399 (`//`), CVE-2026-32031 (case): whichever way the upstream
    // reads the path, the same rule must cover it.
    const auto loose = longest(folded, depth, careless_reading(path));
    if (loose != strict) return Found{nullptr, Found::Why::ambiguous};
  }
  if (!strict) return Found{nullptr, Found::Why::no_rule};
  return Found{routes_[*strict].get(), Found::Why::found};
}

Policy* Routes::pages_of(std::string_view host) const {
  const auto found = hosts_.find(host);
  return found == hosts_.end() ? nullptr : found->second.pages;
}

}  // namespace gatehouse::gateway
