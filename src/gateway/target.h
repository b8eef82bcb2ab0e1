// One server of a pool: the connections to it, how many requests are under way there, and what was learnt of its
// health. Decides nothing: Lineup says whether it is asked, Outliers when it has failed too often. Lives as long as a
// pool has it.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "core/metrics.h"
#include "net/client.h"

namespace gatehouse::gateway {

// How many are at it now. Counting costs a thread a cache line of its own, unless somebody needs the exact number at
// every request: then all share the first cell.
class Load {
 public:
  enum class Kind : std::uint8_t { spread, exact };
  struct Place {
    std::uint8_t cell = 0;
    std::int64_t before = 0;  // how many there were; of this cell
  };
  Place enter(Kind kind) {
    const auto cell = kind == Kind::exact ? std::size_t(0) : metric_stripe();
    return {static_cast<std::uint8_t>(cell), cells_[cell].value.fetch_add(1, std::memory_order_relaxed)};
  }
  void leave(std::uint8_t cell) { cells_[cell].value.fetch_sub(1, std::memory_order_relaxed); }
  std::int64_t exact() const {
    return cells_[0].value.load(std::memory_order_relaxed);
  }  // when all enter by Kind::exact
  std::int64_t value() const {
    std::int64_t sum = 0;
    for (const auto& cell : cells_) sum += cell.value.load(std::memory_order_relaxed);
    return sum;
  }

 private:
  struct alignas(64) Cell {
    std::atomic<std::int64_t> value{0};
  };
  std::array<Cell, kMetricStripes> cells_;
};

class Target {
 public:
  // `name` tells it from all others of its pool; times are milliseconds since 1970.
  Target(std::unique_ptr<net::Upstream> upstream, std::string authority, std::string name = {}, std::int64_t since = 0)
      : began(since),
        upstream_(std::move(upstream)),
        authority_(std::move(authority)),
        name_(name.empty() ? authority_ : std::move(name)) {}
  net::Upstream& upstream() { return *upstream_; }
  const net::Upstream& upstream() const { return *upstream_; }
  const std::string& authority() const { return authority_; }  // host[:port] as its URL has it
  const std::string& name() const { return name_; }

  Load load;
  std::atomic<int> failures_in_row{0};
  std::atomic<std::int64_t> began;  // when it was first asked, or healthy again
  std::atomic<std::int64_t> ejected_until{0};
  std::atomic<std::uint64_t> ejections{0};

 private:
  std::unique_ptr<net::Upstream> upstream_;
  std::string authority_, name_;
};

}  // namespace gatehouse::gateway
