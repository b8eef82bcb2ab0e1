// Cookies: looking one up and listing them agree, and values stay inside the header.
#include <algorithm>
#include <cstdlib>

#include "net/form.h"
#include "net/message.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gatehouse::net;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  Request request;
  request.fields.add({.name = "Cookie", .value = text, .id = Header::cookie});
  const auto cookies = parse_cookies(text);
  for (const auto& [name, value] : cookies) {
    if (value.find(';') != std::string_view::npos || name.find('=') != std::string_view::npos) std::abort();
    const auto same = std::ranges::count(cookies, name, [](const auto& cookie) { return cookie.first; });
    const auto found = request.cookie(name);
    if (found.has_value() != (same == 1) || (found && *found != value)) std::abort();
  }
  return 0;
}
