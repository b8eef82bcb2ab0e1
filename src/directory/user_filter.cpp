#include "directory/user_filter.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/text.h"
#include "directory/profile.h"

namespace gatehouse::directory {
namespace {

enum class Kind { exact, folded, time };
struct Attribute {
  std::string_view name, column;
  Kind kind;
};
constexpr std::array<Attribute, 10> kAttributes = {{{"id", "u.id", Kind::exact},
                                                    {"status", "u.status", Kind::exact},
                                                    {"profile.login", "u.login_folded", Kind::folded},
                                                    {"profile.email", "u.email_folded", Kind::folded},
                                                    {"profile.firstName", "u.first_folded", Kind::folded},
                                                    {"profile.lastName", "u.last_folded", Kind::folded},
                                                    {"created", "u.created", Kind::time},
                                                    {"activated", "u.activated", Kind::time},
                                                    {"statusChanged", "u.status_changed", Kind::time},
                                                    {"lastUpdated", "u.updated", Kind::time}}};

class Compiler {
 public:
  Compiler(std::string_view text, std::size_t first_param) : text_(text), next_param_(first_param) {}

  Result<Condition> compile() {
    GH_TRY(auto sql, any_of(0));
    skip_spaces();
    if (at_ < text_.size()) return fault("expected the end");
    return Condition{std::move(sql), std::move(params_)};
  }

 private:
  std::unexpected<Error> fault(std::string_view what) const {
    return failure(Fault::invalid, fmt::format("filter: {} at byte {}", what, at_));
  }

  Result<std::string> any_of(std::size_t depth) {
    GH_TRY(auto sql, all_of(depth));
    while (take_word("or")) {
      GH_TRY(auto right, all_of(depth));
      sql += " or " + right;
    }
    return sql;
  }

  Result<std::string> all_of(std::size_t depth) {
    GH_TRY(auto sql, one(depth));
    while (take_word("and")) {
      GH_TRY(auto right, one(depth));
      sql += " and " + right;
    }
    return sql;
  }

  Result<std::string> one(std::size_t depth) {
    if (depth > kFilterDepthMax) return fault("too deep");
    const bool negated = take_word("not");
    skip_spaces();
    if (at_ < text_.size() && text_[at_] == '(') {
      ++at_;
      GH_TRY(auto inner, any_of(depth + 1));
      skip_spaces();
      if (at_ == text_.size() || text_[at_] != ')') return fault("expected ')'");
      ++at_;
      return (negated ? "not (" : "(") + inner + ")";
    }
    if (negated) return fault("expected '(' after 'not'");
    return comparison();
  }

  Result<std::string> comparison() {
    if (++comparisons_ > kFilterComparisonsMax) return fault("too many comparisons");
    const auto name = word();
    const auto* attribute = std::ranges::find(kAttributes, name, &Attribute::name);
    if (attribute == kAttributes.end()) return fault(name.empty() ? "expected an attribute" : "unknown attribute before this");
    const auto op = to_lower(word());
    if (op == "pr") return fmt::format("{0} is not null{1}", attribute->column, attribute->kind == Kind::folded ? fmt::format(" and {} <> ''", attribute->column) : "");
    GH_TRY(auto value, quoted());
    switch (attribute->kind) {
      case Kind::exact: return exact(*attribute, op, std::move(value));
      case Kind::folded: return folded(*attribute, op, value);
      case Kind::time: return time(*attribute, op, value);
    }
    return fault("unknown attribute");
  }

  Result<std::string> exact(const Attribute& attribute, std::string_view op, std::string value) {
    if (op != "eq") return fault("only 'eq' is known for this attribute,");
    return fmt::format("{} = {}", attribute.column, param(std::move(value)));
  }

  Result<std::string> folded(const Attribute& attribute, std::string_view op, std::string_view value) {
    auto text = fold(value);
    if (op == "eq") return fmt::format("{} = {}", attribute.column, param(std::move(text)));
    if (op != "sw" && op != "co") return fault("only 'eq', 'sw', 'co' and 'pr' are known for this attribute,");
    std::string pattern = op == "co" ? "%" : "";
    for (const char c : text) {
      if (c == '%' || c == '_' || c == '\\') pattern += '\\';
      pattern += c;
    }
    pattern += '%';
    return fmt::format("{} like {} escape '\\'", attribute.column, param(std::move(pattern)));
  }

  Result<std::string> time(const Attribute& attribute, std::string_view op, std::string_view value) {
    static constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kOperators = {
        {{"eq", "="}, {"gt", ">"}, {"ge", ">="}, {"lt", "<"}, {"le", "<="}}};
    const auto* found = std::ranges::find(kOperators, op, &std::pair<std::string_view, std::string_view>::first);
    if (found == kOperators.end()) return fault("only 'eq', 'gt', 'ge', 'lt', 'le' and 'pr' are known for a time,");
    const auto when = from_iso8601(value);
    if (!when) return fault("not a time like 2026-11-21T09:30:00.000Z before this");
    return fmt::format("{} {} {}", attribute.column, found->second, param(*when));
  }

  std::string param(store::Param value) {
    params_.push_back(std::move(value));
    return fmt::format("${}", next_param_++);
  }

  void skip_spaces() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
  }

  std::string_view word() {
    skip_spaces();
    const auto begin = at_;
    while (at_ < text_.size() && (is_alnum(text_[at_]) || text_[at_] == '.' || text_[at_] == '_')) ++at_;
    return text_.substr(begin, at_ - begin);
  }

  bool take_word(std::string_view wanted) {
    const auto begin = at_;
    if (equal_ignoring_case(word(), wanted)) return true;
    at_ = begin;
    return false;
  }

  // A JSON string, so that a quote can be written.
  Result<std::string> quoted() {
    skip_spaces();
    if (at_ == text_.size() || text_[at_] != '"') return fault("expected a value in double quotes");
    auto end = at_ + 1;
    while (end < text_.size() && text_[end] != '"') end += text_[end] == '\\' ? 2 : 1;
    if (end >= text_.size()) return fault("the value has no closing quote, begun");
    auto value = parse_json(text_.substr(at_, end + 1 - at_));
    if (!value || !value->is_string() || !is_utf8(value->get_string())) return fault("bad text in quotes");
    at_ = end + 1;
    return std::string(value->get_string());
  }

  std::string_view text_;
  std::size_t at_ = 0, next_param_, comparisons_ = 0;
  std::vector<store::Param> params_;
};

}  // namespace

Result<Condition> compile_user_filter(std::string_view text, std::size_t first_param) {
  if (text.size() > kFilterBytesMax) return failure(Fault::invalid, "filter: too long");
  return Compiler(text, first_param).compile();
}

}  // namespace gatehouse::directory
