// Text to tree. Everything that can be known without a user is checked here: grammar, names, numbers of arguments,
// regular expressions, the expression within getFilteredGroups.
#include <fmt/format.h>

#include <charconv>
#include <optional>

#include "core/text.h"
#include "expr/ast.h"
#include "expr/lexer.h"

namespace gatehouse::expr {
namespace {

using What = decltype(Node::what);

struct Level {
  std::string_view symbol, word;
  Op op;
  int strength;
};
constexpr int kCompares = 3;  // == < matches …: one of them, no chain
constexpr Level kLevels[] = {
    {"||", "or", Op::or_, 1},     {"&&", "and", Op::and_, 2},      {"==", "eq", Op::equal, 3},
    {"!=", "ne", Op::unequal, 3}, {"<", "lt", Op::less, 3},        {"<=", "le", Op::less_equal, 3},
    {">", "gt", Op::more, 3},     {">=", "ge", Op::more_equal, 3}, {"+", "", Op::plus, 4},
    {"-", "", Op::minus, 4},      {"*", "", Op::times, 5},         {"/", "", Op::divide, 5},
    {"%", "", Op::modulo, 5}};
constexpr std::string_view kSpaces[] = {"String", "Arrays", "Convert", "Iso3166Convert", "Time", "DateTime", "Groups"};

bool is_space(std::string_view name) {
  return std::find(std::begin(kSpaces), std::end(kSpaces), name) != std::end(kSpaces);
}

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};

std::size_t deepest(const What& what) {
  std::size_t depth = 0;
  const auto see = [&](const NodePtr& node) { depth = std::max(depth, node->depth); };
  std::visit(Overloaded{[](const Literal&) {}, [](const Root&) {}, [](const Element&) {},
                        [&](const ListOf& n) {
                          for (const auto& item : n.items) see(item);
                        },
                        [&](const MapOf& n) {
                          for (const auto& [key, value] : n.entries) see(key), see(value);
                        },
                        [&](const Attribute& n) { see(n.of); }, [&](const Index& n) { see(n.of), see(n.at); },
                        [&](const Invoke& n) {
                          for (const auto& argument : n.arguments) see(argument);
                        },
                        [&](const Each& n) { see(n.of), see(n.body); }, [&](const Negate& n) { see(n.of); },
                        [&](const Not& n) { see(n.of); }, [&](const Binary& n) { see(n.left), see(n.right); },
                        [&](const Matches& n) { see(n.text), see(n.pattern); },
                        [&](const Choose& n) { see(n.condition), see(n.then), see(n.otherwise); },
                        [&](const Elvis& n) { see(n.value), see(n.otherwise); },
                        [&](const Filtered& n) { see(n.allowed), see(n.text), see(n.limit); }},
             what);
  return depth;
}

const std::string* literal_text(const NodePtr& node) {
  const auto* literal = std::get_if<Literal>(&node->what);
  return literal == nullptr ? nullptr : literal->value.as<std::string>();
}

std::string did_you_mean(std::string_view wanted, const std::set<std::string, std::less<>>& names) {
  const std::vector<std::string_view> views(names.begin(), names.end());
  const auto best = nearest(wanted, views);
  return best.empty() ? "" : fmt::format("; did you mean '{}'?", best);
}

class Parser {
 public:
  Parser(std::string_view text, const Vocabulary& vocabulary, std::size_t& fault_at)
      : lexer_(text), vocabulary_(vocabulary), fault_at_(fault_at) {}

  Result<NodePtr> whole(Needs& needs) {
    GH_DO(read_tokens());
    if (now().kind == Kind::end) return fail(0, "the expression is empty");
    GH_TRY(auto node, expression());
    if (now().kind != Kind::end) return fail(now().offset, unexpected());
    needs = std::move(needs_);
    return node;
  }

 private:
  // Counts how deep we are in brackets, or in else after else; both are recursion here.
  struct Descent {
    explicit Descent(std::size_t& depth) : depth_(++depth) {}
    ~Descent() { --depth_; }
    Descent(const Descent&) = delete;
    Descent& operator=(const Descent&) = delete;
    std::size_t& depth_;
  };

  Result<void> read_tokens() {
    for (;;) {
      auto token = lexer_.next();
      if (!token) return fail(lexer_.offset(), token.error().message());
      tokens_.push_back(*std::move(token));
      if (tokens_.back().kind == Kind::end) return {};
    }
  }

  const Token& now() const { return tokens_[at_]; }
  const Token& ahead(std::size_t n) const { return tokens_[std::min(at_ + n, tokens_.size() - 1)]; }
  void advance() { at_ = std::min(at_ + 1, tokens_.size() - 1); }
  bool skip(std::string_view symbol) {
    const bool is = now().is(symbol);
    if (is) advance();
    return is;
  }
  std::unexpected<Error> fail(std::size_t offset, std::string message) {
    fault_at_ = offset;
    return failure(Fault::invalid, std::move(message));
  }
  std::string unexpected() const {
    const auto& token = now();
    if (token.kind == Kind::end) return "the expression ends too early";
    if (token.is_word("instanceof") || token.is_word("between"))
      return fmt::format("the operator '{}' is not part of the language", token.text);
    if (token.is(")") || token.is("]") || token.is("}")) return fmt::format("this '{}' closes nothing", token.text);
    return fmt::format("'{}' cannot stand here; is an operator or a comma missing before it?",
                       token.text.substr(0, 40));
  }
  Result<void> expect(std::string_view symbol, std::string_view why) {
    if (skip(symbol)) return {};
    return fail(now().offset, fmt::format("expected '{}' {}", symbol, why));
  }
  Result<NodePtr> make(std::size_t offset, What what) {
    const auto depth = deepest(what) + 1;
    if (depth > kDepthMax)
      return fail(offset, fmt::format("the expression has more than {} operations within each other; simplify it, "
                                      "String.join and String.stringSwitch take many values",
                                      kDepthMax));
    return std::make_unique<const Node>(Node{offset, depth, std::move(what)});
  }

  Result<NodePtr> bracketed() {
    const Descent descent(nesting_);
    if (nesting_ > kNestingMax)
      return fail(now().offset, fmt::format("more than {} brackets within each other", kNestingMax));
    return expression();
  }

  Result<NodePtr> expression() {
    GH_TRY(auto value, binary(1));
    const auto offset = now().offset;
    if (skip("?:")) {
      GH_TRY(auto otherwise, chained());
      return make(offset, Elvis{std::move(value), std::move(otherwise)});
    }
    if (!skip("?")) return value;
    GH_TRY(auto then, chained());
    GH_DO(expect(":", "between the two values of a condition: condition ? value : other value"));
    GH_TRY(auto otherwise, chained());
    return make(offset, Choose{std::move(value), std::move(then), std::move(otherwise)});
  }

  Result<NodePtr> chained() {
    const Descent descent(chain_);
    if (chain_ > kDepthMax)
      return fail(now().offset,
                  fmt::format("more than {} conditions in a row; String.stringSwitch takes many", kDepthMax));
    return expression();
  }

  const Level* level_now() const {
    for (const auto& level : kLevels)
      if (now().is(level.symbol) || (!level.word.empty() && now().is_word(level.word))) return &level;
    return nullptr;
  }

  // Precedence climbing: calls itself only for a stronger operator, at most five deep.
  Result<NodePtr> binary(int weakest) {
    GH_TRY(auto left, unary());
    for (bool compared = false;;) {
      const auto* level = level_now();
      const bool matching = now().is_word("matches");
      const int strength = matching ? kCompares : level == nullptr ? 0 : level->strength;
      if (strength < weakest) return left;
      const auto offset = now().offset;
      if (strength == kCompares && std::exchange(compared, true))
        return fail(offset, "comparisons cannot be chained; join two of them with AND");
      advance();
      if (now().is("+") && tokens_[at_ - 1].is("+") && offset + 1 == now().offset)
        return fail(offset, "++ is not part of the language");
      GH_TRY(auto right, binary(strength + 1));
      if (matching) {
        GH_TRY(left, matches(offset, std::move(left), std::move(right)));
      } else {
        GH_TRY(left, make(offset, Binary{level->op, std::move(left), std::move(right)}));
      }
    }
  }

  Result<NodePtr> matches(std::size_t offset, NodePtr text, NodePtr pattern) {
    std::shared_ptr<const Regex> ready;
    if (const auto* literal = literal_text(pattern)) {
      auto made = Regex::compile(*literal);
      if (!made) return fail(pattern->offset, made.error().message());
      ready = *std::move(made);
    }
    return make(offset, Matches{std::move(text), std::move(pattern), std::move(ready)});
  }

  Result<NodePtr> unary() {
    std::vector<std::pair<std::size_t, bool>> signs;  // where, and whether it is a "not"
    for (;;) {
      if (now().is("-") && !signs.empty() && !signs.back().second && signs.back().first + 1 == now().offset)
        return fail(now().offset, "-- is not part of the language");
      if (now().is("!") || now().is_word("not")) signs.emplace_back(now().offset, true);
      else if (now().is("-")) signs.emplace_back(now().offset, false);
      else if (!now().is("+")) break;
      advance();
    }
    GH_TRY(auto node, postfix());
    for (; !signs.empty(); signs.pop_back()) {
      const auto [offset, is_not] = signs.back();
      if (is_not) {
        GH_TRY(node, make(offset, Not{std::move(node)}));
      } else {
        GH_TRY(node, make(offset, Negate{std::move(node)}));
      }
    }
    return node;
  }

  Result<NodePtr> postfix() {
    GH_TRY(auto node, primary());
    for (;;) {
      const auto offset = now().offset;
      if (skip(".") || skip("?.")) {
        GH_TRY(node, member(std::move(node)));
      } else if (skip("[")) {
        GH_DO(not_a_bare_root(node));
        GH_TRY(auto at, bracketed());
        GH_DO(expect("]", "after the index"));
        GH_TRY(node, make(offset, Index{std::move(node), std::move(at)}));
      } else if (now().is(".![") || now().is(".?[")) {
        const auto what = now().is(".![") ? Each::project : Each::select;
        advance();
        GH_DO(not_a_bare_root(node));
        const Descent within(elements_);
        GH_TRY(auto body, bracketed());
        GH_DO(expect("]", "after the expression for each element"));
        GH_TRY(node, make(offset, Each{std::move(node), std::move(body), what}));
      } else {
        // "(appuser != null) ? …" is how Okta's own claim `sub` asks whether there is one.
        const bool asks_if_there = (now().is("==") || now().is("!=")) && ahead(1).text == "null";
        if (!asks_if_there) GH_DO(not_a_bare_root(node));
        return node;
      }
    }
  }

  // `user` or `user.profile` alone would be all that is known of the user, and more than the vocabulary allows.
  Result<void> not_a_bare_root(const NodePtr& node) {
    const auto* attribute = std::get_if<Attribute>(&node->what);
    const auto* root = std::get_if<Root>(attribute == nullptr ? &node->what : &attribute->of->what);
    if (root == nullptr) return {};
    if (attribute != nullptr) {
      if (root->name != "user" || attribute->name != "profile") return {};
      return fail(node->offset, "name an attribute, such as user.profile.email");
    }
    return fail(node->offset,
                fmt::format("name an attribute, such as {}.{}", root->name, root->name == "user" ? "email" : "name"));
  }

  Result<NodePtr> member(NodePtr of) {
    const auto name = now();
    if (name.kind != Kind::name || name.text.starts_with('#'))
      return fail(name.offset, "expected a name after the '.'");
    advance();
    const auto* root = std::get_if<Root>(&of->what);
    if (now().is("(")) {
      if (root == nullptr) return method(std::move(of), name);
      const auto function = root->name + "." + name.text;
      if (find_function(Place::function, function) == nullptr)
        return fail(name.offset,
                    fmt::format("there is no function {}(){}", function, suggestion(Place::function, function)));
      return call(function, name.offset, Place::function, nullptr);
    }
    if (root != nullptr) GH_DO(known(root->name, name));
    const auto* attribute = std::get_if<Attribute>(&of->what);
    const auto* above = attribute == nullptr ? nullptr : std::get_if<Root>(&attribute->of->what);
    if (above != nullptr && above->name == "user" && attribute->name == "profile" &&
        !vocabulary_.knows("user", name.text))
      return fail(name.offset, unknown_attribute("user", name.text));
    return make(name.offset, Attribute{std::move(of), name.text});
  }

  std::string unknown_attribute(std::string_view root, std::string_view name) const {
    return fmt::format("{} has no attribute '{}'{}", root, name.substr(0, 60),
                       did_you_mean(name, vocabulary_.attributes(root)));
  }

  Result<void> known(std::string_view root, const Token& name) {
    if (root == "user" && name.text == "status" && !vocabulary_.has_user_status())
      return fail(name.offset, "user.status cannot be used here; write user.getInternalProperty(\"status\")");
    if (root == "user" && (name.text == "profile" || is_user_property(name.text))) return {};
    if (vocabulary_.knows(root, name.text)) return {};
    return fail(name.offset, unknown_attribute(root, name.text));
  }

  Result<NodePtr> method(NodePtr of, const Token& name) {
    if (find_function(Place::method, name.text) == nullptr)
      return fail(name.offset, fmt::format("there is no function .{}(){}", name.text.substr(0, 60),
                                           suggestion(Place::method, name.text)));
    return call(name.text, name.offset, Place::method, std::move(of));
  }

  std::string suggestion(Place place, std::string_view name) const {
    const auto best = nearest_function(place, name);
    return best.empty() ? "" : fmt::format("; did you mean {}{}()?", place == Place::method ? "." : "", best);
  }

  // At the "(" of a function that exists.
  Result<NodePtr> call(std::string_view name, std::size_t offset, Place place, NodePtr receiver) {
    const auto& function = *find_function(place, name);
    if (!vocabulary_.allows(function.family))
      return fail(offset, fmt::format("{}() is not available in this kind of expression", name));
    advance();
    std::vector<NodePtr> arguments;
    if (receiver != nullptr) arguments.push_back(std::move(receiver));
    const auto before = arguments.size();
    while (!now().is(")")) {
      if (arguments.size() > before) GH_DO(expect(",", "or ')' after an argument"));
      GH_TRY(auto argument, bracketed());
      arguments.push_back(std::move(argument));
    }
    advance();
    const auto given = arguments.size() - before;
    if (given < function.least || (function.most != kAnyNumber && given > function.most))
      return fail(offset, fmt::format("{} argument{} given; write {}", given, given == 1 ? "" : "s", function.usage));
    note_needs(function, arguments);
    if (function.run == nullptr) return filtered(offset, std::move(arguments));
    Invoke made{&function, std::move(arguments), nullptr};
    if (const auto* pattern = name == "isMemberOfGroupNameRegex" ? literal_text(made.arguments.back()) : nullptr;
        pattern != nullptr && !pattern->empty()) {
      // Okta's sample begins with a slash that stands for nothing: "/.*admin.*".
      auto ready = Regex::compile(std::string_view(*pattern).substr(pattern->starts_with('/') ? 1 : 0));
      if (!ready) return fail(made.arguments.back()->offset, ready.error().message());
      made.ready = *std::move(ready);
    }
    return make(offset, std::move(made));
  }

  void note_needs(const Function& function, const std::vector<NodePtr>& arguments) {
    needs_.groups = needs_.groups || function.family == Family::group || function.family == Family::group_claim;
    needs_.managers = needs_.managers || function.family == Family::manager;
    needs_.directories = needs_.directories || function.family == Family::directory;
    if (function.name == "user.getInternalProperty") needs_.roots.insert("user");
    if (function.name != "user.getLinkedObject") return;
    const auto* name = literal_text(arguments.front());
    needs_.linked.insert(name == nullptr ? "" : *name);
  }

  Result<NodePtr> filtered(std::size_t offset, std::vector<NodePtr> arguments) {
    std::shared_ptr<const Tree> ready;
    if (const auto* text = literal_text(arguments[1])) {
      std::size_t inner = 0;
      auto tree = parse_tree(*text, group_vocabulary(), inner);
      if (!tree)
        return fail(arguments[1]->offset, fmt::format("in the expression about the group, at character {}: {}",
                                                      inner + 1, tree.error().message()));
      ready = *std::move(tree);
    }
    return make(offset,
                Filtered{std::move(arguments[0]), std::move(arguments[1]), std::move(arguments[2]), std::move(ready)});
  }

  Result<NodePtr> primary() {
    const auto token = now();
    if (token.kind == Kind::name) return named(token);
    if (token.kind == Kind::end || (token.kind == Kind::symbol && !token.is("(") && !token.is("{")))
      return fail(token.offset, unexpected());
    advance();
    if (token.kind == Kind::string) return make(token.offset, Literal{Value{token.text}});
    if (token.kind == Kind::integer) {
      const auto number = parse_int(token.text);
      if (!number) return fail(token.offset, "this number is too large for an integer");
      return make(token.offset, Literal{integer(*number)});
    }
    if (token.kind == Kind::real) {
      double number = 0;
      const auto read = std::from_chars(token.text.data(), token.text.data() + token.text.size(), number);
      if (read.ec != std::errc()) return fail(token.offset, "this number is too large");
      return make(token.offset, Literal{Value{number}});
    }
    if (token.is("{")) return braces(token.offset);
    GH_TRY(auto node, bracketed());
    GH_DO(expect(")", "to close the bracket"));
    return node;
  }

  // {1, 2}, {} or {'key': value}.
  Result<NodePtr> braces(std::size_t offset) {
    if (skip("}")) return make(offset, ListOf{});
    if (now().is(":") && ahead(1).is("}")) {
      advance(), advance();
      return make(offset, MapOf{});
    }
    ListOf list;
    MapOf map;
    for (bool first = true; first || skip(","); first = false) {
      const bool key_is_name = now().kind == Kind::name && ahead(1).is(":") && (first || !map.entries.empty());
      GH_TRY(auto item, key_is_name ? make(now().offset, Literal{Value{now().text}}) : bracketed());
      if (key_is_name) advance();
      const bool entry = now().is(":");
      if (!first && entry == map.entries.empty())
        return fail(now().offset,
                    entry ? "a list cannot have keys" : "every entry of a map needs a key: {'key': value}");
      if (!entry) {
        list.items.push_back(std::move(item));
        continue;
      }
      advance();
      GH_TRY(auto value, bracketed());
      map.entries.emplace_back(std::move(item), std::move(value));
    }
    GH_DO(expect("}", "or ',' after an element"));
    if (map.entries.empty()) return make(offset, std::move(list));
    return make(offset, std::move(map));
  }

  Result<NodePtr> named(const Token& token) {
    advance();
    if (token.is_word("true")) return make(token.offset, Literal{boolean(true)});
    if (token.is_word("false")) return make(token.offset, Literal{boolean(false)});
    if (token.is_word("null")) return make(token.offset, Literal{null()});
    if (token.text == "#this") return element(token);
    if (token.text.starts_with('#')) return fail(token.offset, "variable references (#…) are not part of the language");
    if (now().is("(")) {
      if (find_function(Place::function, token.text) != nullptr)
        return call(token.text, token.offset, Place::function, nullptr);
      if (token.text == "T") return fail(token.offset, "type references (T(…)) are not part of the language");
      return fail(token.offset, fmt::format("there is no function {}(){}", token.text.substr(0, 60),
                                            suggestion(Place::function, token.text)));
    }
    const bool has_member = now().is(".") || now().is("?.");
    if (is_space(token.text) && has_member) return spaced(token);
    if (vocabulary_.has_root(token.text) && (elements_ == 0 || has_member)) {
      needs_.roots.insert(token.text);
      return make(token.offset, Root{token.text});
    }
    if (elements_ > 0) {
      GH_TRY(auto node, make(token.offset, Element{}));
      return make(token.offset, Attribute{std::move(node), token.text});
    }
    const auto& bare = vocabulary_.bare_root();
    if (!bare.empty() && vocabulary_.knows(bare, token.text)) {
      needs_.roots.insert(bare);
      GH_TRY(auto node, make(token.offset, Root{bare}));
      return make(token.offset, Attribute{std::move(node), token.text});
    }
    return fail(token.offset, unknown_name(token));
  }

  Result<NodePtr> element(const Token& token) {
    if (elements_ == 0)
      return fail(token.offset, "#this is the element within .![…] and .?[…], and means nothing elsewhere");
    return make(token.offset, Element{});
  }

  Result<NodePtr> spaced(const Token& space) {
    advance();
    const auto name = space.text + "." + now().text;
    if (now().kind != Kind::name || find_function(Place::function, name) == nullptr)
      return fail(space.offset,
                  fmt::format("there is no function {}(){}", name.substr(0, 60), suggestion(Place::function, name)));
    advance();
    if (!now().is("("))
      return fail(now().offset,
                  fmt::format("expected '(' after {}; write {}", name, find_function(Place::function, name)->usage));
    return call(name, space.offset, Place::function, nullptr);
  }

  std::string unknown_name(const Token& token) const {
    if (token.text == "new") return "constructors (new …) are not part of the language";
    const auto hint = did_you_mean(token.text, vocabulary_.roots());
    if (!hint.empty()) return fmt::format("'{}' is not known here{}", token.text.substr(0, 60), hint);
    const auto all = vocabulary_.roots();
    const std::vector<std::string> names(all.begin(), all.end());
    return fmt::format("'{}' is not known here; put text in quotes, or use an attribute of {}",
                       token.text.substr(0, 60), join(names, ", "));
  }

  Lexer lexer_;
  const Vocabulary& vocabulary_;
  std::size_t& fault_at_;
  std::vector<Token> tokens_;
  std::size_t at_ = 0, nesting_ = 0, chain_ = 0, elements_ = 0;
  Needs needs_;
};

}  // namespace

Result<std::shared_ptr<const Tree>> parse_tree(std::string_view text, const Vocabulary& vocabulary,
                                               std::size_t& fault_at) {
  fault_at = 0;
  if (text.size() > kTextMax)
    return failure(Fault::invalid, fmt::format("an expression has at most {} bytes", kTextMax));
  if (!is_utf8(text)) return failure(Fault::invalid, "the expression is not valid UTF-8");
  Parser parser(text, vocabulary, fault_at);
  auto tree = std::make_shared<Tree>();
  tree->text = std::string(text);
  GH_TRY(tree->top, parser.whole(tree->needs));
  return tree;
}

}  // namespace gatehouse::expr
