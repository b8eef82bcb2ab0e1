// Okta Expression Language. Reads an expression once, evaluates it as often as wanted, from as many threads as wanted.
// Owns the grammar, the functions and their limits. Must not know users, groups or apps as such (they are documents of
// the Context), no store, no network, no clock of its own.
// Dialects: classic (String.append(user.email, "x")) and Identity Engine (user.profile.email.substringBefore('@')) are
// one language here; which words are allowed where is the Vocabulary's business.
#pragma once

#include <cstddef>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "core/error.h"
#include "core/json.h"
#include "expr/context.h"
#include "expr/vocabulary.h"

namespace gatehouse::expr {

inline constexpr std::size_t kTextMax = 10'000;  // bytes of an expression
inline constexpr std::size_t kNestingMax = 60;   // brackets within brackets
inline constexpr std::size_t kDepthMax = 300;    // operators on operators: a + b + c … is a tree as deep as it is long
inline constexpr std::size_t kStepsDefault = 100'000;
inline constexpr std::size_t kStepsMax = 1'000'000;
inline constexpr std::size_t kBytesDefault = std::size_t{4} << 20;
inline constexpr std::size_t kBytesMax = std::size_t{16} << 20;

struct Position {
  std::size_t offset = 0;            // bytes
  std::size_t line = 1, column = 1;  // characters
};

// A step is a node visited, an element touched or 64 bytes looked at; bytes are all that were ever made, not those that
// are alive. Larger wishes are cut to kStepsMax and kBytesMax. Running out is Fault::limited.
struct Budget {
  std::size_t steps = kStepsDefault;
  std::size_t bytes = kBytesDefault;
};

// What a Context will be asked for, so that the caller loads that and no more.
struct Needs {
  std::set<std::string, std::less<>> roots;
  std::set<std::string, std::less<>> linked;  // primary names of linked objects; "" if only known on evaluation
  bool groups = false, managers = false, directories = false;
};

struct Tree;

class Expression {
 public:
  // Fault::invalid: what is wrong, where ("line 1, column 7: …"), and what to do. `where` gets the place, too.
  static Result<Expression> parse(std::string_view text, const Vocabulary& vocabulary, Position* where = nullptr);

  // Missing attributes are null. Fault::invalid: this value cannot go there. Fault::limited: the budget is spent.
  Result<json::value> evaluate(const Context& context, Budget budget = {}, Position* where = nullptr) const;
  // For rules and conditions: null is false, anything else but a Boolean is a fault. Never true by mistake.
  Result<bool> holds(const Context& context, Budget budget = {}, Position* where = nullptr) const;

  const std::string& text() const;
  const Needs& needs() const;
  std::string canonical()
      const;  // fully bracketed; reads as the same expression (but for what the vocabulary resolved)

 private:
  explicit Expression(std::shared_ptr<const Tree> tree) : tree_(std::move(tree)) {}
  std::shared_ptr<const Tree> tree_;
};

}  // namespace gatehouse::expr
