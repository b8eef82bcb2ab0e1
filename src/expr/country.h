// ISO 3166-1: the countries and their codes. Data, no decisions.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace gatehouse::expr {

struct Country {
  std::string_view alpha2, alpha3;
  std::uint16_t numeric;
  std::string_view name;  // short name in English
  std::string_view also;  // common or official name, or empty
};

std::span<const Country> countries();  // by alpha2
// Alpha-2, alpha-3, number ("4" and "004") or name, in any case; nullptr if there is none.
const Country* find_country(std::string_view text);
std::string numeric_text(const Country& country);  // three digits

}  // namespace gatehouse::expr
