#include "signin/html.h"

#include <stdexcept>

namespace gatehouse::signin {

Html Html::of(Markup pattern, std::initializer_list<Piece> pieces) {
  if (pieces.size() == 0) return Html(std::string(pattern.view()));
  std::string out;
  auto rest = pattern.view();
  for (const auto& piece : pieces) {
    const auto hole = rest.find("{}");
    if (hole == std::string_view::npos) throw std::logic_error("html: more pieces than holes");
    out += rest.substr(0, hole);
    out += piece.str();
    rest.remove_prefix(hole + 2);
  }
  if (rest.contains("{}")) throw std::logic_error("html: a hole without a piece");
  return Html(out += rest);
}

}  // namespace gatehouse::signin
