#include "okta/rate_limit.h"

#include <algorithm>
#include <mutex>
#include <unordered_map>

namespace gatehouse::okta {

struct RateLimiter::Table {
  const Clock& clock;
  RateLimits limits;
  mutable std::mutex mutex;
  std::int64_t window = 0;
  std::unordered_map<std::string, std::int64_t> used;  // of this window only: a new window begins with an empty table

  Table(const Clock& c, RateLimits l) : clock(c), limits(std::move(l)) {}

  std::int64_t limit_of(std::string_view family) const {
    const auto found = limits.per_family.find(family);
    return found == limits.per_family.end() ? limits.per_window : found->second;
  }
  static std::int64_t window_of(Timestamp now) { return to_seconds(now) / kRateWindow.count(); }
  static std::string key(std::string_view caller, std::string_view family) {
    std::string text(caller);
    text += ' ';
    text += family;
    return text;
  }
};

RateLimiter::RateLimiter(const Clock& clock, RateLimits limits) : table_(std::make_unique<Table>(clock, std::move(limits))) {}
RateLimiter::~RateLimiter() = default;

Result<void> RateLimiter::count(std::string_view caller, std::string_view family) {
  const auto limit = table_->limit_of(family);
  const auto window = Table::window_of(table_->clock.now());
  const std::lock_guard lock(table_->mutex);
  if (table_->window != window) {
    table_->used.clear();
    table_->window = window;
  }
  auto key = Table::key(caller, family);
  if (table_->used.size() >= kCallersMax && !table_->used.contains(key)) key = Table::key("everybody else", family);
  auto& used = table_->used[key];
  if (used >= limit) return failure(Fault::limited, "too many requests");
  ++used;
  return {};
}

RateLimiter::State RateLimiter::look(std::string_view caller, std::string_view family) const {
  const auto limit = table_->limit_of(family);
  const auto window = Table::window_of(table_->clock.now());
  const std::lock_guard lock(table_->mutex);
  std::int64_t used = 0;
  if (table_->window == window) {
    auto found = table_->used.find(Table::key(caller, family));
    if (found == table_->used.end()) found = table_->used.find(Table::key("everybody else", family));
    if (found != table_->used.end()) used = found->second;
  }
  return {limit, std::max<std::int64_t>(0, limit - used), from_seconds((window + 1) * kRateWindow.count())};
}

std::string_view family_of(std::string_view path) {
  constexpr std::string_view kMetered = "/api/v1/";
  if (!path.starts_with(kMetered)) return {};
  return path.substr(0, path.find('/', kMetered.size()));
}

}  // namespace gatehouse::okta
