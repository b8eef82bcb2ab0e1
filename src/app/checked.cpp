#include "app/checked.h"

#include "app/local_tls.h"
#include "app/seed.h"

namespace gatehouse::app {

Result<Config> load_and_check(const std::string& file, Timestamp now) {
  GH_TRY(auto config, load_config(file));
  for (const auto& listener : config.listeners)
    if (listener.tls) GH_DO(check_certificate(*listener.tls, now));
  if (config.seed) {
    GH_TRY(const auto seed, load_seed(*config.seed));
    (void)seed;
  }
  return config;
}

std::string first_fixed_change(const Config& running, const Config& next) {
  if (running.data != next.data) return "data";
  if (running.database != next.database) return "database";
  if (running.master_key != next.master_key) return "master_key";
  if (running.listeners != next.listeners) return "listeners";
  if (running.trusted_proxies != next.trusted_proxies) return "trusted_proxies";
  if (running.org != next.org) return "org";
  if (running.seed != next.seed) return "seed";
  if (running.shared != next.shared) return "shared";
  if (running.operations != next.operations) return "operations";
  if (running.observe.access_log != next.observe.access_log) return "access_log";
  if (running.observe.telemetry != next.observe.telemetry) return "telemetry";
  if (running.observe.metrics != next.observe.metrics) return "metrics";
  return {};
}

}  // namespace gatehouse::app
