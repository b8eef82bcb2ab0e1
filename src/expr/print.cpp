// A tree back to text, every operation in brackets. For explanations and for tests: it reads as the same tree.
#include <fmt/format.h>

#include "expr/ast.h"

namespace gatehouse::expr {
namespace {

struct Printer {
  std::string out;

  void quoted(std::string_view text) {
    out += '\'';
    for (const char c : text) out.append(c == '\'' ? 2 : 1, c);
    out += '\'';
  }
  template <class Items, class One>
  void listed(const Items& items, std::size_t from, One one) {
    for (std::size_t i = from; i < items.size(); ++i) {
      if (i > from) out += ", ";
      one(items[i]);
    }
  }
  void node(const NodePtr& node) { print(*node); }
  void print(const Node& node) { std::visit(*this, node.what); }
  // A number or an operation in front of a '.' or '[' needs no more than its own brackets.
  void operator()(const Literal& n) {
    if (const auto* text = n.value.as<std::string>()) return quoted(*text);
    if (const auto* is = n.value.as<bool>()) out += *is ? "true" : "false";
    else if (const auto* whole = n.value.as<std::int64_t>()) out += std::to_string(*whole);
    else if (const auto* number = n.value.as<double>()) {
      const auto fixed = fmt::format("{:f}", *number);
      const auto digits =
          fmt::format("{:.330f}", *number);  // exact: every double has fewer places than that in practice
      out += std::stod(fixed) == *number ? fixed : digits;
    } else {
      out += "null";
    }
  }
  void operator()(const ListOf& n) {
    out += '{';
    listed(n.items, 0, [&](const NodePtr& item) { node(item); });
    out += '}';
  }
  void operator()(const MapOf& n) {
    out += '{';
    if (n.entries.empty()) out += ':';
    listed(n.entries, 0, [&](const auto& entry) { node(entry.first), out += ": ", node(entry.second); });
    out += '}';
  }
  void operator()(const Root& n) { out += n.name; }
  void operator()(const Element&) { out += "#this"; }
  void operator()(const Attribute& n) { node(n.of), out += '.', out += n.name; }
  void operator()(const Index& n) { node(n.of), out += '[', node(n.at), out += ']'; }
  void operator()(const Invoke& n) {
    const bool method = n.function->place == Place::method;
    if (method) node(n.arguments.front()), out += '.';
    out.append(n.function->name) += '(';
    listed(n.arguments, method ? 1 : 0, [&](const NodePtr& argument) { node(argument); });
    out += ')';
  }
  void operator()(const Each& n) {
    node(n.of), out += n.what == Each::project ? ".![" : ".?[", node(n.body), out += ']';
  }
  void operator()(const Negate& n) { out += "(-", node(n.of), out += ')'; }
  void operator()(const Not& n) { out += "(!", node(n.of), out += ')'; }
  void operator()(const Binary& n) {
    out += '(', node(n.left), out.append(" ").append(sign_of(n.op)) += ' ', node(n.right), out += ')';
  }
  void operator()(const Matches& n) { out += '(', node(n.text), out += " matches ", node(n.pattern), out += ')'; }
  void operator()(const Choose& n) {
    out += '(', node(n.condition), out += " ? ", node(n.then), out += " : ", node(n.otherwise), out += ')';
  }
  void operator()(const Elvis& n) { out += '(', node(n.value), out += " ?: ", node(n.otherwise), out += ')'; }
  void operator()(const Filtered& n) {
    out += "getFilteredGroups(", node(n.allowed), out += ", ", node(n.text), out += ", ", node(n.limit), out += ')';
  }
};

}  // namespace

std::string_view sign_of(Op op) {
  switch (op) {
    case Op::or_: return "||";
    case Op::and_: return "&&";
    case Op::equal: return "==";
    case Op::unequal: return "!=";
    case Op::less: return "<";
    case Op::less_equal: return "<=";
    case Op::more: return ">";
    case Op::more_equal: return ">=";
    case Op::plus: return "+";
    case Op::minus: return "-";
    case Op::times: return "*";
    case Op::divide: return "/";
    case Op::modulo: return "%";
  }
  return "";
}

std::string print(const Node& node) {
  Printer printer;
  printer.print(node);
  return std::move(printer.out);
}

}  // namespace gatehouse::expr
