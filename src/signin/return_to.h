// Where a browser may go after signing in or out: a path of this org and nowhere else. Whoever holds a ReturnTo need
// not check it again: it cannot leave the host.
#pragma once

#include <string>
#include <string_view>

#include "core/error.h"

namespace gatehouse::signin {

inline constexpr std::size_t kReturnToMax = 4096;

class ReturnTo {
 public:
  // "/path?query" that our own edge would accept. Refused: another host in any spelling ("//x", "/\x", "http:…"),
  // dot segments, encoded slashes, controls, white space, fragments.
  static Result<ReturnTo> parse(std::string_view text);
  static ReturnTo home() { return ReturnTo("/"); }
  const std::string& str() const { return text_; }
  friend bool operator==(const ReturnTo&, const ReturnTo&) = default;

 private:
  explicit ReturnTo(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

}  // namespace gatehouse::signin
