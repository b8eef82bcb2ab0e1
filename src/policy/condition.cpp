#include "policy/condition.h"

#include <algorithm>

#include "core/text.h"
#include "policy/condition_node.h"
#include "policy/email.h"

namespace gatehouse::policy {

namespace {

constexpr std::size_t kValueBytesMax = 1024;
constexpr Seconds kMaxAgeMax{366 * 24 * 3600};

Result<void> check_values(const Texts& values, std::string_view what) {
  const auto name = std::string(what);
  if (values.empty()) return failure(Fault::invalid, name + " lists no value: it would never hold");
  if (values.size() > kValuesMax) return failure(Fault::invalid, name + " lists more than 256 values");
  for (const auto& value : values)
    if (value.empty() || value.size() > kValueBytesMax || !is_utf8(value)) return failure(Fault::invalid, name + ": a value has 1 to 1024 bytes");
  return {};
}

std::string listed(std::string_view what, const Texts& values) {
  constexpr std::size_t kShown = 10;
  auto shown = values;
  if (shown.size() > kShown) {
    shown.resize(kShown);
    shown.emplace_back("…");
  }
  return std::string(what) + join(shown, ", ");
}

}  // namespace

Condition Condition::of(Node node) { return Condition(std::make_shared<const Node>(std::move(node))); }

Condition Condition::everybody() { return of(Node{Everybody(), "everybody"}); }

Result<Condition> Condition::tree(std::vector<Condition> of, std::string_view word) {
  if (of.empty()) return failure(Fault::invalid, "`" + std::string(word) + "` has no conditions");
  Node node{Everybody(), "", 1, 1, false};
  std::vector<std::string> texts;
  for (const auto& part : of) {
    node.size += part.size();
    node.depth = std::max(node.depth, part.depth() + 1);
    node.asks_for_proof = node.asks_for_proof || part.asks_for_proof();
    texts.push_back(part.text());
  }
  if (node.size > kConditionsMax) return failure(Fault::invalid, "more than 512 conditions");
  if (node.depth > kConditionDepthMax) return failure(Fault::invalid, "conditions are nested more than 8 deep");
  const bool all = word == "all";
  node.text = texts.size() == 1 ? texts.front() : "(" + join(texts, all ? " and " : " or ") + ")";
  if (node.text.size() > kValueBytesMax) node.text = std::string(word) + " of " + std::to_string(of.size()) + " conditions";
  if (all) node.kind = AllOf{std::move(of)};
  else node.kind = AnyOf{std::move(of)};
  return Condition::of(std::move(node));
}

Result<Condition> Condition::all(std::vector<Condition> of) { return tree(std::move(of), "all"); }
Result<Condition> Condition::any(std::vector<Condition> of) { return tree(std::move(of), "any"); }

Result<Condition> Condition::none(Condition inner) {
  if (inner.depth() + 1 > kConditionDepthMax) return failure(Fault::invalid, "conditions are nested more than 8 deep");
  Node node{NoneOf{inner}, "not " + inner.text(), inner.size() + 1, inner.depth() + 1, inner.asks_for_proof()};
  return of(std::move(node));
}

Result<Condition> Condition::claim_is(std::string_view claim, Texts any_of) {
  GH_TRY(auto path, ClaimPath::parse(claim));
  GH_DO(check_values(any_of, "the condition on " + path.str()));
  auto text = listed(path.str() + " is one of: ", any_of);
  return of(Node{ClaimIs{std::move(path), std::move(any_of)}, std::move(text)});
}

Result<Condition> Condition::claim_has(std::string_view claim, Texts all_of) {
  GH_TRY(auto path, ClaimPath::parse(claim));
  GH_DO(check_values(all_of, "the condition on " + path.str()));
  auto text = listed(path.str() + " has all of: ", all_of);
  return of(Node{ClaimHas{std::move(path), std::move(all_of)}, std::move(text)});
}

Result<Condition> Condition::claim_begins(std::string_view claim, Texts prefixes) {
  GH_TRY(auto path, ClaimPath::parse(claim));
  GH_DO(check_values(prefixes, "the condition on " + path.str()));
  auto text = listed(path.str() + " begins with one of: ", prefixes);
  return of(Node{ClaimEdge{std::move(path), std::move(prefixes), ClaimEdge::Where::begin}, std::move(text)});
}

Result<Condition> Condition::claim_ends(std::string_view claim, Texts suffixes) {
  GH_TRY(auto path, ClaimPath::parse(claim));
  GH_DO(check_values(suffixes, "the condition on " + path.str()));
  // GHSA-c5c4-8r6x-56w3 (CVE-2026-40574): the end of a text is not the domain of an address.
  if (std::ranges::any_of(suffixes, [](const std::string& suffix) { return suffix.contains('@'); }))
    return failure(Fault::invalid, "an e-mail address is not judged by its end; use `email_domains`");
  auto text = listed(path.str() + " ends with one of: ", suffixes);
  return of(Node{ClaimEdge{std::move(path), std::move(suffixes), ClaimEdge::Where::end}, std::move(text)});
}

Result<Condition> Condition::claim_exists(std::string_view claim) {
  GH_TRY(auto path, ClaimPath::parse(claim));
  auto text = path.str() + " exists";
  return of(Node{ClaimExists{std::move(path)}, std::move(text)});
}

Result<Condition> Condition::claim_number(std::string_view claim, Compare how, std::int64_t bound) {
  constexpr const char* kWords[] = {" is below ", " is at most ", " is at least ", " is above "};
  GH_TRY(auto path, ClaimPath::parse(claim));
  auto text = path.str() + kWords[static_cast<int>(how)] + std::to_string(bound);
  return of(Node{ClaimNumber{std::move(path), how, bound}, std::move(text)});
}

Result<Condition> Condition::scopes(Texts all_of) {
  GH_DO(check_values(all_of, "`scopes`"));
  if (std::ranges::any_of(all_of, [](const std::string& scope) { return scope.contains(' '); })) return failure(Fault::invalid, "a scope has no spaces; write a list");
  auto text = listed("scopes have all of: ", all_of);
  return of(Node{Scopes{std::move(all_of)}, std::move(text)});
}

Result<Condition> Condition::email_in(std::string_view claim, Texts domains) {
  GH_DO(check_values(domains, "`email_domains`"));
  for (const auto& domain : domains)
    if (email_domain("a@" + domain) != domain) return failure(Fault::invalid, "'" + domain + "' is not a domain like example.com");
  auto text = listed("the domain of " + std::string(claim) + " is one of: ", domains);
  return of(Node{EmailIn{std::string(claim), std::move(domains)}, std::move(text)});
}

Result<Condition> Condition::acr(Texts any_of) {
  GH_DO(check_values(any_of, "`acr`"));
  if (std::ranges::any_of(any_of, [](const std::string& acr) { return acr.find_first_of(" \"\\") != std::string::npos; }))
    return failure(Fault::invalid, "an acr value has no spaces and quotes");
  auto text = listed("acr is one of: ", any_of);
  return of(Node{Acr{std::move(any_of)}, std::move(text), 1, 1, true});
}

Result<Condition> Condition::amr(Texts all_of) {
  GH_DO(check_values(all_of, "`amr`"));
  GH_TRY(auto path, ClaimPath::parse("amr"));
  auto text = listed("amr has all of: ", all_of);
  return of(Node{Amr{ClaimHas{std::move(path), std::move(all_of)}}, std::move(text)});
}

Result<Condition> Condition::max_age(Seconds age) {
  if (age <= Seconds(0) || age > kMaxAgeMax) return failure(Fault::invalid, "`max_age` is from 1 second to a year");
  return of(Node{MaxAge{age}, "signed in at most " + std::to_string(age.count()) + " s ago", 1, 1, true});
}

Result<Condition> Condition::zones(const Zones& known, const Texts& any_of) {
  GH_DO(check_values(any_of, "`zones`"));
  InZones zones;
  for (const auto& name : any_of) {
    const auto zone = known.find(name);
    if (zone == known.end()) return failure(Fault::invalid, "there is no zone '" + name + "'; name its networks under the top-level `zones`");
    zones.any_of.push_back(zone->second);
  }
  return of(Node{std::move(zones), listed("the client is in one of the zones: ", any_of)});
}

Result<Condition> Condition::methods(Texts any_of) {
  GH_DO(check_values(any_of, "`methods`"));
  for (const auto& method : any_of)
    if (!std::ranges::all_of(method, [](char c) { return (c >= 'A' && c <= 'Z') || c == '-' || c == '_'; }))
      return failure(Fault::invalid, "'" + method + "' is not a method; write it in capitals, as HTTP has it");
  auto text = listed("the method is one of: ", any_of);
  return of(Node{Methods{std::move(any_of)}, std::move(text)});
}

Result<Condition> Condition::hosts(Texts any_of) {
  GH_DO(check_values(any_of, "`hosts`"));
  for (const auto& host : any_of) {
    const auto name = host.starts_with("*.") ? std::string_view(host).substr(2) : std::string_view(host);
    if (name.empty() || !std::ranges::all_of(name, [](char c) { return (is_alnum(c) && c == to_lower(c)) || c == '.' || c == '-' || c == ':'; }))
      return failure(Fault::invalid, "'" + host + "' is not a host name in lower case; '*.example.com' covers every name below");
  }
  auto text = listed("the host is one of: ", any_of);
  return of(Node{Hosts{std::move(any_of)}, std::move(text)});
}

Result<Condition> Condition::paths(const Texts& any_of) {
  GH_DO(check_values(any_of, "`paths`"));
  Paths paths;
  for (const auto& text : any_of) {
    GH_TRY(auto pattern, PathPattern::parse(text));
    paths.any_of.push_back(std::move(pattern));
  }
  return of(Node{std::move(paths), listed("the path is at or below one of: ", any_of)});
}

Result<Condition> Condition::within(TimeWindow window) {
  GH_DO(window.validate());
  return of(Node{Within{std::move(window)}, "within the time window"});
}

Truth Condition::holds(const Facts& facts, Assumption& assumption) const {
  return std::visit([&](const auto& kind) { return kind.holds(facts, assumption); }, node_->kind);
}

const Condition& Condition::decisive(const Facts& facts, Assumption& assumption) const {
  const auto answer = holds(facts, assumption);
  const auto first_like = [&](const std::vector<Condition>& parts) -> const Condition& {
    for (const auto& part : parts)
      if (part.holds(facts, assumption) == answer) return part.decisive(facts, assumption);
    return *this;
  };
  // Of an `all` that holds and an `any` that does not, every part is to blame: the whole is named.
  if (const auto* all = std::get_if<AllOf>(&node_->kind); all != nullptr && (answer != Truth::yes || all->of.size() == 1)) return first_like(all->of);
  if (const auto* any = std::get_if<AnyOf>(&node_->kind); any != nullptr && (answer != Truth::no || any->of.size() == 1)) return first_like(any->of);
  return *this;
}

const std::string& Condition::text() const { return node_->text; }
bool Condition::asks_for_proof() const { return node_->asks_for_proof; }
std::size_t Condition::size() const { return node_->size; }
std::size_t Condition::depth() const { return node_->depth; }

}  // namespace gatehouse::policy
