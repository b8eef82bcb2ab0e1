// Numbers about the running program, kept so that counting costs a loop nothing but an addition on a cache line of its own,
// and told as text for Prometheus. Every family has fixed label names and a limit on label values and on series: what comes
// after that is counted under "other", so that no client can fill the memory by inventing names.
// Knows nothing of HTTP nor of what is counted.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gatehouse {

inline constexpr std::size_t kMetricStripes = 8;          // threads beyond that share
inline constexpr std::size_t kMetricLabelsMax = 6;
inline constexpr std::size_t kMetricValuesMax = 1000;     // of one label, unless a family says less
inline constexpr std::size_t kMetricSeriesMax = 10'000;   // of one family
inline constexpr std::size_t kMetricValueMax = 200;       // bytes of a label value; longer ones are cut
inline constexpr std::string_view kMetricOther = "other";

std::size_t metric_stripe();   // of this thread, below kMetricStripes

// Only grows.
class Counter {
 public:
  void add(std::uint64_t by = 1) { cells_[metric_stripe()].value.fetch_add(by, std::memory_order_relaxed); }
  std::uint64_t value() const;

 private:
  struct alignas(64) Cell {
    std::atomic<std::uint64_t> value{0};
  };
  std::array<Cell, kMetricStripes> cells_;
};

// Goes up and down; the threads may differ.
class Gauge {
 public:
  void add(std::int64_t by) { counter_.add(static_cast<std::uint64_t>(by)); }
  std::int64_t value() const { return static_cast<std::int64_t>(counter_.value()); }

 private:
  Counter counter_;   // modulo 2^64: what one thread adds another one may take away
};

// Durations in seconds, in fixed buckets from 0.5 ms to 60 s.
inline constexpr std::array kSecondsBounds{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0};
class Histogram {
 public:
  void observe(std::uint64_t micros);
  struct Sum {
    std::array<std::uint64_t, kSecondsBounds.size() + 1> buckets{};   // not cumulative; the last one is beyond all bounds
    std::uint64_t micros = 0;
  };
  Sum sum() const;

 private:
  struct alignas(64) Cell {
    std::array<std::atomic<std::uint64_t>, kSecondsBounds.size() + 1> buckets{};
    std::atomic<std::uint64_t> micros{0};
  };
  std::array<Cell, kMetricStripes> cells_;
};

// Text exposition format 0.0.4 (prometheus.io/docs/instrumenting/exposition_formats).
class Exposition {
 public:
  using Label = std::pair<std::string_view, std::string_view>;
  void head(std::string_view name, std::string_view type, std::string_view help);
  void sample(std::string_view name, std::span<const Label> labels, std::uint64_t value);
  void sample(std::string_view name, std::span<const Label> labels, std::int64_t value);
  void sample(std::string_view name, std::span<const Label> labels, double value);
  void sample(std::string_view name, std::span<const Label> labels, const Histogram::Sum& sum);
  // A family of one, without labels.
  template <class Number>
  void alone(std::string_view name, std::string_view type, std::string_view help, Number value) {
    head(name, type, help);
    sample(name, std::span<const Label>(), value);
  }
  const std::string& str() const { return out_; }

 private:
  void line(std::string_view name, std::string_view suffix, std::span<const Label> labels, std::string_view value);
  std::string out_;
};

// The series of one metric by the values of its labels. Looking one up takes no lock; none is ever taken away.
class SeriesTable {
 public:
  using Values = std::initializer_list<std::string_view>;   // in the order of the labels
  SeriesTable(std::string name, std::string help, std::vector<std::string> labels, std::size_t values_max, std::size_t series_max);
  SeriesTable(const SeriesTable&) = delete;
  SeriesTable& operator=(const SeriesTable&) = delete;
  virtual ~SeriesTable();
  virtual void write(Exposition& out) const = 0;
  std::size_t size() const { return count_.load(std::memory_order_relaxed); }

 protected:
  struct Series {
    virtual ~Series() = default;
    std::vector<std::string> values;
    std::size_t hash = 0;
  };
  Series& find(Values values);
  virtual std::unique_ptr<Series> make() const = 0;
  template <class See>
  void each(See&& see) const {   // see(labels, series)
    std::array<Exposition::Label, kMetricLabelsMax> labels;
    for (const auto& place : places_) {
      const auto* series = place.load(std::memory_order_acquire);
      if (series == nullptr) continue;
      for (std::size_t i = 0; i < labels_.size(); ++i) labels[i] = {labels_[i], series->values[i]};
      see(std::span<const Exposition::Label>(labels.data(), labels_.size()), *series);
    }
  }
  const std::string name_, help_;

 private:
  Series* look(std::span<const std::string_view> values, std::size_t hash) const;
  Series& add(std::span<const std::string_view> values);
  const std::vector<std::string> labels_;
  const std::size_t values_max_, series_max_;
  std::vector<std::atomic<Series*>> places_;   // open addressing, at most half full
  std::atomic<std::size_t> count_{0};
  std::mutex adding_;
  std::vector<std::set<std::string, std::less<>>> known_;   // values by label
  std::vector<std::unique_ptr<Series>> all_;
};

template <class Metric>
class Family final : public SeriesTable {
 public:
  using SeriesTable::SeriesTable;
  // As many values as labels.
  Metric& at(Values values) { return static_cast<One&>(find(values)).metric; }
  void write(Exposition& out) const override;

 private:
  struct One final : Series {
    Metric metric;
  };
  std::unique_ptr<Series> make() const override { return std::make_unique<One>(); }
};

extern template class Family<Counter>;
extern template class Family<Gauge>;
extern template class Family<Histogram>;

// All families of a program, in the order in which they were made.
class Metrics {
 public:
  struct Shape {
    std::string name, help;
    std::vector<std::string> labels;                    // at most kMetricLabelsMax
    std::size_t values_max = kMetricValuesMax, series_max = kMetricSeriesMax;
  };
  Family<Counter>& counters(Shape shape);       // names end in _total
  Family<Gauge>& gauges(Shape shape);
  Family<Histogram>& histograms(Shape shape);
  void write(Exposition& out) const;

 private:
  template <class Metric>
  Family<Metric>& keep(Shape shape);
  mutable std::mutex making_;
  std::vector<std::unique_ptr<SeriesTable>> families_;
};

}  // namespace gatehouse
