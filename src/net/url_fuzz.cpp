// Whatever is read as a URL is read as the same URL again, and carries nothing that could split a request head.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "net/url.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto url = gatehouse::net::Url::parse({reinterpret_cast<const char*>(data), size});
  if (!url) return 0;
  const auto text = url->str();
  const auto again = gatehouse::net::Url::parse(text);
  if (!again || again->str() != text || again->host != url->host || again->port != url->port) std::abort();
  for (const char c : text)
    if (c <= ' ' || c == 0x7f) std::abort();
  if (url->host.empty() || url->port == 0 || !url->path.starts_with('/')) std::abort();
  return 0;
}
