// The whole program as one value: builds the rooms low to high, serves, stops them high to low. The only place that knows
// which room borrows which; everything else is told what it needs.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "app/accounts.h"
#include "app/demo.h"
#include "app/foundation.h"
#include "app/janitor.h"
#include "app/org.h"
#include "app/org_witness.h"
#include "gateway/gateway.h"
#include "net/client.h"
#include "net/hosts.h"
#include "net/server.h"

namespace gatehouse::app {

enum class Content { configured, demo };

struct Plan {
  Config config;
  Content content = Content::configured;
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
  void reload_certificates();
  // Blocks: no new connections, requests under way may end, then everything is written and closed.
  void stop();

 private:
  explicit House(Plan plan) : plan_(std::move(plan)) {}
  Started<void> listen();
  Started<void> listen_together();
  Started<std::unique_ptr<net::Server>> listen_at(const ListenerConfig& where, net::Handler& handler);
  Started<void> open_org();
  Started<void> open_demo();
  Started<void> open_demo_upstreams();
  Started<void> open_demo_accounts();
  Started<void> sow_seed();
  Task<void> fit_demo_to_port();
  Started<void> open_gateway(gateway::Config config, std::vector<access::SsoConfig> sign_ons, const std::vector<std::string>& issuers);
  Started<void> open_configured();

  Plan plan_;
  Ready ready_;
  std::unique_ptr<Foundation> ground_;
  std::unique_ptr<net::Runtime> runtime_;
  std::unique_ptr<net::Resolver> resolver_;
  std::unique_ptr<net::HttpClient> http_;
  std::unique_ptr<Org> org_;
  std::unique_ptr<OrgWitness> witness_;
  std::unique_ptr<gateway::Gateway> gateway_;
  std::unique_ptr<net::Handler> wiki_, orders_;          // the demo's upstreams
  net::HostSwitch front_;
  std::vector<std::unique_ptr<net::Server>> servers_;    // what the world reaches
  std::vector<std::unique_ptr<net::Server>> inside_;     // the demo's upstreams, on the loopback
  std::unique_ptr<Janitor> janitor_;
  bool serving_ = false;
};

}  // namespace gatehouse::app
