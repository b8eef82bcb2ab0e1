#include "expr/unicode.h"

#include <algorithm>
#include <cstdint>
#include <span>

#include "expr/unicode_tables.h"

namespace gatehouse::expr {
namespace {

bool continues(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

char32_t mapped(char32_t c, std::span<const CaseRange> table) {
  const auto after =
      std::upper_bound(table.begin(), table.end(), c, [](char32_t x, const CaseRange& row) { return x < row.first; });
  if (after == table.begin()) return c;
  const auto& row = *std::prev(after);
  return c <= row.last && (c - row.first) % row.step == 0
             ? static_cast<char32_t>(static_cast<std::int64_t>(c) + row.add)
             : c;
}

void append_utf8(std::string& out, char32_t c) {
  const auto put = [&](std::uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (c < 0x80) return put(c);
  if (c < 0x800) return put(0xC0 | c >> 6), put(0x80 | (c & 0x3F));
  if (c < 0x10000) return put(0xE0 | c >> 12), put(0x80 | (c >> 6 & 0x3F)), put(0x80 | (c & 0x3F));
  return put(0xF0 | c >> 18), put(0x80 | (c >> 12 & 0x3F)), put(0x80 | (c >> 6 & 0x3F)), put(0x80 | (c & 0x3F));
}

std::string map_all(std::string_view utf8, std::span<const CaseRange> table) {
  std::string out;
  out.reserve(utf8.size());
  for (std::size_t i = 0; i < utf8.size();) {
    const auto lead = static_cast<unsigned char>(utf8[i++]);
    if (lead < 0x80) {
      append_utf8(out, mapped(lead, table));
      continue;
    }
    char32_t c = lead >= 0xF0 ? lead & 0x07u : lead >= 0xE0 ? lead & 0x0Fu : lead & 0x1Fu;
    while (i < utf8.size() && continues(utf8[i])) c = c << 6 | (static_cast<unsigned char>(utf8[i++]) & 0x3Fu);
    append_utf8(out, mapped(c, table));
  }
  return out;
}

}  // namespace

std::string to_upper(std::string_view utf8) { return map_all(utf8, upper_table()); }
std::string to_lower_unicode(std::string_view utf8) { return map_all(utf8, lower_table()); }

std::size_t length(std::string_view utf8) {
  return static_cast<std::size_t>(std::count_if(utf8.begin(), utf8.end(), [](char c) { return !continues(c); }));
}

std::string_view slice(std::string_view utf8, std::size_t from, std::size_t to) {
  if (from >= to) return {};
  std::size_t seen = 0, start = utf8.size(), end = utf8.size();
  for (std::size_t i = 0; i < utf8.size(); ++i) {
    if (continues(utf8[i])) continue;
    if (seen == from) start = i;
    if (seen == to) {
      end = i;
      break;
    }
    ++seen;
  }
  return start >= end ? std::string_view() : utf8.substr(start, end - start);
}

}  // namespace gatehouse::expr
