// Reading our own YAML files: strict keys, every fault at once, each with line, column and what to do.
// Owns yaml-cpp for config and seed; knows neither of them.
#pragma once

#include <yaml-cpp/yaml.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"

namespace gatehouse::app {

inline constexpr std::size_t kYamlBytesMax = 1024 * 1024;
inline constexpr std::size_t kYamlFindingsMax = 100;  // the rest would not be read anyway
inline constexpr std::size_t kYamlDepthMax = 32;

struct Finding {
  int line = 0, column = 0;  // from 1; 0: the file as a whole
  std::string what, todo;
};

// The faults of one file, collected while it is read.
class Findings {
 public:
  explicit Findings(std::string file) : file_(std::move(file)) {}
  void add(const YAML::Mark& at, std::string what, std::string todo);
  bool empty() const { return all_.empty(); }
  const std::vector<Finding>& all() const { return all_; }
  // "gatehouse.yaml:3:5: unknown key 'adress'; did you mean 'address'?", one line each, in the order of the file.
  std::string str() const;

 private:
  std::string file_;
  std::vector<Finding> all_;
};

// The candidate that was probably meant (at most two edits away, fewer for short words); empty if none is near.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

// One mapping while it is read. Ask for each key once, then done(), which reports keys that nobody asked for.
class Map {
 public:
  Map(YAML::Node node, std::string path, Findings& findings);

  bool has(std::string_view key) const;
  bool is_map(std::string_view key) const;   // does a mapping stand there?
  bool is_text(std::string_view key) const;                          // there, and a single value
  std::optional<std::string> text(std::string_view key);
  std::string text(std::string_view key, std::string otherwise) { return text(key).value_or(std::move(otherwise)); }
  std::string required_text(std::string_view key, std::string_view example);
  std::optional<std::int64_t> number(std::string_view key, std::int64_t least, std::int64_t most);
  // "250ms", "30s", "5m", "2h", "7d"; a unit must be there.
  std::optional<std::chrono::milliseconds> duration(std::string_view key, std::chrono::milliseconds least, std::chrono::milliseconds most);
  // "512", "64KiB", "10MiB", "1GiB".
  std::optional<std::uint64_t> bytes(std::string_view key, std::uint64_t least, std::uint64_t most);
  std::optional<bool> flag(std::string_view key);
  std::optional<bool> switched(std::string_view key);                // true or false; nullopt, and no fault, for anything else
  void ask(std::string_view key) { asked_.emplace_back(key); }       // known here, whether it is read or not
  std::vector<std::string> texts(std::string_view key);              // a list, or a single text
  std::vector<std::pair<std::string, std::string>> pairs(std::string_view key);  // a mapping of texts with free keys
  std::vector<std::pair<std::string, std::vector<std::string>>> lists(std::string_view key);  // free keys, each a list or a single text
  Map map(std::string_view key);                                     // empty when absent
  std::vector<Map> maps(std::string_view key);                       // a list of mappings
  // Likewise, where an entry of which nothing but `as` is said may be written as that text.
  std::vector<Map> maps_or_texts(std::string_view key, std::string_view as);
  // `names` are the words that may stand there; the fault lists them.
  std::optional<std::size_t> choice(std::string_view key, const std::vector<std::string>& names);

  // Anything that a parse function refuses becomes a fault at the value.
  template <class Parse>
  auto parsed(std::string_view key, Parse&& parse) {
    using Value = typename std::invoke_result_t<Parse, std::string_view>::value_type;
    const auto value = text(key);
    if (!value) return std::optional<Value>();
    auto result = parse(std::string_view(*value));
    if (!result) fault(key, result.error().message(), {});
    return result ? std::optional<Value>(*std::move(result)) : std::optional<Value>();
  }

  void fault(std::string_view key, std::string what, std::string todo);  // at the key's value, else at the mapping
  void done();
  const std::string& path() const { return path_; }

 private:
  YAML::Node take(std::string_view key);
  struct Unit {
    std::string_view name;
    std::int64_t factor;
  };
  std::optional<std::int64_t> measured(const std::string& text, std::span<const Unit> units) const;
  std::vector<std::string> texts_of(const YAML::Node& node, std::string_view key);
  std::string name_of(std::string_view key) const;

  YAML::Node node_;
  std::string path_;
  Findings* findings_;
  std::vector<std::string> asked_;
  bool usable_ = false;
};

// The root mapping of a text. Syntax errors become findings; the map is then empty.
Map read_yaml(std::string_view text, Findings& findings);
// Blocks. Fault::missing or Fault::limited, with the file's name and what to do.
Result<std::string> read_small_file(const std::string& path, std::size_t bytes_max);

}  // namespace gatehouse::app
