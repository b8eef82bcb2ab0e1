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
#include "gateway/health.h"
#include "gateway/outliers.h"
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
  void leave(std::uint8_t cell) { cells_[cell].value.fetch_sub(1, std::memory_order_release); }
  std::int64_t exact() const {
    return cells_[0].value.load(std::memory_order_relaxed);
  }  // when all enter by Kind::exact
  // Has everybody left, and is what they did over? (Who leaves has entered the same cell, so none is ever below zero.)
  bool is_idle() const {
    for (const auto& cell : cells_)
      if (cell.value.load(std::memory_order_acquire) != 0) return false;
    return true;
  }
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
  struct Connections {
    std::unique_ptr<net::Upstream> upstream;
    std::unique_ptr<net::Upstream> probe;  // for health checks: shares no connections with requests; may be null
  };
  // `name` tells it from all others of its pool; times are milliseconds since 1970.
  Target(Connections connections, std::string authority, std::string name, std::int64_t since)
      : began(since), connections_(std::move(connections)), authority_(std::move(authority)), name_(std::move(name)) {}
  net::Upstream& upstream() { return *connections_.upstream; }
  const net::Upstream& upstream() const { return *connections_.upstream; }
  net::Upstream& probe() { return *connections_.probe; }
  const std::string& authority() const { return authority_; }  // host[:port] as its URL has it
  const std::string& name() const { return name_; }
  bool is_ejected(std::int64_t now) const { return ejected_until.load(std::memory_order_relaxed) > now; }

  Load load;
  Record record;
  Health health;
  std::atomic<std::int64_t> began;  // when it was first asked, or well again
  std::atomic<std::int64_t> ejected_until{0};
  std::atomic<std::uint64_t> ejections{0};

  // For whoever has the pool's lock: when it is to be checked next, and whether a check is under way.
  std::int64_t check_at = 0;
  bool checking = false;

 private:
  Connections connections_;
  std::string authority_, name_;
};

}  // namespace gatehouse::gateway
