#include "app/watch.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "core/spawn.h"

namespace gatehouse::app {
namespace {

using Label = Exposition::Label;

void write_listeners(Exposition& out, const Readings& readings) {
  out.head("gatehouse_connections", "gauge", "Open connections of clients.");
  for (const auto& listener : readings.listeners) {
    const std::array labels{Label{"listener", listener.name}};
    out.sample("gatehouse_connections", labels, static_cast<std::uint64_t>(listener.connections));
  }
}

// Since the pool was made: one whose configuration changed begins anew, and rate() knows how to read that.
void write_upstreams(Exposition& out, const Readings& readings) {
  struct Row {
    const char *name, *help;
    std::uint64_t net::OutboundCounts::*count;
  };
  static constexpr std::array kRows{
      Row{"gatehouse_upstream_requests_total", "Exchanges begun with an upstream.", &net::OutboundCounts::exchanges},
      Row{"gatehouse_upstream_failures_total", "Exchanges that ended in a fault of the upstream.", &net::OutboundCounts::failures},
      Row{"gatehouse_upstream_connects_total", "New connections to an upstream.", &net::OutboundCounts::connects},
      Row{"gatehouse_upstream_reuses_total", "Exchanges on a connection that was there already.", &net::OutboundCounts::reuses},
      Row{"gatehouse_upstream_retries_total", "Exchanges sent again, because the connection was stale.", &net::OutboundCounts::retries}};
  for (const auto& row : kRows) {
    out.head(row.name, "counter", row.help);
    for (const auto& [name, pool] : readings.snapshot->pools()) {
      const std::array labels{Label{"pool", name}};
      out.sample(row.name, labels, pool->counts().*row.count);
    }
  }
}

// Pools have names from the configuration, and names have addresses: what is beyond the limit of series is left out.
void write_targets(Exposition& out, const Readings& readings) {
  struct Row {
    std::string pool;
    gateway::TargetStatus target;
  };
  std::vector<Row> rows;
  for (const auto& [name, pool] : readings.snapshot->pools())
    for (auto& target : pool->status())
      if (rows.size() < kMetricSeriesMax) rows.push_back({name, std::move(target)});
  const auto family = [&](const char* name, const char* type, const char* help, auto value) {
    out.head(name, type, help);
    for (const auto& row : rows) {
      const std::array labels{Label{"pool", row.pool}, Label{"target", row.target.name}};
      out.sample(name, labels, value(row.target));
    }
  };
  using Target = gateway::TargetStatus;
  family("gatehouse_upstream_requests_in_flight", "gauge", "Requests under way with a target.", [](const Target& one) { return one.under_way; });
  family("gatehouse_upstream_ejections_total", "counter", "How often a target was left alone because requests failed there.", [](const Target& one) { return one.ejections; });
  family("gatehouse_upstream_checks_passed_total", "counter", "Health checks that a target passed.", [](const Target& one) { return one.checks_passed; });
  family("gatehouse_upstream_checks_failed_total", "counter", "Health checks that a target failed.", [](const Target& one) { return one.checks_failed; });
  out.head("gatehouse_upstream_target_state", "gauge", "1: serving, ejected, sick or drained.");
  for (const auto& row : rows) {
    const std::array labels{Label{"pool", row.pool}, Label{"target", row.target.name}, Label{"state", row.target.state}};
    out.sample("gatehouse_upstream_target_state", labels, std::uint64_t(1));
  }
}

void write_refusals(Exposition& out, const Readings& readings) {
  out.head("gatehouse_upstream_refused_total", "counter", "Requests for which no target could be asked.");
  for (const auto& [name, pool] : readings.snapshot->pools()) {
    const std::array labels{Label{"pool", name}};
    out.sample("gatehouse_upstream_refused_total", labels, pool->refused());
  }
  out.head("gatehouse_upstream_retries_refused_total", "counter", "Repetitions that the budget did not allow.");
  for (const auto& [name, pool] : readings.snapshot->pools()) {
    const std::array labels{Label{"pool", name}};
    out.sample("gatehouse_upstream_retries_refused_total", labels, pool->retries_refused());
  }
}

void write_caches(Exposition& out, const Readings& readings) {
  using Counts = gateway::CacheStore::Counts;
  struct Row {
    const char *name, *type, *help;
    std::uint64_t Counts::*count;
  };
  static constexpr std::array kRows{Row{"gatehouse_cache_entries", "gauge", "Answers that are kept.", &Counts::entries},
                                    Row{"gatehouse_cache_bytes", "gauge", "Memory that they take.", &Counts::bytes},
                                    Row{"gatehouse_cache_stored_total", "counter", "Answers that were kept.", &Counts::stored},
                                    Row{"gatehouse_cache_evicted_total", "counter", "Answers that had to make room.", &Counts::evicted},
                                    Row{"gatehouse_cache_purged_total", "counter", "Answers that an operator took out.", &Counts::purged}};
  if (readings.caches.empty()) return;
  for (const auto& row : kRows) {
    out.head(row.name, row.type, row.help);
    for (const auto& cache : readings.caches) {
      const auto& settings = cache->settings();
      const auto name = fmt::format("{}/{}", settings.name, settings.size);   // while a reload changes its size there are two of a name
      const std::array labels{Label{"cache", name}};
      out.sample(row.name, labels, cache->counts().*row.count);
    }
  }
}

// Likewise since the configuration was loaded; as many series as routes with rules in the shadow, times four.
void write_shadows(Exposition& out, const gateway::Routes& routes) {
  constexpr auto kName = "gatehouse_shadow_verdicts_total";
  out.head(kName, "counter", "What rules in the shadow would have decided, beside the enforced ones.");
  routes.each([&](const gateway::Route& route) {
    if (!route.shadow) return;
    const auto sample = [&](std::string_view verdict, std::uint64_t count) {
      const std::array labels{Label{"host", route.host}, Label{"route", route.demand.route}, Label{"verdict", verdict}};
      out.sample(kName, labels, count);
    };
    sample("agreed", route.shadow->agreed());
    sample("would_allow", route.shadow->would(policy::Outcome::allow));
    sample("would_deny", route.shadow->would(policy::Outcome::deny));
    sample("would_step_up", route.shadow->would(policy::Outcome::step_up));
  });
}

void write_state(Exposition& out, const Readings& readings) {
  out.alone("gatehouse_configuration_generation", "gauge", "How many configurations were taken over.", readings.generation);
  out.alone("gatehouse_configuration_last_reload_successful", "gauge", "1, or 0 when the last one was refused.", std::uint64_t(readings.last_reload_good));
  out.alone("gatehouse_configuration_loaded_timestamp_seconds", "gauge", "When the running one was taken over.", static_cast<double>(to_millis(readings.loaded)) / 1e3);
  const auto& database = readings.database;
  out.alone("gatehouse_database_reads_total", "counter", "Reading statements answered.", database.reads);
  out.alone("gatehouse_database_units_total", "counter", "Units of changes that are durable.", database.units);
  out.alone("gatehouse_database_commits_total", "counter", "Transactions that carried them.", database.commits);
  out.alone("gatehouse_database_reconnects_total", "counter", "Connections to the database made anew.", database.reconnects);
}

std::uint64_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::uint64_t size = 0, resident = 0;
  file >> size >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

std::uint64_t open_files() {
  std::error_code ignored;
  std::uint64_t count = 0;
  for (std::filesystem::directory_iterator at("/proc/self/fd", ignored), end; !ignored && at != end; at.increment(ignored)) ++count;
  return count > 0 ? count - 1 : 0;   // without the one of this walk
}

double processor_seconds() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& time) { return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6; };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

}  // namespace

Started<std::unique_ptr<Watch>> Watch::open(WatchNeeds needs, const ObserveConfig& config, bool counts) {
  std::unique_ptr<Watch> watch(new Watch(std::move(needs)));
  auto& ground = watch->needs_.ground;
  if (counts && config.metrics) watch->metrics_ = std::make_unique<Metrics>();
  if (config.access_log) {
    auto opened = AccessLog::open(config.access_log->file, ground.log());
    if (!opened) return start_fault(Exit::configuration, opened.error());
    watch->access_log_ = *std::move(opened);
  }
  if (config.telemetry)
    if (auto done = watch->open_export(*config.telemetry); !done) return std::unexpected(std::move(done.error()));
  if (!watch->metrics_ && !watch->access_log_ && !watch->spans_) return watch;
  watch->observer_ = std::make_unique<Observer>(
      Observer::Needs{watch->needs_.below, ground.clock(), ground.random(), watch->needs_.knows_host, watch->access_log_.get(), watch->spans_.get(), watch->metrics_.get()},
      config);
  return watch;
}

Started<void> Watch::open_export(const TelemetryConfig& config) {
  auto endpoint = net::Url::parse(config.endpoint);
  if (!endpoint) return start_fault(Exit::configuration, endpoint.error());
  SpanExport::Options options{.endpoint = *std::move(endpoint), .service_name = config.service_name, .headers = {}};
  for (const auto& [name, place] : config.headers) {
    auto reference = secrets::Reference::parse(place);
    if (!reference) return start_fault(Exit::configuration, reference.error());
    auto secret = run(needs_.ground.references().resolve(*std::move(reference)));
    if (!secret) return start_fault(Exit::configuration, secret.error());
    options.headers.emplace_back(name, secret->reveal());
  }
  spans_ = std::make_unique<SpanExport>(needs_.resolver, std::move(options), needs_.ground.log());
  return {};
}

void Watch::write_own(Exposition& out) const {
  if (access_log_) {
    out.alone("gatehouse_access_log_lines_total", "counter", "Lines written to the access log.", access_log_->written());
    out.alone("gatehouse_access_log_dropped_total", "counter", "Lines that nobody took in time.", access_log_->dropped());
  }
  if (spans_) {
    out.alone("gatehouse_traces_exported_total", "counter", "Requests whose spans the collector has.", spans_->exported());
    out.alone("gatehouse_traces_dropped_total", "counter", "Requests whose spans were lost.", spans_->dropped());
  }
  out.head("gatehouse_build_info", "gauge", "Which program this is.");
  const std::array labels{Label{"version", GATEHOUSE_VERSION}};
  out.sample("gatehouse_build_info", labels, std::uint64_t(1));
  out.alone("process_resident_memory_bytes", "gauge", "Resident memory.", resident_bytes());
  out.alone("process_open_fds", "gauge", "Open file descriptors.", open_files());
  out.alone("process_cpu_seconds_total", "counter", "Processor time, user and system.", processor_seconds());
  out.alone("process_start_time_seconds", "gauge", "When the program began.", static_cast<double>(to_millis(started_)) / 1e3);
}

std::string Watch::metrics(const Readings& readings) const {
  Exposition out;
  if (metrics_) metrics_->write(out);
  write_listeners(out, readings);
  if (readings.snapshot) {
    write_upstreams(out, readings);
    write_targets(out, readings);
    write_refusals(out, readings);
  }
  write_caches(out, readings);
  if (readings.snapshot) write_shadows(out, readings.snapshot->routes());
  if (readings.firewalls) readings.firewalls->write(out);
  write_state(out, readings);
  write_own(out);
  return out.str();
}

}  // namespace gatehouse::app
