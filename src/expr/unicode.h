// Letters of all scripts in upper and lower case, and texts counted in characters (code points).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace gatehouse::expr {

// Simple case mapping of Unicode: one character becomes one character, without locale ("ß" stays).
std::string to_upper(std::string_view utf8);
std::string to_lower_unicode(std::string_view utf8);

std::size_t length(std::string_view utf8);
// From character `from` up to and without character `to`; both are cut to the text.
std::string_view slice(std::string_view utf8, std::size_t from, std::size_t to);

}  // namespace gatehouse::expr
