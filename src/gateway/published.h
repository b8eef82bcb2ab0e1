// A value that one replaces now and then and many read at every request, without a lock and without sharing a cache
// line. What was replaced is freed when nobody can be reading it any more.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "core/metrics.h"

namespace gatehouse::gateway {

template <class T>
class Published {
 public:
  // Must not outlive the call in which it was made: no waiting while one lives.
  class Reading {
   public:
    explicit Reading(const Published& from) : readers_(from.readers_[metric_stripe()].count) {
      // In one order with replace(): whoever does not see us has replaced the value before we look at it.
      readers_.fetch_add(1, std::memory_order_seq_cst);
      value_ = from.now_.load(std::memory_order_seq_cst);
    }
    ~Reading() { readers_.fetch_sub(1, std::memory_order_release); }
    Reading(const Reading&) = delete;
    Reading& operator=(const Reading&) = delete;
    const T& operator*() const { return *value_; }
    const T* operator->() const { return value_; }

   private:
    std::atomic<std::uint32_t>& readers_;
    const T* value_;
  };

  explicit Published(std::unique_ptr<const T> first) : now_(first.release()) {}
  ~Published() { delete now_.load(); }
  Published(const Published&) = delete;
  Published& operator=(const Published&) = delete;

  Reading read() const { return Reading(*this); }

  // One at a time.
  void replace(std::unique_ptr<const T> next) {
    const auto* const old = now_.exchange(next.release(), std::memory_order_seq_cst);
    old_.push_back({std::unique_ptr<const T>(old), kAllStripes});
    collect();
  }
  // Frees what nobody reads any more. One at a time, and not beside replace().
  void collect() {
    if (old_.empty()) return;
    unsigned idle = 0;
    for (std::size_t i = 0; i < readers_.size(); ++i)
      if (readers_[i].count.load(std::memory_order_seq_cst) == 0) idle |= 1U << i;
    std::erase_if(old_, [idle](Old& old) { return (old.busy &= ~idle) == 0; });
  }
  std::size_t kept() const { return old_.size(); }

 private:
  static constexpr unsigned kAllStripes = (1U << kMetricStripes) - 1;
  struct Old {
    std::unique_ptr<const T> value;
    unsigned busy;  // stripes that have not been seen idle since it was replaced
  };
  struct alignas(64) Readers {
    std::atomic<std::uint32_t> count{0};
  };
  std::atomic<const T*> now_;
  mutable std::array<Readers, kMetricStripes> readers_;
  std::vector<Old> old_;
};

}  // namespace gatehouse::gateway
