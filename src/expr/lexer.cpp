#include "expr/lexer.h"

#include <fmt/format.h>

#include "core/text.h"

namespace gatehouse::expr {
namespace {

// Longest first.
constexpr std::string_view kSymbols[] = {".![", ".?[", "?:", "?.", "==", "!=", "<=", ">=", "&&", "||",
                                         "(",   ")",   "{",  "}",  "[",  "]",  ",",  ".",  ":",  "?",
                                         "!",   "+",   "-",  "*",  "/",  "%",  "<",  ">"};

bool starts_name(char c) { return is_alpha(c) || c == '_' || c == '$'; }

std::string hint_for(std::string_view rest) {
  const char c = rest.front();
  if (c == '=') return "assignment is not part of the language; compare with ==";
  if (c == '&') return "write && or AND";
  if (c == '|') return "write || or OR";
  if (c == '@' || c == '#') return fmt::format("bean and variable references ({}…) are not part of the language", c);
  if (c == ';') return "one expression has no statements; remove the ';'";
  if (c == '^' || c == '~') return fmt::format("the operator '{}' is not part of the language", c);
  if (rest.starts_with("\xE2\x80\x98") || rest.starts_with("\xE2\x80\x99") || rest.starts_with("\xE2\x80\x9C") ||
      rest.starts_with("\xE2\x80\x9D"))
    return "this is a typographic quote; use ' or \"";
  return "this character cannot stand here; put text in quotes";
}

}  // namespace

bool Token::is_word(std::string_view lower) const { return kind == Kind::name && equal_ignoring_case(text, lower); }

Result<Token> Lexer::next() {
  while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r'))
    ++at_;
  if (at_ >= text_.size()) return Token{Kind::end, {}, at_};
  const char c = text_[at_];
  if (c == '\'' || c == '"') return string(c);
  if (is_digit(c)) return number();
  if (starts_name(c) || text_.substr(at_, 5) == "#this") {
    const auto start = at_++;
    while (at_ < text_.size() && (starts_name(text_[at_]) || is_digit(text_[at_]))) ++at_;
    return Token{Kind::name, std::string(text_.substr(start, at_ - start)), start};
  }
  for (const auto symbol : kSymbols) {
    if (!text_.substr(at_).starts_with(symbol)) continue;
    at_ += symbol.size();
    return Token{Kind::symbol, std::string(symbol), at_ - symbol.size()};
  }
  return failure(Fault::invalid, hint_for(text_.substr(at_)));
}

// SpEL: a quote within is doubled; a backslash is a backslash (Okta's samples have "XDOMAIN\" and \d in patterns).
Result<Token> Lexer::string(char quote) {
  Token token{Kind::string, {}, at_};
  for (std::size_t i = at_ + 1; i < text_.size(); ++i) {
    if (text_[i] != quote) {
      token.text += text_[i];
    } else if (i + 1 < text_.size() && text_[i + 1] == quote) {
      token.text += text_[i++];
    } else {
      at_ = i + 1;
      return token;
    }
  }
  return failure(
      Fault::invalid,
      fmt::format("this string is not closed; end it with {}, and write a {} within it twice", quote, quote));
}

Token Lexer::number() {
  const auto start = at_;
  auto kind = Kind::integer;
  while (at_ < text_.size() && is_digit(text_[at_])) ++at_;
  if (at_ + 1 < text_.size() && text_[at_] == '.' && is_digit(text_[at_ + 1])) {
    kind = Kind::real;
    for (++at_; at_ < text_.size() && is_digit(text_[at_]);) ++at_;
  }
  return Token{kind, std::string(text_.substr(start, at_ - start)), start};
}

Position position_of(std::string_view text, std::size_t offset) {
  Position at;
  at.offset = std::min(offset, text.size());
  for (std::size_t i = 0; i < at.offset; ++i) {
    if (text[i] == '\n') {
      ++at.line;
      at.column = 1;
    } else if ((static_cast<unsigned char>(text[i]) & 0xC0) != 0x80) {
      ++at.column;
    }
  }
  return at;
}

}  // namespace gatehouse::expr
