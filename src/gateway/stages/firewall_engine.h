// libmodsecurity behind values: rules that were compiled once, and one message on its way through them. Needs as much
// time as the rules take (regular expressions): never call it on an I/O loop. Any thread, one at a time for one
// Inspection. The only file that includes its headers is firewall_engine.cpp. They are no valid C++23 (3.0.9), so that
// file is compiled as C++20, and nothing of a later standard may stand here.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace gatehouse::gateway {

inline constexpr std::size_t kRulesToldMax = 32;  // of one message, in the log
inline constexpr int kBodyErrorRule = 200002, kMultipartStrictRule = 200003, kMultipartBoundaryRule = 200004,
                     kArgumentsRule = 200007;

// A piece of configuration in the rule language. `file` is where it came from: for messages, and data files lie beside
// it.
struct RuleText {
  std::string text, file;
};

class RuleSet {
 public:
  struct Compiled;
  // Opens the data files that rules name. Blocks.
  static Compiled compile(const std::vector<RuleText>& texts);
  struct Impl;
  explicit RuleSet(std::unique_ptr<Impl> impl);
  ~RuleSet();
  RuleSet(const RuleSet&) = delete;
  RuleSet& operator=(const RuleSet&) = delete;
  Impl& impl() const { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};
struct RuleSet::Compiled {
  std::shared_ptr<const RuleSet> rules;  // nullptr: `fault` says what is wrong, with file and line
  std::string fault;
};

using InspectedFields = std::vector<std::pair<std::string, std::string>>;

struct InspectedRequest {
  std::string id, client, server;  // client and server: an address, a host
  int client_port = 0, server_port = 0;
  std::string method, target, version;  // "GET", "/path?query" in canonical form, "1.1"
  InspectedFields fields;
  std::string body;
  std::size_t most = SIZE_MAX;  // bytes of `body` that are inspected
  bool cut = false;             // more of it follows: no parser can be content with what is here
};
struct InspectedAnswer {
  int status = 200;
  InspectedFields fields;
  std::string body;
};

// What the rules say. Never holds anything of the message itself.
struct Inspected {
  enum class Outcome : std::uint8_t { clean, blocked, failed } outcome = Outcome::failed;  // failed: the engine itself
  int status = 403;        // 400: the body cannot be read as what it claims to be
  int score = 0;           // anomaly score of the Core Rule Set
  bool given_up = false;       // a rule needed too long: blocked, since nobody knows
  std::vector<int> rules;  // ids of those that matched and say so, each once
};

class Inspection {
 public:
  explicit Inspection(std::shared_ptr<const RuleSet> rules);
  ~Inspection();
  Inspection(const Inspection&) = delete;
  Inspection& operator=(const Inspection&) = delete;
  // Phases 1 and 2. Once.
  Inspected request(const InspectedRequest& request) noexcept;
  // Phases 3 and 4, after a request that was clean.
  Inspected answer(const InspectedAnswer& answer) noexcept;

 private:
  struct Impl;
  std::shared_ptr<const RuleSet> rules_;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gatehouse::gateway
