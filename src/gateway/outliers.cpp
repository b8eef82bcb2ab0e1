#include "gateway/outliers.h"

#include <algorithm>

namespace gatehouse::gateway {

namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

// Of a gateway or of a server that has too much to do; a 500 is about the request as often as about the server.
bool is_gateway_error(int status) { return status == 502 || status == 503 || status == 504; }

// No write when nothing changes: the counter stays in every core's cache.
void clear(std::atomic<int>& counter) {
  if (counter.load(kRelaxed) != 0) counter.store(0, kRelaxed);
}

}  // namespace

bool Record::answered(const EjectionRules& rules, int status, const Clock& clock) {
  clear(failures_);
  const bool bad = is_gateway_error(status);
  bool broken = false;
  if (!bad) clear(gateway_errors_);
  else if (rules.gateway_errors != 0) broken = gateway_errors_.fetch_add(1, kRelaxed) + 1 >= rules.gateway_errors;
  if (rules.share_percent != 0 && judge(rules, bad, clock)) broken = true;
  if (broken) begin_anew();
  return broken;
}

bool Record::failed(const EjectionRules& rules, const Clock& clock) {
  bool broken = rules.failures != 0 && failures_.fetch_add(1, kRelaxed) + 1 >= rules.failures;
  if (rules.share_percent != 0 && judge(rules, true, clock)) broken = true;
  if (broken) begin_anew();
  return broken;
}

bool Record::judge(const EjectionRules& rules, bool bad, const Clock& clock) {
  const auto now = to_millis(clock.now());
  auto began = window_.load(kRelaxed);
  if (now - began >= rules.window.count() && window_.compare_exchange_strong(began, now, kRelaxed)) {
    seen_.store(0, kRelaxed);
    bad_.store(0, kRelaxed);
  }
  const auto seen = seen_.fetch_add(1, kRelaxed) + 1;
  if (!bad) return false;
  const auto wrong = bad_.fetch_add(1, kRelaxed) + 1;
  return seen >= static_cast<std::uint32_t>(rules.share_least) &&
         std::uint64_t(wrong) * 100 >= std::uint64_t(seen) * static_cast<std::uint64_t>(rules.share_percent);
}

void Record::begin_anew() {
  failures_.store(0, kRelaxed);
  gateway_errors_.store(0, kRelaxed);
  seen_.store(0, kRelaxed);
  bad_.store(0, kRelaxed);
}

std::int64_t Record::sentence(const EjectionRules& rules, std::int64_t now) {
  const bool again = last_ != 0 && now - out_until_ < rules.most.count();
  last_ = std::min<std::int64_t>(again ? last_ * 2 : rules.base.count(), std::max(rules.base, rules.most).count());
  out_until_ = now + last_;
  return last_;
}

}  // namespace gatehouse::gateway
