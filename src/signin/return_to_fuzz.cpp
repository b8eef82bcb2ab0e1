// What is accepted as a place to return to cannot leave the host and cannot break a header or an attribute.
#include <cstdint>
#include <cstdlib>

#include "signin/return_to.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto place = gatehouse::signin::ReturnTo::parse(text);
  if (!place) return 0;
  const auto& path = place->str();
  if (path.empty() || path[0] != '/' || path.starts_with("//") || path.starts_with("/\\")) std::abort();
  for (const char c : path)
    if (c <= 0x20 || c >= 0x7f || c == '\\' || c == '"' || c == '<' || c == '>') std::abort();
  return 0;
}
