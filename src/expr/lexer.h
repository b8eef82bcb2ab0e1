// Text to words. Each word knows where it stands.
#pragma once

#include <string>
#include <string_view>

#include "core/error.h"
#include "expr/expression.h"

namespace gatehouse::expr {

enum class Kind { end, name, string, integer, real, symbol };

struct Token {
  Kind kind = Kind::end;
  std::string text;  // of a string: without quotes
  std::size_t offset = 0;

  bool is(std::string_view symbol) const { return kind == Kind::symbol && text == symbol; }
  // SpEL's operators in letters are known in any case: AND, or, Not.
  bool is_word(std::string_view lower) const;
};

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}
  Result<Token> next();  // after a fault offset() is where
  std::size_t offset() const { return at_; }

 private:
  Result<Token> string(char quote);
  Token number();
  std::string_view text_;
  std::size_t at_ = 0;
};

Position position_of(std::string_view text, std::size_t offset);

}  // namespace gatehouse::expr
