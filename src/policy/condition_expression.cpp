// Conditions in Okta Expression Language: the documents that they see, and the budget that they have.
#include "policy/condition_node.h"

namespace gatehouse::policy {

namespace {

constexpr expr::Budget kBudget{.steps = 20'000, .bytes = 256 * 1024};   // a rule is asked at every request

class FixedClock final : public Clock {
 public:
  explicit FixedClock(Timestamp now) : now_(now) {}
  Timestamp now() const override { return now_; }

 private:
  Timestamp now_;
};

class Documents final : public expr::Context {
 public:
  explicit Documents(const Facts& facts) : clock_(facts.now) {
    if (facts.claims != nullptr) claims_ = *facts.claims;
    request_ = json::object{{"method", facts.method}, {"host", facts.host}, {"path", facts.path}, {"client", facts.client}};
  }
  const Clock& clock() const override { return clock_; }
  const json::value* root(std::string_view name) const override {
    if (name == "request") return &request_;
    return name == "claims" && claims_.is_object() ? &claims_ : nullptr;
  }

 private:
  FixedClock clock_;
  json::value claims_, request_;
};

}  // namespace

Truth Expressed::holds(const Facts& facts, Assumption&) const {
  if (needs_claims && facts.claims == nullptr) return Truth::unknown;
  const Documents documents(facts);
  const auto result = expression.evaluate(documents, kBudget);
  return result && result->is_bool() ? truth(result->get_bool()) : Truth::unknown;
}

Result<Condition> Condition::expression(std::string_view text) {
  const auto vocabulary = expr::Vocabulary::event_filters().with_root("claims").with_root("request").with_attributes("request", {"method", "host", "path", "client"});
  GH_TRY(auto parsed, expr::Expression::parse(text, vocabulary));
  const bool needs_claims = parsed.needs().roots.contains("claims");
  if (parsed.needs().roots.contains("event")) return failure(Fault::invalid, "there is no `event` here, only `claims` and `request`");
  return of(Node{Expressed{std::move(parsed), needs_claims}, "the expression " + std::string(text.substr(0, 200))});
}

}  // namespace gatehouse::policy
