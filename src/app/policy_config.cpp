#include "app/policy_config.h"

#include <fmt/format.h>

#include "core/text.h"

namespace gatehouse::app {
namespace {

using policy::Condition;
using policy::Rule;
using policy::Texts;

constexpr std::chrono::milliseconds kAgeLeast{1000}, kAgeMost{std::chrono::hours(24 * 365)};

// The conditions of one mapping, all of which must hold.
class ConditionReader {
 public:
  ConditionReader(Map in, const policy::Zones& zones, std::size_t depth) : in_(std::move(in)), zones_(zones), depth_(depth) {}

  std::optional<Condition> read() {
    if (depth_ > policy::kConditionDepthMax) {
      in_.fault("", "conditions are nested more than 8 deep", "write them flatter");
      return std::nullopt;
    }
    read_who();
    read_what();
    read_proof();
    read_tree();
    in_.done();
    if (wrong_) return std::nullopt;
    if (parts_.empty()) {
      in_.fault("", "has no condition", "write `everybody: true` if everybody is meant");
      return std::nullopt;
    }
    return kept("", Condition::all(std::move(parts_)));
  }

 private:
  std::optional<Condition> kept(std::string_view key, Result<Condition> made) {
    if (made) return *std::move(made);
    wrong_ = true;
    in_.fault(key, made.error().message(), {});
    return std::nullopt;
  }
  void add(std::string_view key, Result<Condition> made) {
    if (auto condition = kept(key, std::move(made))) parts_.push_back(*std::move(condition));
  }
  template <class Make>
  void list(std::string_view key, Make make) {
    auto values = in_.texts(key);
    if (in_.has(key)) add(key, make(std::move(values)));
  }

  void read_who() {
    if (const auto all = in_.flag("everybody")) {
      if (*all) parts_.push_back(Condition::everybody());
      else in_.fault("everybody", "cannot be false", "leave the rule out");
    }
    list("groups", [](Texts values) { return Condition::claim_is("groups", std::move(values)); });
    list("scopes", [](Texts values) { return Condition::scopes(std::move(values)); });
    list("email_domains", [](Texts values) { return Condition::email_in("email", std::move(values)); });
    for (auto& [claim, values] : in_.lists("claims")) add("claims", Condition::claim_is(claim, std::move(values)));
    if (in_.has("claim")) read_claim(in_.map("claim"));
    else (void)in_.text("claim");
  }

  void read_claim(Map claim) {
    const auto name = claim.required_text("name", "department");
    const auto before = parts_.size();
    const auto try_one = [&](std::string_view key, Result<Condition> made) {
      if (made) return parts_.push_back(*std::move(made));
      wrong_ = true;
      claim.fault(key, made.error().message(), {});
    };
    const auto texts = [&](std::string_view key, auto make) {
      auto values = claim.texts(key);
      if (claim.has(key)) try_one(key, make(name, std::move(values)));
    };
    texts("any_of", Condition::claim_is);
    texts("equals", Condition::claim_is);
    texts("all_of", Condition::claim_has);
    texts("begins", Condition::claim_begins);
    texts("ends", Condition::claim_ends);
    if (const auto there = claim.flag("exists")) {
      auto made = Condition::claim_exists(name);
      if (made && !*there) made = Condition::none(*std::move(made));
      try_one("exists", std::move(made));
    }
    constexpr std::pair<const char*, policy::Compare> kComparisons[] = {
        {"below", policy::Compare::below}, {"at_most", policy::Compare::at_most}, {"at_least", policy::Compare::at_least}, {"above", policy::Compare::above}};
    for (const auto& [key, how] : kComparisons)
      if (const auto bound = claim.number(key, INT64_MIN, INT64_MAX)) try_one(key, Condition::claim_number(name, how, *bound));
    claim.done();
    if (parts_.size() == before && !wrong_) {
      wrong_ = true;
      claim.fault("name", "is compared with nothing", "add any_of, all_of, begins, ends, exists, below, at_most, at_least or above");
    }
  }

  void read_what() {
    list("zones", [this](const Texts& values) { return Condition::zones(zones_, values); });
    list("methods", [](Texts values) { return Condition::methods(std::move(values)); });
    list("hosts", [](Texts values) { return Condition::hosts(std::move(values)); });
    list("paths", [](const Texts& values) { return Condition::paths(values); });
    if (in_.has("time")) read_time(in_.map("time"));
    else (void)in_.text("time");
    if (const auto text = in_.text("expr")) add("expr", Condition::expression(*text));
  }

  void read_time(Map time) {
    policy::TimeWindow window;
    const auto days = time.texts("days");
    if (!days.empty()) window.days = {};
    for (const auto& name : days) {
      if (const auto day = policy::parse_day(name)) window.days[*day] = true;
      else time.fault("days", fmt::format("'{}' is not a day", name), "write mon, tue, wed, thu, fri, sat or sun");
    }
    window.from = time.parsed("from", policy::parse_minute);
    window.until = time.parsed("until", policy::parse_minute);
    window.zone = time.text("zone", "");
    const auto instant = [](std::string_view text) -> Result<Timestamp> {
      if (const auto at = from_iso8601(text)) return *at;
      return failure(Fault::invalid, fmt::format("'{}' is not a time like 2026-11-21T09:30:00Z", text));
    };
    window.since = time.parsed("since", instant);
    window.before = time.parsed("before", instant);
    time.done();
    add("time", Condition::within(std::move(window)));
  }

  void read_proof() {
    list("acr", [](Texts values) { return Condition::acr(std::move(values)); });
    list("amr", [](Texts values) { return Condition::amr(std::move(values)); });
    if (const auto age = in_.duration("max_age", kAgeLeast, kAgeMost)) add("max_age", Condition::max_age(std::chrono::duration_cast<Seconds>(*age)));
    else if (in_.has("max_age")) wrong_ = true;
  }

  void read_tree() {
    for (const auto* word : {"all", "any"}) {
      std::vector<Condition> parts;
      for (auto& each : in_.maps(word)) {
        auto part = ConditionReader(std::move(each), zones_, depth_ + 1).read();
        if (part) parts.push_back(*std::move(part));
        else wrong_ = true;
      }
      if (in_.has(word) && !wrong_) add(word, std::string_view(word) == "all" ? Condition::all(std::move(parts)) : Condition::any(std::move(parts)));
    }
    if (!in_.has("not")) return (void)in_.text("not");
    auto inner = ConditionReader(in_.map("not"), zones_, depth_ + 1).read();
    if (inner) add("not", Condition::none(*std::move(inner)));
    else wrong_ = true;
  }

  Map in_;
  const policy::Zones& zones_;
  std::size_t depth_;
  bool wrong_ = false;
  std::vector<Condition> parts_;
};

std::optional<Rule> read_rule(Map in, const policy::Zones& zones) {
  Rule rule;
  rule.name = in.text("name", "");
  if (in.flag("shadow").value_or(false)) rule.stand = policy::Stand::shadow;
  const bool allow = in.has("allow"), deny = in.has("deny");
  if (allow == deny) {
    in.fault("name", allow ? "allows and denies at once" : "says neither allow nor deny", "write `allow: {conditions}` or `deny: {conditions}`");
    return std::nullopt;
  }
  rule.effect = allow ? policy::Effect::allow : policy::Effect::deny;
  auto when = ConditionReader(in.map(allow ? "allow" : "deny"), zones, 1).read();
  (void)in.has(allow ? "deny" : "allow");
  in.done();
  if (!when) return std::nullopt;
  rule.when = *std::move(when);
  return rule;
}

policy::RulesPtr read_rules(Map& in, std::string_view key, const policy::Zones& zones) {
  std::vector<Rule> rules;
  bool wrong = false;
  for (auto& each : in.maps(key)) {
    if (auto rule = read_rule(std::move(each), zones)) rules.push_back(*std::move(rule));
    else wrong = true;
  }
  if (wrong) return nullptr;
  auto made = policy::Rules::make(std::move(rules));
  if (made) return *std::move(made);
  in.fault(key, made.error().message(), {});
  return nullptr;
}

// A name of `policies`, or rules on the spot.
policy::RulesPtr read_policy(Map& route, std::string_view key, const PolicyWords& words) {
  if (!route.has(key)) {
    (void)route.text(key);
    return nullptr;
  }
  if (!route.is_text(key)) return read_rules(route, key, words.zones);
  const auto name = route.text(key).value_or("");
  if (const auto known = words.policies.find(name); known != words.policies.end()) return known->second;
  std::vector<std::string> names;
  for (const auto& [each, rules] : words.policies) names.push_back(each);
  const auto meant = nearest(name, names);
  route.fault(key, fmt::format("there is no policy '{}'", name),
              meant.empty() ? "write it under the top-level `policies`, or a list of rules here" : fmt::format("did you mean '{}'?", meant));
  return nullptr;
}

}  // namespace

PolicyWords read_policies(Map& root) {
  PolicyWords words;
  for (auto& [name, networks] : root.lists("zones")) {
    auto parsed = Networks::parse(networks);
    if (!parsed) root.fault("zones", fmt::format("{}: {}", name, parsed.error().message()), {});
    else if (parsed->empty()) root.fault("zones", fmt::format("'{}' has no networks", name), "write some like 10.0.0.0/8, or remove it");
    else if (!words.zones.emplace(name, std::make_shared<const Networks>(*std::move(parsed))).second)
      root.fault("zones", fmt::format("'{}' stands there twice", name), {});
  }
  if (words.zones.size() > kZonesMax) root.fault("zones", fmt::format("has more than {} entries", kZonesMax), {});
  for (auto& in : root.maps("policies")) {
    const auto name = in.required_text("name", "staff");
    auto rules = read_rules(in, "rules", words.zones);
    in.done();
    // One that is wrong has its name all the same: routes that use it are not told off for that, too.
    if (!words.policies.emplace(name, std::move(rules)).second) in.fault("name", fmt::format("'{}' stands there twice", name), {});
  }
  if (words.policies.size() > kPoliciesMax) root.fault("policies", fmt::format("has more than {} entries", kPoliciesMax), {});
  return words;
}

RoutePolicy read_route_policy(Map& route, const PolicyWords& words) {
  RoutePolicy out;
  const auto claims = route.lists("require");
  out.rules = read_policy(route, "policy", words);
  out.shadow = read_policy(route, "shadow_policy", words);
  if (out.rules && out.rules->has_shadow() && out.shadow)
    route.fault("shadow_policy", "stands beside rules with `shadow: true`", "keep one of the two");
  if (claims.empty()) return out;
  auto lacking = policy::require(claims);
  if (!lacking) {
    route.fault("require", lacking.error().message(), {});
    return out;
  }
  // What `require` lets through is judged by the policy, or passes when there is none.
  std::vector<Rule> rules{*std::move(lacking)};
  if (out.rules) rules.insert(rules.end(), out.rules->all().begin(), out.rules->all().end());
  else rules.push_back(Rule{.name = "whoever meets `require`"});
  auto made = policy::Rules::make(std::move(rules));
  if (made) out.rules = *std::move(made);
  else route.fault("require", made.error().message(), {});
  return out;
}

}  // namespace gatehouse::app
