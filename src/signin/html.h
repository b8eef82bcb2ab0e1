// HTML by type: a text is escaped when it enters, and only what the compiler saw as a literal goes in as it stands.
//   Html::of("<p class=\"who\">{}</p>", {user.profile.login})
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "core/text.h"

namespace gatehouse::signin {

// A literal of our own source.
class Markup {
 public:
  template <std::size_t N>
  consteval Markup(const char (&literal)[N]) : text_(literal, N - 1) {}
  constexpr std::string_view view() const { return text_; }

 private:
  std::string_view text_;
};

class Html {
 public:
  class Piece;

  Html() = default;
  // Each "{}" of the pattern takes the next piece. Pieces fit element content and quoted attributes, nothing else.
  static Html of(Markup pattern, std::initializer_list<Piece> pieces = {});
  static Html text(std::string_view text) { return Html(html_escape(text)); }
  Html& operator+=(const Html& more) {
    text_ += more.text_;
    return *this;
  }
  const std::string& str() const { return text_; }

 private:
  explicit Html(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

class Html::Piece {
 public:
  Piece(const Html& safe) : text_(safe.str()) {}
  Piece(std::string_view text) : text_(html_escape(text)) {}
  Piece(const std::string& text) : text_(html_escape(text)) {}
  Piece(const char* text) : text_(html_escape(text)) {}
  const std::string& str() const { return text_; }

 private:
  std::string text_;
};

}  // namespace gatehouse::signin
