// A web application firewall before a route: rules in ModSecurity's language, above all the OWASP Core Rule Set, look
// at the request as it will be forwarded, its body included, before anybody is asked who calls. Rules run on threads of
// their own behind a bounded queue. When they cannot be asked, the request does not pass. Owns what a verdict means;
// knows nothing of rules (firewall_rules.h) and of the engine (firewall_engine.h).
#pragma once

#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "core/metrics.h"
#include "core/pool.h"
#include "gateway/stage.h"
#include "gateway/stages/firewall_rules.h"

namespace gatehouse::gateway {

inline constexpr std::size_t kFirewallQueue = 256;  // requests that wait for a thread
inline constexpr std::size_t kFirewallHeldMax =
    128 * 1024 * 1024;  // bytes of bodies that are held at once, by all routes

// What kind of attack a rule is about, by the Core Rule Set's numbers: "sqli", "xss" …; "own" for other rules.
std::string_view group_of_rule(int id);

// What firewalls share, and what outlives a change of the configuration: threads, compiled rules, bytes held, counts.
class Firewalls {
 public:
  // `threads` 0: as many as there are processors.
  explicit Firewalls(std::size_t threads = 0, std::size_t queue_max = kFirewallQueue);
  // Those that were compiled from the same texts, or compiled now. Blocks. Fault::invalid with file and line.
  Result<std::shared_ptr<const RuleSet>> rules(const FirewallConfig& config);
  Pool& pool();
  bool hold(std::size_t bytes);  // false: too many are held
  void release(std::size_t bytes) { held_.fetch_sub(bytes, std::memory_order_relaxed); }

  enum class Counted : std::uint8_t { blocked, would_block, matched, failed };
  void count(Counted what, std::span<const int> rules);
  // For metrics: gatehouse_firewall_matches_total{group, verdict}.
  void write(Exposition& out) const { matches_.write(out); }

 private:
  const std::size_t threads_, queue_max_;
  std::mutex mutex_;
  std::map<std::string, std::weak_ptr<const RuleSet>> compiled_;  // by hash of the texts
  std::atomic<std::size_t> held_{0};
  Family<Counter> matches_;
  std::once_flag opening_;
  std::unique_ptr<Pool> pool_;
};

// Compiles the rules unless `firewalls` has them. Blocks.
Result<std::shared_ptr<Stage>> make_firewall_stage(const FirewallConfig& config, std::shared_ptr<Firewalls> firewalls);

}  // namespace gatehouse::gateway
