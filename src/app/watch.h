// Everything by which others watch this program: access log, counters, spans, and the handler in front of all others that
// feeds them. Owns them; what they say is the business of their own files.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "app/foundation.h"
#include "app/observer.h"
#include "gateway/snapshot.h"
#include "gateway/stages/cache_store.h"
#include "gateway/stages/firewall.h"

namespace gatehouse::app {

// Borrowed.
struct WatchNeeds {
  Foundation& ground;
  net::Resolver& resolver;
  net::Handler& below;
  std::function<bool(std::string_view)> knows_host;
};

// What is read when somebody asks for the metrics.
struct Readings {
  struct Listener {
    std::string name;                        // address:port
    std::size_t connections = 0;
  };
  std::vector<Listener> listeners;
  std::shared_ptr<const gateway::Snapshot> snapshot;
  std::uint64_t generation = 0;
  bool last_reload_good = true;
  Timestamp loaded{};
  store::Stats database;
  std::vector<std::shared_ptr<gateway::CacheStore>> caches;
  std::shared_ptr<const gateway::Firewalls> firewalls;
};

class Watch {
 public:
  // `counts`: is there a listener where the metrics can be read?
  static Started<std::unique_ptr<Watch>> open(WatchNeeds needs, const ObserveConfig& config, bool counts);

  // What listeners hand requests to.
  net::Handler& face() { return observer_ ? static_cast<net::Handler&>(*observer_) : needs_.below; }
  bool counts() const { return metrics_ != nullptr; }
  // In the text format of Prometheus. Reads files of /proc; not for a loop.
  std::string metrics(const Readings& readings) const;
  void rotate() {
    if (access_log_) access_log_->reopen();
  }

 private:
  explicit Watch(WatchNeeds needs) : needs_(std::move(needs)), started_(needs_.ground.clock().now()) {}
  Started<void> open_export(const TelemetryConfig& config);
  void write_own(Exposition& out) const;

  WatchNeeds needs_;
  Timestamp started_;
  std::unique_ptr<Metrics> metrics_;
  std::unique_ptr<AccessLog> access_log_;
  std::unique_ptr<SpanExport> spans_;
  std::unique_ptr<Observer> observer_;
};

}  // namespace gatehouse::app
