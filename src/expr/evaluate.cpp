#include "expr/evaluate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/text.h"

namespace gatehouse::expr {
namespace {

Result<Value> finite(double number) {
  if (!std::isfinite(number))
    return failure(Fault::invalid, "the result is not a number (too large, or divided by zero)");
  return Value{number};
}

Result<Value> whole_arithmetic(Op op, std::int64_t a, std::int64_t b) {
  std::int64_t made = 0;
  bool overflow = false;
  switch (op) {
    case Op::plus: overflow = __builtin_add_overflow(a, b, &made); break;
    case Op::minus: overflow = __builtin_sub_overflow(a, b, &made); break;
    case Op::times: overflow = __builtin_mul_overflow(a, b, &made); break;
    default:
      if (b == 0) return failure(Fault::invalid, "division by zero");
      if (b == -1) overflow = __builtin_sub_overflow(std::int64_t{0}, op == Op::divide ? a : 0, &made);
      else made = op == Op::divide ? a / b : a % b;
  }
  if (overflow) return failure(Fault::invalid, "the result is too large for an integer");
  return integer(made);
}

Result<Value> arithmetic(Op op, const Value& a, const Value& b) {
  if (a.is_null() || b.is_null()) return null();
  if (!a.is_number() || !b.is_number())
    return failure(Fault::invalid,
                   fmt::format("'{}' needs two numbers, and got {} and {}", sign_of(op), type_of(a), type_of(b)));
  const auto *x = a.as<std::int64_t>(), *y = b.as<std::int64_t>();
  if (x != nullptr && y != nullptr) return whole_arithmetic(op, *x, *y);
  switch (op) {
    case Op::plus: return finite(a.number() + b.number());
    case Op::minus: return finite(a.number() - b.number());
    case Op::times: return finite(a.number() * b.number());
    case Op::divide: return finite(a.number() / b.number());
    default: return finite(std::fmod(a.number(), b.number()));
  }
}

// Text joins with anything that has a text; a missing attribute adds nothing.
Result<Value> plus(Meter& meter, Value a, Value b) {
  if (a.as<std::string>() == nullptr && b.as<std::string>() == nullptr) {
    if (a.as<List>() != nullptr || b.as<List>() != nullptr)
      return failure(Fault::invalid, "'+' does not join lists; use Arrays.flatten(a, b)");
    return arithmetic(Op::plus, a, b);
  }
  GH_TRY(auto text, as_text(meter, a));
  GH_TRY(const auto more, as_text(meter, b));
  GH_DO(meter.make(text.size() + more.size()));
  text += more;
  return Value{std::move(text)};
}

// Less, equal or more. A comparison with null is false, whichever way it goes.
Result<Value> ordered(Meter& meter, Op op, const Value& a, const Value& b) {
  if (a.is_null() || b.is_null()) return boolean(false);
  std::partial_ordering order = std::partial_ordering::unordered;
  if (const auto *x = a.as<std::int64_t>(), *y = b.as<std::int64_t>(); x != nullptr && y != nullptr) order = *x <=> *y;
  else if (a.is_number() && b.is_number()) order = a.number() <=> b.number();
  else if (const auto* s = a.as<std::string>(), *t = b.as<std::string>(); s != nullptr && t != nullptr) {
    GH_DO(meter.look_at(std::min(s->size(), t->size())));
    order = *s <=> *t;
  } else if (const auto* p = a.as<Moment>(), *q = b.as<Moment>(); p != nullptr && q != nullptr) {
    order = p->at <=> q->at;
  } else {
    return failure(Fault::invalid, fmt::format("{} and {} cannot be compared with '{}'; convert one of them",
                                               type_of(a), type_of(b), sign_of(op)));
  }
  switch (op) {
    case Op::less: return boolean(order < 0);
    case Op::less_equal: return boolean(order <= 0);
    case Op::more: return boolean(order > 0);
    default: return boolean(order >= 0);
  }
}

bool is_blank(const Value& value) {
  return value.is_null() || (value.as<std::string>() != nullptr && value.as<std::string>()->empty());
}

}  // namespace

Result<Value> Evaluation::run(const Node& node) {
  auto stepped = meter_.step();
  auto value = stepped ? std::visit(*this, node.what) : Result<Value>(std::unexpected(std::move(stepped.error())));
  if (!value && !std::exchange(faulted_, true)) fault_at_ = node.offset;
  return value;
}

Result<bool> Evaluation::truth(const Node& node) {
  GH_TRY(const auto value, run(node));
  if (const auto* is = value.as<bool>()) return *is;
  if (!std::exchange(faulted_, true)) fault_at_ = node.offset;
  if (value.is_null())
    return failure(Fault::invalid,
                   "this is null (is the attribute missing?), and must be true or false; compare it, as in … == true");
  return failure(Fault::invalid,
                 fmt::format("this is {}, and must be true or false; compare it with something", type_of(value)));
}

Result<Value> Evaluation::operator()(const Literal& node) {
  if (const auto* string = node.value.as<std::string>()) GH_DO(meter_.make(string->size()));
  return node.value;
}

Result<Value> Evaluation::operator()(const ListOf& node) {
  std::vector<Value> items;
  GH_DO(meter_.make(node.items.size() * sizeof(Value)));
  for (const auto& item : node.items) {
    GH_TRY(auto value, run(*item));
    items.push_back(std::move(value));
  }
  return list(std::move(items));
}

Result<Value> Evaluation::operator()(const MapOf& node) {
  std::vector<std::pair<std::string, Value>> entries;
  GH_DO(meter_.make(node.entries.size() * (sizeof(Value) + sizeof(std::string))));
  for (const auto& [key, of] : node.entries) {
    GH_TRY(const auto name, run(*key));
    GH_TRY(auto text, as_text(meter_, name));
    GH_TRY(auto value, run(*of));
    entries.emplace_back(std::move(text), std::move(value));
  }
  return Value{std::make_shared<const std::vector<std::pair<std::string, Value>>>(std::move(entries))};
}

Result<Value> Evaluation::operator()(const Root& node) {
  if (group_ != nullptr && node.name == "group") return Value{Member{group_}};
  const auto* document = context_.root(node.name);
  if (document == nullptr) return null();
  const auto* object = document->if_object();
  if (object != nullptr && node.name == "user") return Value{User{object}};
  return from_json(meter_, *document);
}

Result<Value> Evaluation::operator()(const Element&) {
  if (element_ == nullptr) return null();
  if (const auto* string = element_->as<std::string>()) GH_DO(meter_.make(string->size()));
  return *element_;
}

Result<Value> Evaluation::operator()(const Attribute& node) {
  GH_TRY(const auto of, run(*node.of));
  return member_of(meter_, of, node.name);
}

// A place that a list does not have is null, like an attribute that a user does not have.
Result<Value> Evaluation::operator()(const Index& node) {
  GH_TRY(const auto of, run(*node.of));
  GH_TRY(const auto at, run(*node.at));
  if (of.is_null() || at.is_null()) return null();
  if (const auto* key = at.as<std::string>()) return member_of(meter_, of, *key);
  const auto* place = at.as<std::int64_t>();
  const auto* items = of.as<List>();
  if (place == nullptr || items == nullptr)
    return failure(Fault::invalid, fmt::format("{} has no element [{}]", type_of(of),
                                               place == nullptr ? type_of(at) : std::to_string(*place)));
  if (*place < 0 || static_cast<std::size_t>(*place) >= (*items)->size()) return null();
  const auto& item = (**items)[static_cast<std::size_t>(*place)];
  if (const auto* string = item.as<std::string>()) GH_DO(meter_.make(string->size()));
  return item;
}

Result<Value> Evaluation::operator()(const Invoke& node) {
  std::vector<Value> arguments;
  GH_DO(meter_.make(node.arguments.size() * sizeof(Value)));
  for (const auto& argument : node.arguments) {
    GH_TRY(auto value, run(*argument));
    if (arguments.empty() && node.function->place == Place::method && value.is_null()) return null();
    arguments.push_back(std::move(value));
  }
  Call call{arguments, context_, now_, meter_, node.ready.get()};
  auto value = node.function->run(call);
  if (!value && value.error().fault() == Fault::invalid)
    return failure(Fault::invalid, fmt::format("{}: {}", node.function->usage, value.error().message()));
  return value;
}

Result<Value> Evaluation::operator()(const Each& node) {
  GH_TRY(const auto of, run(*node.of));
  if (of.is_null()) return null();
  const auto* items = of.as<List>();
  if (items == nullptr)
    return failure(Fault::invalid, fmt::format(".![…] and .?[…] need a list, and got {}", type_of(of)));
  std::vector<Value> made;
  const auto* outer = element_;
  for (const auto& item : **items) {
    element_ = &item;
    const auto* string = item.as<std::string>();
    GH_DO(meter_.make(sizeof(Value)));
    if (node.what == Each::project) {
      GH_TRY(auto value, run(*node.body));
      made.push_back(std::move(value));
    } else {
      GH_TRY(const auto wanted, truth(*node.body));
      if (!wanted) continue;
      if (string != nullptr) GH_DO(meter_.make(string->size()));
      made.push_back(item);
    }
  }
  element_ = outer;
  return list(std::move(made));
}

Result<Value> Evaluation::operator()(const Negate& node) {
  GH_TRY(const auto value, run(*node.of));
  if (const auto* number = value.as<double>()) return Value{-*number};
  if (value.as<std::int64_t>() != nullptr || value.is_null()) return arithmetic(Op::minus, integer(0), value);
  return failure(Fault::invalid, fmt::format("'-' needs a number, and got {}", type_of(value)));
}

Result<Value> Evaluation::operator()(const Not& node) {
  GH_TRY(const auto is, truth(*node.of));
  return boolean(!is);
}

Result<Value> Evaluation::operator()(const Binary& node) {
  if (node.op == Op::or_ || node.op == Op::and_) {
    GH_TRY(const auto first, truth(*node.left));
    if (first == (node.op == Op::or_)) return boolean(first);
    GH_TRY(const auto second, truth(*node.right));
    return boolean(second);
  }
  GH_TRY(auto a, run(*node.left));
  GH_TRY(auto b, run(*node.right));
  switch (node.op) {
    case Op::equal:
    case Op::unequal: {
      GH_TRY(const auto equal, same(meter_, a, b));
      return boolean(equal == (node.op == Op::equal));
    }
    case Op::less:
    case Op::less_equal:
    case Op::more:
    case Op::more_equal: return ordered(meter_, node.op, a, b);
    case Op::plus: return plus(meter_, std::move(a), std::move(b));
    default: return arithmetic(node.op, a, b);
  }
}

Result<Value> Evaluation::operator()(const Matches& node) {
  GH_TRY(const auto of, run(*node.text));
  if (of.is_null()) return boolean(false);
  GH_TRY(const auto text, as_text(meter_, of));
  if (node.ready != nullptr) {
    GH_TRY(const auto fits, node.ready->matches(meter_, text));
    return boolean(fits);
  }
  GH_TRY(const auto pattern, run(*node.pattern));
  const auto* written = pattern.as<std::string>();
  if (written == nullptr)
    return failure(Fault::invalid, fmt::format("'matches' needs a regular expression, and got {}", type_of(pattern)));
  GH_DO(meter_.step(100 + written->size() * 10));  // compiling is the larger part
  GH_TRY(const auto regex, Regex::compile(*written));
  GH_TRY(const auto fits, regex->matches(meter_, text));
  return boolean(fits);
}

Result<Value> Evaluation::operator()(const Choose& node) {
  GH_TRY(const auto is, truth(*node.condition));
  return run(is ? *node.then : *node.otherwise);
}

Result<Value> Evaluation::operator()(const Elvis& node) {
  GH_TRY(auto value, run(*node.value));
  return is_blank(value) ? run(*node.otherwise) : std::move(value);
}

// The user's groups that are in the list, each as the expression about `group` writes it.
Result<Value> Evaluation::operator()(const Filtered& node) {
  GH_TRY(auto allowed, run(*node.allowed));
  GH_TRY(const auto limit, run(*node.limit));
  const auto* most = limit.as<std::int64_t>();
  if (most == nullptr || *most < 1)
    return failure(Fault::invalid, "getFilteredGroups needs a limit of 1 or more as third argument");
  Value arguments[] = {std::move(allowed)};
  Call call{arguments, context_, now_, meter_};
  GH_TRY(const auto ids, call.items(0));

  auto tree = node.ready;
  if (tree == nullptr) {
    GH_TRY(const auto text, run(*node.text));
    const auto* written = text.as<std::string>();
    if (written == nullptr)
      return failure(Fault::invalid,
                     "getFilteredGroups needs an expression about the group in quotes, such as \"group.name\", as "
                     "second argument");
    GH_DO(meter_.step(10 + written->size()));
    std::size_t at = 0;
    auto parsed = parse_tree(*written, group_vocabulary(), at);
    if (!parsed)
      return failure(Fault::invalid, fmt::format("in the expression about the group, at character {}: {}", at + 1,
                                                 parsed.error().message()));
    tree = *std::move(parsed);
  }
  std::vector<Value> made;
  for (const auto& group : context_.groups()) {
    if (made.size() >= static_cast<std::size_t>(*most)) break;
    GH_DO(meter_.step(1 + ids.size()));
    if (std::none_of(ids.begin(), ids.end(), [&](const Value& id) {
          return id.as<std::string>() != nullptr && *id.as<std::string>() == group.id;
        }))
      continue;
    Evaluation inner(context_, meter_, now_);
    inner.group_ = &group;
    GH_DO(meter_.make(sizeof(Value)));
    auto value = inner.run(*tree->top);
    if (!value)
      return std::unexpected(
          Error(value.error().fault(), fmt::format("in the expression about the group, at character {}: {}",
                                                   inner.fault_at() + 1, value.error().message())));
    if (!value->is_null()) made.push_back(*std::move(value));
  }
  return list(std::move(made));
}

}  // namespace gatehouse::expr
