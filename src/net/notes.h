// What is learnt about a request on its way, for whoever watches (Exchange::notes()). Written by the rooms that learn it, on
// the request's own loop; nobody who decides something reads it. No member ever holds a secret.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gatehouse::net {

struct Notes {
  using Time = std::chrono::steady_clock::time_point;   // the epoch: it did not happen
  static Time now() { return std::chrono::steady_clock::now(); }

  std::string host;                // that the rule was written for; bounded by the configuration, unlike Request::host
  std::string route;
  std::string who;                 // subject, client or login
  std::string_view shown;          // what vouched for the caller: "token", "cookie"; a constant
  std::string refused;             // why the gateway did not let it pass
  std::string_view cache;          // "hit", "miss" …; a constant
  std::string pool, target;        // of the upstream
  Time policy_began{}, policy_ended{};
  Time upstream_began{}, upstream_head{}, upstream_ended{};   // head: the answer's
  std::string failed;              // why the upstream gave no whole answer
  int tries = 0;                   // targets that were asked for a connection
  bool admitted = false;           // the policy let it pass

  // Fields that the upstream gets instead of what the client sent under these names: the trace context.
  std::vector<std::pair<std::string, std::string>> onward;
  std::vector<std::string> withheld;   // fields that it does not get
};

}  // namespace gatehouse::net
