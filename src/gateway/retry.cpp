#include "gateway/retry.h"

#include <algorithm>

#include "core/text.h"

namespace gatehouse::gateway {

namespace {

bool all_digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

bool has(const std::vector<int>& all, int one) { return std::ranges::find(all, one) != all.end(); }

}  // namespace

MethodSet idempotent_methods() {
  MethodSet set;
  for (const auto method : {net::Method::get, net::Method::head, net::Method::put, net::Method::delete_,
                            net::Method::options, net::Method::trace})
    set.set(static_cast<std::size_t>(method));
  return set;
}

bool RetryRules::covers(const Setback& setback, net::Method method) const {
  if (setback.untouched) return on_connect;
  if (!contains(methods, method)) return false;
  switch (setback.kind) {
    case Setback::Kind::connect: return on_connect;
    case Setback::Kind::reset: return on_reset;
    case Setback::Kind::timeout: return on_timeout;
    case Setback::Kind::status: return has(statuses, setback.status);
    case Setback::Kind::grpc_status: return has(grpc_statuses, setback.status);
  }
  std::unreachable();
}

std::chrono::milliseconds backoff_of(const RetryRules& rules, int next, std::uint64_t chance) {
  auto whole = rules.backoff;
  for (int i = 2; i < next && whole < rules.backoff_max; ++i) whole *= 2;
  whole = std::min(whole, rules.backoff_max);
  const auto half = whole.count() / 2;
  return std::chrono::milliseconds(
      half + static_cast<std::int64_t>(chance % static_cast<std::uint64_t>(whole.count() - half + 1)));
}

std::optional<std::chrono::milliseconds> parse_retry_after(std::string_view text) {
  if (!all_digits(text)) return std::nullopt;
  constexpr std::int64_t kMost = 365 * 24 * 3600;  // more is never, and must not overflow
  return std::chrono::seconds(text.size() > 9 ? kMost : std::min(parse_int(text).value_or(kMost), kMost));
}

std::optional<std::chrono::milliseconds> parse_grpc_timeout(std::string_view text) {
  if (text.size() < 2 || text.size() > 9 || !all_digits(text.substr(0, text.size() - 1))) return std::nullopt;
  const auto value = parse_int(text.substr(0, text.size() - 1)).value_or(0);
  const auto up = [&](std::int64_t parts) { return std::chrono::milliseconds((value + parts - 1) / parts); };
  switch (text.back()) {
    case 'H': return std::chrono::hours(value);
    case 'M': return std::chrono::minutes(value);
    case 'S': return std::chrono::seconds(value);
    case 'm': return std::chrono::milliseconds(value);
    case 'u': return up(1000);
    case 'n': return up(1'000'000);
    default: return std::nullopt;
  }
}

}  // namespace gatehouse::gateway
