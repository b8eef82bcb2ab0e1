// How often one caller may call one family of paths: fixed windows of 60 seconds, as Okta counts. Bounded memory: when
// more callers than kCallersMax are about, the ones beyond share one count. Thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "core/error.h"

namespace gatehouse::okta {

inline constexpr Seconds kRateWindow{60};
inline constexpr std::size_t kCallersMax = 10'000;

struct RateLimits {
  std::int64_t per_window = 1200;
  std::map<std::string, std::int64_t, std::less<>> per_family;  // "/api/v1/users" -> another number
};

class RateLimiter {
 public:
  struct State {
    std::int64_t limit, remaining;
    Timestamp reset;
  };
  RateLimiter(const Clock& clock, RateLimits limits);
  ~RateLimiter();
  Result<void> count(std::string_view caller, std::string_view family);  // Fault::limited when over
  State look(std::string_view caller, std::string_view family) const;

 private:
  struct Table;
  std::unique_ptr<Table> table_;
};

// "/api/v1/users/00u…/groups" -> "/api/v1/users"; empty for paths that are not metered (/.well-known, keys).
std::string_view family_of(std::string_view path);

}  // namespace gatehouse::okta
