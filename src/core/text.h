// Small questions about text. ASCII only and without locale: protocols are written in ASCII.
#pragma once

#include <optional>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"

namespace gatehouse {

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_alpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
constexpr bool is_alnum(char c) { return is_digit(c) || is_alpha(c); }
constexpr char to_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

std::string to_lower(std::string_view text);
bool equal_ignoring_case(std::string_view a, std::string_view b);
// Without spaces and tabs around it.
constexpr std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}
// Splits at every separator; empty parts are kept. split("", ',') is {""}.
std::vector<std::string_view> split(std::string_view text, char separator);
// Words between spaces, none of them empty: an OAuth scope list.
std::vector<std::string> split_words(std::string_view text);
std::string join(const std::vector<std::string>& parts, std::string_view separator);

// Whole text, no sign unless negative, no overflow.
std::optional<std::int64_t> parse_int(std::string_view text);

// True if the text is valid UTF-8 without NUL.
bool is_utf8(std::string_view text);
// & < > " ' as entities: safe in element content and in quoted attributes.
std::string html_escape(std::string_view text);

// Everything but RFC 3986 unreserved characters becomes %XX.
std::string percent_encode(std::string_view text);
// %XX decoded; '%' without two hex digits is a fault.
Result<std::string> percent_decode(std::string_view text);

}  // namespace gatehouse
