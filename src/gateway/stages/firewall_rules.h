// What a firewall's configuration says, turned into texts in ModSecurity's rule language. Files are read and looked
// through before the engine sees them: rules inspect messages; they start no program, fetch nothing, write no file and
// change nothing of what Gatehouse itself decides (on or off, sizes, logs).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "gateway/stages/firewall_engine.h"

namespace gatehouse::gateway {

inline constexpr std::string_view kCoreRuleSet = "owasp-crs";                        // a word for all of its files
inline constexpr std::string_view kCrsFolder = "/usr/share/modsecurity-crs/rules";   // where Debian keeps them
inline constexpr std::size_t kRuleFilesMax = 256, kRuleBytesMax = 16 * 1024 * 1024;  // of one firewall
inline constexpr std::size_t kFirewallBodyMax = 16 * 1024 * 1024;
inline constexpr std::size_t kExclusionsMax = 1000;

struct FirewallConfig {
  std::vector<std::string> rules{
      std::string(kCoreRuleSet)};  // that word, or absolute paths with '*' in the last segment; in this order
  std::string crs{kCrsFolder};
  enum class Mode : std::uint8_t { block, detect } mode = Mode::block;
  std::optional<int> paranoia;   // 1 to 4; otherwise what the rules say
  std::optional<int> threshold;  // of the anomaly score
  std::size_t body_max =
      256 * 1024;  // bytes of a request body that are inspected; engines are slow: 1 MiB can take a second
  enum class OverBodyMax : std::uint8_t { refuse, inspect_start } over_body_max = OverBodyMax::refuse;
  bool grpc = false;                    // messages of gRPC pass unseen; else their type is no way around the rules
  bool answers = false;                 // inspect them, too
  std::size_t answer_max = 256 * 1024;  // the first so many bytes
  std::vector<std::string> exclude;     // "942100" or "942100-942199"
  std::vector<std::string> exclude_tags;
};

// What is wrong with it, without opening a file. The message begins with the key.
Result<void> validate(const FirewallConfig& config);
// Everything that the engine is given, in order. Blocks. Fault::invalid with file, line and what to do.
Result<std::vector<RuleText>> read_rule_texts(const FirewallConfig& config);
// Looks through one text as an administrator wrote it.
Result<void> check_rule_text(const RuleText& text);

}  // namespace gatehouse::gateway
