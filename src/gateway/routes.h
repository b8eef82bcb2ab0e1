// Which rule covers a request: by host, then by the longest path prefix of whole segments. A request that no rule covers
// has no route (fail closed), and so has one that two servers could read as different routes.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "gateway/judge.h"
#include "gateway/policy.h"
#include "gateway/stage.h"
#include "gateway/upstreams.h"

namespace gatehouse::gateway {

struct Route {
  std::string host, path;
  std::vector<std::string> methods;
  std::shared_ptr<Policy> policy;
  Demand demand;
  policy::RulesPtr rules;              // nullptr: whoever the policy lets pass
  std::shared_ptr<Shadow> shadow;      // nullptr: none
  std::shared_ptr<UpstreamPool> pool;
  HostHeader host_header = HostHeader::preserve;
  WebSocketRules websocket;
  RetryRules retry;
  Timeouts timeouts;
  std::string fixed_lines;             // set_headers, serialised
  Stages stages;                       // those that come before the policy first
  std::size_t arrived = 0;             // how many these are

  bool allows(std::string_view method) const;
};

struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
};
template <class T>
using ByText = std::unordered_map<std::string, T, TextHash, std::equal_to<>>;

class Routes {
 public:
  // Fault::invalid: path not canonical, the same host and path twice, or two that differ only in case.
  Result<void> add(Route route);

  struct Found {
    const Route* route = nullptr;
    enum class Why { found, unknown_host, no_rule, ambiguous } why = Why::found;
  };
  Found find(std::string_view host, std::string_view path) const;
  // see(route), in the order in which they were added.
  template <class See>
  void each(See&& see) const {
    for (const auto& route : routes_) see(std::as_const(*route));
  }
  bool knows_host(std::string_view host) const { return hosts_.contains(host); }
  // The policy that has pages on this host, or nullptr.
  Policy* pages_of(std::string_view host) const;

 private:
  struct Host {
    ByText<std::size_t> exact, folded;   // path without trailing '/' -> position in routes_
    std::size_t depth = 0;               // segments of the longest path
    bool has_case = false;               // does a rule have capital letters?
    Policy* pages = nullptr;
  };
  std::optional<std::size_t> longest(const ByText<std::size_t>& table, std::size_t depth, std::string_view path) const;
  ByText<Host> hosts_;
  std::vector<std::unique_ptr<Route>> routes_;
};

// The path as the most careless server could read it: path parameters dropped, empty segments dropped, lower case.
std::string careless_reading(std::string_view path);

}  // namespace gatehouse::gateway
