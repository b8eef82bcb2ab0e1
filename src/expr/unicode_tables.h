// Data of unicode.cpp: every step-th character from first to last maps to itself plus add.
#pragma once

#include <cstdint>
#include <span>

namespace gatehouse::expr {

struct CaseRange {
  char32_t first, last;
  std::uint32_t step;
  std::int32_t add;
};
std::span<const CaseRange> upper_table();
std::span<const CaseRange> lower_table();

}  // namespace gatehouse::expr
