// What the parser makes and the evaluator walks. Immutable.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "expr/expression.h"
#include "expr/function.h"
#include "expr/regex.h"
#include "expr/value.h"

namespace gatehouse::expr {

struct Node;
using NodePtr = std::unique_ptr<const Node>;

enum class Op { or_, and_, equal, unequal, less, less_equal, more, more_equal, plus, minus, times, divide, modulo };
std::string_view sign_of(Op op);

struct Literal {
  Value value;
};
struct ListOf {
  std::vector<NodePtr> items;
};
struct MapOf {
  std::vector<std::pair<NodePtr, NodePtr>> entries;
};
struct Root {
  std::string name;
};                  // user, app, … ; "group" within getFilteredGroups
struct Element {};  // #this: what .![…] and .?[…] are at
struct Attribute {
  NodePtr of;
  std::string name;
};
struct Index {
  NodePtr of, at;
};
// A method's receiver is the first argument. ready: the last argument is a regular expression, and a literal.
struct Invoke {
  const Function* function;
  std::vector<NodePtr> arguments;
  std::shared_ptr<const Regex> ready;
};
struct Each {
  NodePtr of, body;
  enum What { project, select } what;
};
struct Negate {
  NodePtr of;
};
struct Not {
  NodePtr of;
};
struct Binary {
  Op op;
  NodePtr left, right;
};
struct Matches {
  NodePtr text, pattern;
  std::shared_ptr<const Regex> ready;
};  // ready: the pattern is a literal
struct Choose {
  NodePtr condition, then, otherwise;
};
struct Elvis {
  NodePtr value, otherwise;
};
// getFilteredGroups: the text of an expression about `group`. ready: the text is a literal.
struct Filtered {
  NodePtr allowed, text, limit;
  std::shared_ptr<const Tree> ready;
};

struct Node {
  std::size_t offset;
  std::size_t depth;
  std::variant<Literal, ListOf, MapOf, Root, Element, Attribute, Index, Invoke, Each, Negate, Not, Binary, Matches,
               Choose, Elvis, Filtered>
      what;
};

struct Tree {
  std::string text;
  NodePtr top;
  Needs needs;
};

Result<std::shared_ptr<const Tree>> parse_tree(std::string_view text, const Vocabulary& vocabulary,
                                               std::size_t& fault_at);
std::string print(const Node& node);

}  // namespace gatehouse::expr
