#include "expr/expression.h"

#include <fmt/format.h>

#include <algorithm>

#include "expr/ast.h"
#include "expr/evaluate.h"
#include "expr/lexer.h"

namespace gatehouse::expr {
namespace {

Error placed(const Error& error, std::string_view text, std::size_t offset, Position* where) {
  const auto at = position_of(text, offset);
  if (where != nullptr) *where = at;
  return Error(error.fault(), fmt::format("line {}, column {}: {}", at.line, at.column, error.message()))
      .while_doing("expression");
}

Result<json::value> evaluated(const Tree& tree, const Context& context, Budget budget, Position* where) {
  Meter meter(std::min(budget.steps, kStepsMax), std::min(budget.bytes, kBytesMax));
  Evaluation evaluation(context, meter, context.clock().now());
  auto value = evaluation.run(*tree.top);
  if (!value) return std::unexpected(placed(value.error(), tree.text, evaluation.fault_at(), where));
  auto made = to_json(meter, *value);
  if (!made) return std::unexpected(placed(made.error(), tree.text, tree.top->offset, where));
  return made;
}

}  // namespace

Result<Expression> Expression::parse(std::string_view text, const Vocabulary& vocabulary, Position* where) {
  std::size_t fault_at = 0;
  auto tree = parse_tree(text, vocabulary, fault_at);
  if (!tree) return std::unexpected(placed(tree.error(), text, fault_at, where));
  return Expression(*std::move(tree));
}

Result<json::value> Expression::evaluate(const Context& context, Budget budget, Position* where) const {
  return evaluated(*tree_, context, budget, where);
}

Result<bool> Expression::holds(const Context& context, Budget budget, Position* where) const {
  GH_TRY(const auto value, evaluated(*tree_, context, budget, where));
  if (const auto* is = value.if_bool()) return *is;
  if (value.is_null()) return false;
  return std::unexpected(
      placed(Error(Fault::invalid, "a condition must be true or false"), tree_->text, tree_->top->offset, where));
}

const std::string& Expression::text() const { return tree_->text; }
const Needs& Expression::needs() const { return tree_->needs; }
std::string Expression::canonical() const { return print(*tree_->top); }

}  // namespace gatehouse::expr
