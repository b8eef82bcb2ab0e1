#include "gateway/stages/firewall_engine.h"

#include <modsecurity/modsecurity.h>
#include <modsecurity/rule_message.h>
#include <modsecurity/rules_set.h>
#include <modsecurity/transaction.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <string_view>

#include "gateway/stages/firewall_regex.h"

namespace gatehouse::gateway {
namespace {

// The rules by which the Core Rule Set adds up: they name no attack.
constexpr int kEvaluations[] = {949110, 959100};

modsecurity::ModSecurity& engine() {
  // Never destroyed: transactions on other threads may outlive the end of main().
  static auto& one = *[] {
    auto* made = new modsecurity::ModSecurity();
    made->setConnectorInformation("gatehouse");
    // Without a callback every match is printed on stderr. What matched is read from the transaction.
    made->setServerLogCb([](void*, const void*) {}, modsecurity::RuleMessageLogProperty);
    return made;
  }();
  return one;
}

// What the engine allocates for an intervention is ours to free.
struct Intervention {
  modsecurity::ModSecurityIntervention it{};
  Intervention() { modsecurity::intervention::clean(&it); }
  Intervention(const Intervention&) = delete;
  Intervention& operator=(const Intervention&) = delete;
  ~Intervention() { modsecurity::intervention::free(&it); }
};

// "Rules error. File: F. Line: 3. Column: 9. why" and "Rules must have an ID. File: 0x55… at line: 3" become "F:3:
// why".
std::string place_fault(const std::string& said, const std::string& file) {
  auto why = said.substr(0, std::min<std::size_t>(said.find('\n'), 300));
  std::string line;
  const auto take_number = [&](std::string_view before) {
    const auto at = why.find(before);
    if (at == std::string::npos) return std::string::npos;
    const auto begin = at + before.size();
    const auto end = std::min(why.find_first_not_of("0123456789", begin), why.size());
    line = ":" + why.substr(begin, end - begin);
    return end;
  };
  if (why.starts_with("Rules error. File: ")) {
    (void)take_number(". Line: ");
    const auto column = why.find(". Column: ");
    const auto rest = column == std::string::npos ? std::string::npos : why.find(". ", column + 2);
    if (rest != std::string::npos) why.erase(0, rest + 2);
  } else if (take_number(" at line: ") != std::string::npos) {
    why.resize(std::min(why.find(" File: "), why.size()));
  }
  return file + line + ": " + (why.empty() ? "cannot be read as rules" : why);
}

int number_of(const std::string& text) {
  int number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

}  // namespace

struct RuleSet::Impl {
  modsecurity::RulesSet rules;
};

RuleSet::RuleSet(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
RuleSet::~RuleSet() = default;

RuleSet::Compiled RuleSet::compile(const std::vector<RuleText>& texts) {
  try {
    (void)engine();
    const BoundedPatterns patterns;
    auto impl = std::make_unique<Impl>();
    for (const auto& [text, file] : texts) {
      if (impl->rules.load(text.c_str(), file) >= 0) continue;
      return {nullptr, place_fault(impl->rules.getParserError(), file)};
    }
    return {std::make_shared<const RuleSet>(std::move(impl)), {}};
  } catch (const std::exception& bug) {
    return {nullptr, bug.what()};
  } catch (...) {
    return {nullptr, "the rules cannot be compiled"};
  }
}

struct Inspection::Impl {
  modsecurity::Transaction transaction;
  std::size_t told = 0;  // messages of the request

  // The id is copied by the engine, in spite of its type.
  Impl(const RuleSet& rules, std::string id) : transaction(&engine(), &rules.impl().rules, id.data(), nullptr) {}

  bool intervenes(Inspected& found) {
    Intervention intervention;
    if (transaction.intervention(&intervention.it) == 0) return false;
    found.outcome = Inspected::Outcome::blocked;
    found.status = intervention.it.status == 400 ? 400 : 403;
    return true;
  }

  void read_head(const InspectedRequest& request) {
    transaction.processConnection(request.client.c_str(), request.client_port, request.server.c_str(),
                                  request.server_port);
    transaction.processURI(request.target.c_str(), request.method.c_str(), request.version.c_str());
    for (const auto& [name, value] : request.fields) transaction.addRequestHeader(name, value);
    // No parser is content with half a body or none at all; CRS and ARGS still see what there is of it.
    if (request.cut || request.body.empty())
      for (const int rule : {kBodyErrorRule, kMultipartStrictRule, kMultipartBoundaryRule})
        transaction.m_ruleRemoveById.push_back(rule);
  }

  void settle(Inspected& found, const RegexBudget& budget) {
    found.given_up = budget.exceeded();
    if (found.given_up) found.outcome = Inspected::Outcome::blocked;
    std::size_t seen = 0;
    for (const auto& message : transaction.m_rulesMessages) {
      const int id = message.m_ruleId;
      if (seen++ < told || std::ranges::find(kEvaluations, id) != std::end(kEvaluations)) continue;
      if (found.rules.size() < kRulesToldMax && std::ranges::find(found.rules, id) == found.rules.end())
        found.rules.push_back(id);
    }
    told = seen;
  }

  int score_of(std::initializer_list<const char*> names) {
    for (const auto* name : names)
      if (const auto value = transaction.m_collections.m_tx_collection->resolveFirst(name)) return number_of(*value);
    return 0;
  }
};

Inspection::Inspection(std::shared_ptr<const RuleSet> rules) : rules_(std::move(rules)) {}
Inspection::~Inspection() = default;

Inspected Inspection::request(const InspectedRequest& request) noexcept {
  Inspected found;
  const RegexBudget budget;
  try {
    impl_ = std::make_unique<Impl>(*rules_, request.id);
    impl_->read_head(request);
    found.outcome = Inspected::Outcome::clean;
    impl_->transaction.processRequestHeaders();
    if (!impl_->intervenes(found)) {
      // Phase 2 also when there is no body: most rules about the address stand there.
      if (!request.body.empty())
        impl_->transaction.appendRequestBody(reinterpret_cast<const unsigned char*>(request.body.data()), std::min(request.body.size(), request.most));
      if (!impl_->intervenes(found)) {
        impl_->transaction.processRequestBody();
        impl_->intervenes(found);
      }
    }
    impl_->settle(found, budget);
    found.score = impl_->score_of({"anomaly_score", "blocking_inbound_anomaly_score"});
  } catch (...) {
    found.outcome = Inspected::Outcome::failed;
  }
  return found;
}

Inspected Inspection::answer(const InspectedAnswer& answer) noexcept {
  Inspected found;
  if (impl_ == nullptr) return found;
  const RegexBudget budget;
  try {
    for (const auto& [name, value] : answer.fields) impl_->transaction.addResponseHeader(name, value);
    found.outcome = Inspected::Outcome::clean;
    impl_->transaction.processResponseHeaders(answer.status, "HTTP/1.1");
    if (!impl_->intervenes(found)) {
      if (!answer.body.empty())
        impl_->transaction.appendResponseBody(reinterpret_cast<const unsigned char*>(answer.body.data()),
                                              answer.body.size());
      impl_->transaction.processResponseBody();
      impl_->intervenes(found);
    }
    impl_->settle(found, budget);
    found.score = impl_->score_of({"outbound_anomaly_score", "blocking_outbound_anomaly_score"});
  } catch (...) {
    found.outcome = Inspected::Outcome::failed;
  }
  return found;
}

}  // namespace gatehouse::gateway
