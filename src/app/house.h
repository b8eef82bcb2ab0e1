// The whole program as one value: builds the rooms low to high, serves, stops them high to low. The only place that knows
// which room borrows which; everything else is told what it needs.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "app/accounts.h"
#include "app/demo.h"
#include "app/foundation.h"
#include "app/front_door.h"
#include "app/handed_over.h"
#include "app/janitor.h"
#include "app/operations.h"
#include "app/org.h"
#include "app/rounds.h"
#include "app/watch.h"
#include "gateway/stages/cache_purge.h"
#include "net/hosts.h"
#include "net/server.h"
#include "store/key_value.h"

namespace gatehouse::app {

enum class Content { configured, demo };

struct Plan {
  Config config;
  Content content = Content::configured;
  std::string file;              // where the configuration was read from, to read it again; empty: it was made up
  HandedOver sockets;            // listening sockets that came with the program
  std::string authority;         // PEM file of the local authority, when the listeners have its certificate
};

// What there is to tell when all is ready.
struct Ready {
  std::vector<std::string> org;  // addresses of the org, the first one to be used
  DemoAddresses at;              // demo only, as the rest
  DemoAccounts accounts;
  std::string authority, data;
};

class House {
 public:
  // Blocks until everything is there; nothing is served before serve().
  static Started<std::unique_ptr<House>> open(Plan plan, LogSink& sink);
  ~House();

  const Ready& ready() const { return ready_; }
  void serve();
  // Reads configuration and certificates again. All of it is good and takes effect, or nothing does: the error says why.
  // Blocks; usable from any thread but a loop's.
  Result<void> reload_and_tell(std::string_view why);
  struct Configuration {
    std::uint64_t generation = 1;         // how many were taken over
    Timestamp since{};
    std::string refused;                  // why the last attempt was refused; empty when it was not
  };
  Configuration configuration() const;
  const std::string& file() const { return plan_.file; }
  std::vector<Listening> sockets() const;
  // From now on /readyz says no, so that balancers send nobody any more.
  void announce_end() { leaving_ = true; }
  bool is_leaving() const { return leaving_; }
  // Blocks: no new connections, requests under way may end, then everything is written and closed.
  void stop(std::optional<net::Farewell> farewell = std::nullopt);
  const Log& log() const { return ground_->log(); }
  Config config() const;                  // as of now
  store::Database& database() { return ground_->database(); }
  Task<void> reload_from_loop(std::string why);
  // Takes answers out of the gateway's caches; how many these were.
  Task<std::size_t> purge_from_loop(gateway::Purge wanted);
  // Fault::missing when nothing is counted.
  Task<std::string> metrics_from_loop();

 private:
  explicit House(Plan plan) : plan_(std::move(plan)) {}
  Started<void> open_watch();
  Readings readings() const;
  Started<void> listen();
  Started<void> listen_together();
  Started<std::unique_ptr<net::Server>> listen_at(const ListenerConfig& where, net::Handler& handler);
  Started<void> open_org();
  Started<void> open_registration();
  Started<void> open_demo();
  Started<void> open_demo_upstreams();
  Started<void> open_demo_accounts();
  Started<void> sow_seed();
  Task<void> fit_demo_to_port();
  Started<void> open_shared();
  Started<void> open_configured();
  Result<GuardPlan> plan_gateway(const Config& config);
  Result<void> reload();

  Plan plan_;
  Ready ready_;
  std::unique_ptr<Foundation> ground_;
  std::unique_ptr<store::KeyValue> shared_;              // nullptr: this gateway counts for itself
  std::shared_ptr<gateway::LimitTables> limits_;
  std::shared_ptr<gateway::CacheStores> caches_;
  std::shared_ptr<gateway::Firewalls> firewalls_ = std::make_shared<gateway::Firewalls>();
  std::unique_ptr<net::Runtime> runtime_;
  std::unique_ptr<net::Resolver> resolver_;
  std::unique_ptr<net::HttpClient> org_http_;            // what the org fetches of its clients
  std::unique_ptr<Org> org_;
  std::unique_ptr<FrontDoor> door_;
  std::unique_ptr<net::Handler> wiki_, orders_;          // the demo's upstreams
  net::HostSwitch front_;
  std::unique_ptr<Watch> watch_;
  std::vector<std::unique_ptr<net::Server>> servers_;    // what the world reaches
  std::vector<std::unique_ptr<net::Server>> inside_;     // the demo's upstreams, on the loopback
  std::unique_ptr<Janitor> janitor_;
  std::unique_ptr<Rounds> key_rounds_, upstream_rounds_, logout_rounds_;
  bool serving_ = false;
  std::atomic<bool> leaving_ = false;
  std::mutex reloading_;                  // one at a time
  mutable std::mutex telling_;
  Configuration configuration_;
  Pool operator_{"operator", 1, 16};
  std::unique_ptr<Operations> operations_;
  std::unique_ptr<net::Handler> operations_handler_;
};

}  // namespace gatehouse::app
