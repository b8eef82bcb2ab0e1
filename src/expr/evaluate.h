// Walks a tree. One object per evaluation; it never changes the tree.
#pragma once

#include "expr/ast.h"

namespace gatehouse::expr {

class Evaluation {
 public:
  Evaluation(const Context& context, Meter& meter, Timestamp now) : context_(context), meter_(meter), now_(now) {}
  Result<Value> run(const Node& node);
  std::size_t fault_at() const { return fault_at_; }  // offset of the node that failed

  // One for each kind of node; for std::visit.
  Result<Value> operator()(const Literal& node);
  Result<Value> operator()(const ListOf& node);
  Result<Value> operator()(const MapOf& node);
  Result<Value> operator()(const Root& node);
  Result<Value> operator()(const Element& node);
  Result<Value> operator()(const Attribute& node);
  Result<Value> operator()(const Index& node);
  Result<Value> operator()(const Invoke& node);
  Result<Value> operator()(const Each& node);
  Result<Value> operator()(const Negate& node);
  Result<Value> operator()(const Not& node);
  Result<Value> operator()(const Binary& node);
  Result<Value> operator()(const Matches& node);
  Result<Value> operator()(const Choose& node);
  Result<Value> operator()(const Elvis& node);
  Result<Value> operator()(const Filtered& node);

 private:
  Result<bool> truth(const Node& node);
  const Context& context_;
  Meter& meter_;
  const Timestamp now_;
  const Value* element_ = nullptr;  // within .![…]
  const Group* group_ = nullptr;    // within getFilteredGroups
  std::size_t fault_at_ = 0;
  bool faulted_ = false;
};

}  // namespace gatehouse::expr
