#include "app/yaml.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <numeric>
#include <sstream>

#include "core/text.h"

namespace gatehouse::app {
namespace {

std::size_t edits_between(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const auto replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

std::string kind_of(const YAML::Node& node) {
  switch (node.Type()) {
    case YAML::NodeType::Scalar: return "a single value";
    case YAML::NodeType::Sequence: return "a list";
    case YAML::NodeType::Map: return "a mapping";
    case YAML::NodeType::Null: return "nothing";
    case YAML::NodeType::Undefined: return "nothing";
  }
  return "something else";
}

// Aliases make a tree out of a few lines that is too deep or too large to walk; nobody needs that here.
bool too_deep(const YAML::Node& node, std::size_t left, std::size_t& budget) {
  if (left == 0 || budget == 0) return true;
  --budget;
  if (node.IsSequence()) {
    for (const auto& item : node)
      if (too_deep(item, left - 1, budget)) return true;
  } else if (node.IsMap()) {
    for (const auto& item : node)
      if (too_deep(item.first, left - 1, budget) || too_deep(item.second, left - 1, budget)) return true;
  }
  return false;
}

constexpr std::size_t kNodesMax = 200'000;

}  // namespace

void Findings::add(const YAML::Mark& at, std::string what, std::string todo) {
  if (all_.size() >= kYamlFindingsMax) return;
  Finding finding;
  if (!at.is_null()) {
    finding.line = at.line + 1;
    finding.column = at.column + 1;
  }
  finding.what = std::move(what);
  finding.todo = std::move(todo);
  // Defaults are read once for each place that they serve.
  if (std::ranges::any_of(all_, [&](const Finding& known) { return known.line == finding.line && known.column == finding.column && known.what == finding.what; })) return;
  all_.push_back(std::move(finding));
}

std::string Findings::str() const {
  auto sorted = all_;
  std::ranges::sort(sorted, {}, [](const Finding& f) { return std::tuple(f.line, f.column, std::string_view(f.what)); });
  std::string lines;
  for (const auto& [line, column, what, todo] : sorted) {
    if (!lines.empty()) lines += '\n';
    lines += line > 0 ? fmt::format("{}:{}:{}: {}", file_, line, column, what) : fmt::format("{}: {}", file_, what);
    if (!todo.empty()) lines += "; " + todo;
  }
  return lines;
}

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
  std::string best;
  std::size_t least = word.size() <= 3 ? 2 : 3;  // strictly less than this
  for (const auto& candidate : candidates)
    if (const auto edits = edits_between(to_lower(word), candidate); edits < least) {
      least = edits;
      best = candidate;
    }
  return best;
}

Map::Map(YAML::Node node, std::string path, Findings& findings)
    : node_(std::move(node)), path_(std::move(path)), findings_(&findings) {
  if (!node_.IsDefined() || node_.IsNull()) return;
  if (!node_.IsMap()) {
    findings.add(node_.Mark(), fmt::format("{} must be a mapping and is {}", path_.empty() ? "the file" : path_, kind_of(node_)), "write `key: value` lines");
    return;
  }
  usable_ = true;
  std::set<std::string> seen;
  for (const auto& item : node_) {
    if (!item.first.IsScalar()) findings.add(item.first.Mark(), "a key must be a single word", {});
    else if (!seen.insert(item.first.Scalar()).second)
      findings.add(item.first.Mark(), fmt::format("key '{}' stands here twice", item.first.Scalar()), "remove one of them");
  }
}

std::string Map::name_of(std::string_view key) const {
  if (key.empty()) return path_;
  return path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key);
}

bool Map::is_map(std::string_view key) const { return has(key) && node_[std::string(key)].IsMap(); }

bool Map::has(std::string_view key) const {
  if (!usable_) return false;
  return std::ranges::any_of(node_, [&](const auto& item) { return item.first.IsScalar() && item.first.Scalar() == key; });
}

// Not node_[key]: that would add the key, and costs a conversion.
YAML::Node Map::take(std::string_view key) {
  asked_.emplace_back(key);
  if (usable_)
    for (const auto& item : node_)
      if (item.first.IsScalar() && item.first.Scalar() == key) return item.second;
  return YAML::Node(YAML::NodeType::Undefined);
}

void Map::fault(std::string_view key, std::string what, std::string todo) {
  auto mark = node_.IsDefined() ? node_.Mark() : YAML::Mark::null_mark();
  if (usable_)
    for (const auto& item : node_)
      if (item.first.IsScalar() && item.first.Scalar() == key) mark = item.second.IsNull() ? item.first.Mark() : item.second.Mark();
  findings_->add(mark, fmt::format("{}: {}", name_of(key), what), std::move(todo));
}

bool Map::is_text(std::string_view key) const {
  if (usable_)
    for (const auto& item : node_)
      if (item.first.IsScalar() && item.first.Scalar() == key) return item.second.IsScalar();
  return false;
}

std::optional<std::string> Map::text(std::string_view key) {
  const auto node = take(key);
  if (!node.IsDefined() || node.IsNull()) {
    if (node.IsDefined()) fault(key, "has no value", "write one, or remove the line");
    return std::nullopt;
  }
  if (!node.IsScalar()) {
    fault(key, "must be a single value and is " + kind_of(node), {});
    return std::nullopt;
  }
  return node.Scalar();
}

std::string Map::required_text(std::string_view key, std::string_view example) {
  const bool there = has(key);
  auto value = text(key);
  if (!there) fault(key, "is missing", fmt::format("for example `{}: {}`", key, example));
  else if (value && value->empty()) fault(key, "is empty", fmt::format("for example `{}: {}`", key, example));
  return value.value_or("");
}

std::optional<std::int64_t> Map::number(std::string_view key, std::int64_t least, std::int64_t most) {
  const auto value = text(key);
  if (!value) return std::nullopt;
  const auto number = parse_int(*value);
  if (number && *number >= least && *number <= most) return number;
  fault(key, fmt::format("'{}' is not a number from {} to {}", *value, least, most), {});
  return std::nullopt;
}

std::optional<std::int64_t> Map::measured(const std::string& text, std::span<const Unit> units) const {
  const auto digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const auto number = parse_int(std::string_view(text).substr(0, digits));
  for (const auto& unit : units)
    if (number && std::string_view(text).substr(digits) == unit.name && *number <= INT64_MAX / unit.factor) return *number * unit.factor;
  return std::nullopt;
}

std::optional<std::chrono::milliseconds> Map::duration(std::string_view key, std::chrono::milliseconds least, std::chrono::milliseconds most) {
  static constexpr Unit kUnits[] = {{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}};
  const auto value = text(key);
  if (!value) return std::nullopt;
  const auto millis = measured(*value, kUnits);
  if (!millis) fault(key, fmt::format("'{}' is not a time", *value), "a whole number with its unit: ms, s, m, h or d, for example `30s`");
  else if (*millis < least.count() || *millis > most.count())
    fault(key, fmt::format("'{}' is not between {} and {} ms", *value, least.count(), most.count()), {});
  else return std::chrono::milliseconds(*millis);
  return std::nullopt;
}

std::optional<std::uint64_t> Map::bytes(std::string_view key, std::uint64_t least, std::uint64_t most) {
  static constexpr Unit kUnits[] = {{"", 1}, {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}};
  const auto value = text(key);
  if (!value) return std::nullopt;
  const auto size = measured(*value, kUnits);
  if (!size) fault(key, fmt::format("'{}' is not a size", *value), "a whole number of bytes, or with KiB, MiB or GiB, for example `64KiB`");
  else if (static_cast<std::uint64_t>(*size) < least || static_cast<std::uint64_t>(*size) > most)
    fault(key, fmt::format("'{}' is not between {} and {} bytes", *value, least, most), {});
  else return static_cast<std::uint64_t>(*size);
  return std::nullopt;
}

std::optional<bool> Map::flag(std::string_view key) {
  const auto value = text(key);
  if (!value) return std::nullopt;
  if (*value == "true") return true;
  if (*value == "false") return false;
  fault(key, fmt::format("'{}' is neither true nor false", *value), {});
  return std::nullopt;
}

std::optional<bool> Map::switched(std::string_view key) {
  const auto node = take(key);
  if (!node.IsDefined() || !node.IsScalar()) return std::nullopt;
  if (node.Scalar() == "true") return true;
  if (node.Scalar() == "false") return false;
  return std::nullopt;
}

std::vector<std::string> Map::texts(std::string_view key) { return texts_of(take(key), key); }

std::vector<std::string> Map::texts_of(const YAML::Node& node, std::string_view key) {
  std::vector<std::string> values;
  if (!node.IsDefined() || node.IsNull()) return values;
  if (node.IsScalar()) return {node.Scalar()};
  if (!node.IsSequence()) {
    fault(key, "must be a list and is " + kind_of(node), "write `[one, two]` or `- one` lines");
    return values;
  }
  for (const auto& item : node) {
    if (item.IsScalar()) values.push_back(item.Scalar());
    else findings_->add(item.Mark(), fmt::format("{}: an entry must be a single value and is {}", name_of(key), kind_of(item)), {});
  }
  return values;
}

std::vector<std::pair<std::string, std::string>> Map::pairs(std::string_view key) {
  const auto node = take(key);
  std::vector<std::pair<std::string, std::string>> values;
  if (!node.IsDefined() || node.IsNull()) return values;
  if (!node.IsMap()) {
    fault(key, "must be a mapping and is " + kind_of(node), "write `name: value` lines");
    return values;
  }
  for (const auto& item : node) {
    if (item.first.IsScalar() && item.second.IsScalar()) values.emplace_back(item.first.Scalar(), item.second.Scalar());
    else findings_->add(item.first.Mark(), fmt::format("{}: a name and its value must be single values", name_of(key)), {});
  }
  return values;
}

std::vector<std::pair<std::string, std::vector<std::string>>> Map::lists(std::string_view key) {
  const auto node = take(key);
  std::vector<std::pair<std::string, std::vector<std::string>>> values;
  if (!node.IsDefined() || node.IsNull()) return values;
  if (!node.IsMap()) {
    fault(key, "must be a mapping and is " + kind_of(node), "write `name: [value, …]` lines");
    return values;
  }
  for (const auto& item : node)
    if (item.first.IsScalar()) values.emplace_back(item.first.Scalar(), texts_of(item.second, key));
  return values;
}

Map Map::map(std::string_view key) { return {take(key), name_of(key), *findings_}; }

std::vector<Map> Map::maps(std::string_view key) {
  const auto node = take(key);
  std::vector<Map> values;
  if (!node.IsDefined() || node.IsNull()) return values;
  if (!node.IsSequence()) {
    fault(key, "must be a list and is " + kind_of(node), "begin each entry with `- `");
    return values;
  }
  std::size_t index = 0;
  for (const auto& item : node) values.emplace_back(item, fmt::format("{}[{}]", name_of(key), index++), *findings_);
  return values;
}

std::vector<Map> Map::maps_or_texts(std::string_view key, std::string_view as) {
  const auto node = take(key);
  std::vector<Map> values;
  if (!node.IsDefined() || node.IsNull()) return values;
  if (!node.IsSequence()) {
    fault(key, "must be a list and is " + kind_of(node), "begin each entry with `- `");
    return values;
  }
  std::size_t index = 0;
  for (const YAML::Node item : node) {
    YAML::Node around(YAML::NodeType::Map);
    if (item.IsScalar()) around[std::string(as)] = item;   // which keeps its place in the file
    values.emplace_back(item.IsScalar() ? around : item, fmt::format("{}[{}]", name_of(key), index++), *findings_);
  }
  return values;
}

std::optional<std::size_t> Map::choice(std::string_view key, const std::vector<std::string>& names) {
  const auto value = text(key);
  if (!value) return std::nullopt;
  if (const auto at = std::ranges::find(names, *value); at != names.end()) return static_cast<std::size_t>(at - names.begin());
  const auto meant = nearest(*value, names);
  fault(key, fmt::format("'{}' is not known", *value),
        meant.empty() ? "write one of " + join(names, ", ") : fmt::format("did you mean '{}'?", meant));
  return std::nullopt;
}

void Map::done() {
  if (!usable_) return;
  for (const auto& item : node_) {
    if (!item.first.IsScalar() || std::ranges::find(asked_, item.first.Scalar()) != asked_.end()) continue;
    const auto meant = nearest(item.first.Scalar(), asked_);
    findings_->add(item.first.Mark(), fmt::format("unknown key '{}'", name_of(item.first.Scalar())),
                   meant.empty() ? "known here: " + join(asked_, ", ") : fmt::format("did you mean '{}'?", meant));
  }
}

Map read_yaml(std::string_view text, Findings& findings) {
  const YAML::Node nothing(YAML::NodeType::Undefined);
  if (text.size() > kYamlBytesMax || !is_utf8(text)) {
    findings.add(YAML::Mark::null_mark(), text.size() > kYamlBytesMax ? "larger than 1 MiB" : "not UTF-8 text", {});
    return {nothing, "", findings};
  }
  try {
    auto root = YAML::Load(std::string(text));
    std::size_t budget = kNodesMax;
    if (!too_deep(root, kYamlDepthMax, budget)) return {std::move(root), "", findings};
    findings.add(YAML::Mark::null_mark(), "nested too deeply or too large", "write it flatter, without aliases");
  } catch (const YAML::Exception& bad) {
    findings.add(bad.mark, fmt::format("not YAML: {}", bad.msg), "check indentation, quotes and colons around here");
  }
  return {nothing, "", findings};
}

Result<std::string> read_small_file(const std::string& path, std::size_t bytes_max) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return failure(Fault::missing, fmt::format("{}: {}", path, std::strerror(errno)));
  std::string text(bytes_max + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad()) return failure(Fault::invalid, fmt::format("{}: cannot be read; is it a file?", path));
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (text.size() > bytes_max) return failure(Fault::limited, fmt::format("{}: larger than {} bytes", path, bytes_max));
  return text;
}

}  // namespace gatehouse::app
