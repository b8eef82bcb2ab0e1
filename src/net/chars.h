// Classes of characters in HTTP/1 and URIs, as one table look-up. For the parsers of this room alone.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace gatehouse::net::chars {

enum Class : std::uint8_t {
  token = 1,      // RFC 9110 §5.6.2 tchar
  plain = 2,      // stands in a canonical path as it is: pchar without '%' and ';' (those need a look)
  unreserved = 4, // RFC 3986 §2.3
  printable = 8,  // 0x21..0x7e
  cookie = 16,    // RFC 6265 §4.1.1 cookie-octet
  host = 32,      // letters, digits, '-', '.', '_'
};

consteval std::array<std::uint8_t, 256> make_table() {
  std::array<std::uint8_t, 256> table{};
  auto mark = [&table](std::string_view set, std::uint8_t bit) {
    for (const char c : set) table[static_cast<unsigned char>(c)] |= bit;
  };
  constexpr std::string_view kAlnum = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
  mark(kAlnum, token | plain | unreserved | host);
  mark("!#$%&'*+-.^_`|~", token);
  mark("-._~", unreserved | plain);
  mark("-._", host);
  mark("!$&'()*+,=:@", plain);
  for (unsigned c = 0x21; c < 0x7f; ++c) table[c] |= printable | cookie;
  for (const char c : std::string_view("\",;\\")) table[static_cast<unsigned char>(c)] &= static_cast<std::uint8_t>(~cookie);
  return table;
}
inline constexpr auto kTable = make_table();

constexpr bool is(char c, std::uint8_t classes) { return (kTable[static_cast<unsigned char>(c)] & classes) != 0; }

constexpr bool all(std::string_view text, std::uint8_t classes) {
  for (const char c : text)
    if (!is(c, classes)) return false;
  return true;
}

constexpr int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// Does a word of eight bytes hold a byte below space, or DEL? A tab counts: look closer then.
inline bool word_may_have_control(const char* at) {
  constexpr std::uint64_t kOnes = 0x0101010101010101, kHigh = 0x8080808080808080;
  std::uint64_t word = 0;
  std::memcpy(&word, at, sizeof word);
  const auto below_space = (word - kOnes * 0x20) & ~word & kHigh;
  const auto del = word ^ (kOnes * 0x7f);
  return (below_space | ((del - kOnes) & ~del & kHigh)) != 0;
}

// Controls other than HTAB. Eight bytes at a time, the last ones together with some before them: values are long and nearly
// always clean.
inline bool has_control(std::string_view text) {
  std::size_t i = 0;
  if (text.size() >= 8) {
    const auto last = text.size() - 8;
    while (i < last && !word_may_have_control(text.data() + i)) i += 8;
    if (i >= last && !word_may_have_control(text.data() + last)) return false;
  }
  for (; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if ((c < 0x20 && c != '\t') || c == 0x7f) return true;
  }
  return false;
}

}  // namespace gatehouse::net::chars
