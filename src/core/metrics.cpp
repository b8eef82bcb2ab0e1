#include "core/metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <stdexcept>

namespace gatehouse {
namespace {

std::size_t hash_of(std::span<const std::string_view> values) {
  std::size_t hash = 0;
  for (const auto value : values) hash = hash * 1099511628211U + std::hash<std::string_view>()(value);
  return hash;
}

bool same(const std::vector<std::string>& kept, std::span<const std::string_view> asked) {
  return std::ranges::equal(kept, asked);
}

void escape(std::string& out, std::string_view text, bool quotes) {
  for (const char c : text) {
    if (c == '\\') out += "\\\\";
    else if (c == '\n') out += "\\n";
    else if (c == '"' && quotes) out += "\\\"";
    else out += c;
  }
}

std::string_view type_of(const Counter*) { return "counter"; }
std::string_view type_of(const Gauge*) { return "gauge"; }
std::string_view type_of(const Histogram*) { return "histogram"; }
std::uint64_t reading(const Counter& counter) { return counter.value(); }
std::int64_t reading(const Gauge& gauge) { return gauge.value(); }
Histogram::Sum reading(const Histogram& histogram) { return histogram.sum(); }

}  // namespace

std::size_t metric_stripe() {
  static std::atomic<std::size_t> threads{0};
  thread_local const std::size_t mine = threads.fetch_add(1, std::memory_order_relaxed) % kMetricStripes;
  return mine;
}

std::uint64_t Counter::value() const {
  std::uint64_t sum = 0;
  for (const auto& cell : cells_) sum += cell.value.load(std::memory_order_relaxed);
  return sum;
}

void Histogram::observe(std::uint64_t micros) {
  const auto at = std::ranges::lower_bound(kSecondsBounds, static_cast<double>(micros) / 1e6) - kSecondsBounds.begin();
  auto& cell = cells_[metric_stripe()];
  cell.buckets[static_cast<std::size_t>(at)].fetch_add(1, std::memory_order_relaxed);
  cell.micros.fetch_add(micros, std::memory_order_relaxed);
}

Histogram::Sum Histogram::sum() const {
  Sum sum;
  for (const auto& cell : cells_) {
    for (std::size_t i = 0; i < sum.buckets.size(); ++i) sum.buckets[i] += cell.buckets[i].load(std::memory_order_relaxed);
    sum.micros += cell.micros.load(std::memory_order_relaxed);
  }
  return sum;
}

void Exposition::head(std::string_view name, std::string_view type, std::string_view help) {
  out_.append("# HELP ").append(name).append(" ");
  escape(out_, help, false);
  out_.append("\n# TYPE ").append(name).append(" ").append(type).append("\n");
}

void Exposition::line(std::string_view name, std::string_view suffix, std::span<const Label> labels, std::string_view value) {
  out_.append(name).append(suffix);
  char separator = '{';
  for (const auto& [label, text] : labels) {
    out_ += separator;
    separator = ',';
    out_.append(label).append("=\"");
    escape(out_, text, true);
    out_ += '"';
  }
  if (!labels.empty()) out_ += '}';
  out_.append(" ").append(value).append("\n");
}

void Exposition::sample(std::string_view name, std::span<const Label> labels, std::uint64_t value) { line(name, {}, labels, fmt::format("{}", value)); }
void Exposition::sample(std::string_view name, std::span<const Label> labels, std::int64_t value) { line(name, {}, labels, fmt::format("{}", value)); }
void Exposition::sample(std::string_view name, std::span<const Label> labels, double value) { line(name, {}, labels, fmt::format("{}", value)); }

void Exposition::sample(std::string_view name, std::span<const Label> labels, const Histogram::Sum& sum) {
  std::vector<Label> with(labels.begin(), labels.end());
  with.emplace_back("le", "");
  std::uint64_t so_far = 0;
  for (std::size_t i = 0; i < sum.buckets.size(); ++i) {
    so_far += sum.buckets[i];
    const auto bound = i < kSecondsBounds.size() ? fmt::format("{}", kSecondsBounds[i]) : "+Inf";
    with.back().second = bound;
    line(name, "_bucket", with, fmt::format("{}", so_far));
  }
  line(name, "_sum", labels, fmt::format("{}", static_cast<double>(sum.micros) / 1e6));
  line(name, "_count", labels, fmt::format("{}", so_far));
}

SeriesTable::SeriesTable(std::string name, std::string help, std::vector<std::string> labels, std::size_t values_max, std::size_t series_max)
    : name_(std::move(name)), help_(std::move(help)), labels_(std::move(labels)), values_max_(values_max), series_max_(series_max),
      places_(std::bit_ceil(2 * (series_max + 1))), known_(labels_.size()) {
  if (labels_.size() > kMetricLabelsMax) throw std::logic_error("a metric with too many labels: " + name_);
}

SeriesTable::~SeriesTable() = default;

SeriesTable::Series* SeriesTable::look(std::span<const std::string_view> values, std::size_t hash) const {
  const auto mask = places_.size() - 1;
  for (std::size_t at = hash & mask;; at = (at + 1) & mask) {
    auto* series = places_[at].load(std::memory_order_acquire);
    if (series == nullptr || (series->hash == hash && same(series->values, values))) return series;
  }
}

SeriesTable::Series& SeriesTable::find(Values values) {
  if (values.size() != labels_.size()) throw std::logic_error("a metric with other labels than it was made with: " + name_);
  std::array<std::string_view, kMetricLabelsMax> cut;
  std::ranges::transform(values, cut.begin(), [](std::string_view value) { return value.substr(0, kMetricValueMax); });
  const std::span<const std::string_view> asked(cut.data(), values.size());
  if (auto* series = look(asked, hash_of(asked))) return *series;
  return add(asked);
}

SeriesTable::Series& SeriesTable::add(std::span<const std::string_view> values) {
  const std::lock_guard lock(adding_);
  std::array<std::string_view, kMetricLabelsMax> bounded;
  const bool full = all_.size() >= series_max_;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const bool fits = !full && (known_[i].contains(values[i]) || known_[i].size() < values_max_);
    bounded[i] = fits ? values[i] : kMetricOther;
  }
  const std::span<const std::string_view> taken(bounded.data(), values.size());
  const auto hash = hash_of(taken);
  if (auto* series = look(taken, hash)) return *series;

  auto series = make();
  series->hash = hash;
  for (std::size_t i = 0; i < taken.size(); ++i) {
    series->values.emplace_back(taken[i]);
    if (taken[i] != kMetricOther) known_[i].emplace(taken[i]);
  }
  auto& kept = *all_.emplace_back(std::move(series));
  const auto mask = places_.size() - 1;
  auto at = hash & mask;
  while (places_[at].load(std::memory_order_relaxed) != nullptr) at = (at + 1) & mask;
  places_[at].store(&kept, std::memory_order_release);
  count_.store(all_.size(), std::memory_order_relaxed);
  return kept;
}

template <class Metric>
void Family<Metric>::write(Exposition& out) const {
  out.head(name_, type_of(static_cast<const Metric*>(nullptr)), help_);
  each([&](std::span<const Exposition::Label> labels, const Series& series) { out.sample(name_, labels, reading(static_cast<const One&>(series).metric)); });
}
template class Family<Counter>;
template class Family<Gauge>;
template class Family<Histogram>;

template <class Metric>
Family<Metric>& Metrics::keep(Shape shape) {
  auto family = std::make_unique<Family<Metric>>(std::move(shape.name), std::move(shape.help), std::move(shape.labels), shape.values_max, shape.series_max);
  auto& kept = *family;
  const std::lock_guard lock(making_);
  families_.push_back(std::move(family));
  return kept;
}

Family<Counter>& Metrics::counters(Shape shape) { return keep<Counter>(std::move(shape)); }
Family<Gauge>& Metrics::gauges(Shape shape) { return keep<Gauge>(std::move(shape)); }
Family<Histogram>& Metrics::histograms(Shape shape) { return keep<Histogram>(std::move(shape)); }

void Metrics::write(Exposition& out) const {
  const std::lock_guard lock(making_);
  for (const auto& family : families_) family->write(out);
}

}  // namespace gatehouse
