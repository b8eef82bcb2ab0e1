// application/x-www-form-urlencoded and cookies: bytes <-> values.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/error.h"

namespace gatehouse::net {

inline constexpr std::size_t kFormFieldsMax = 200;

// A decoded form or query. Values are valid UTF-8 without NUL.
class Form {
 public:
  static Result<Form> parse(std::string_view text);  // '+' is a space; bad escapes and invalid UTF-8 are faults
  void add(std::string name, std::string value) { fields_.emplace_back(std::move(name), std::move(value)); }

  std::optional<std::string> get(std::string_view name) const;   // first value; nullopt if absent
  // Faults when the name stands there twice (RFC 6749 §3.1: parameters MUST NOT be included more than once).
  Result<std::optional<std::string>> only(std::string_view name) const;
  std::vector<std::string> all(std::string_view name) const;
  bool empty() const { return fields_.empty(); }
  const std::vector<std::pair<std::string, std::string>>& fields() const { return fields_; }
  std::string encode() const;

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

struct CookieOptions {
  bool secure = true, http_only = true;
  enum class SameSite { lax, strict, none } same_site = SameSite::lax;
  std::optional<std::int64_t> max_age_seconds;   // absent: until the browser closes; 0: delete
  std::string path = "/";
};
// A Set-Cookie value. The value must be cookie-octets (base64url is).
std::string set_cookie(std::string_view name, std::string_view value, const CookieOptions& options);
// Calls for "a=b; c=d"; names with no '=' are skipped.
std::vector<std::pair<std::string_view, std::string_view>> parse_cookies(std::string_view header);

}  // namespace gatehouse::net
