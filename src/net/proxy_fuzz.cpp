// PROXY headers of any shape: no crash, never a byte beyond what was given, and the verdict does not depend on how the bytes
// arrive.
#include <cstdlib>

#include "net/network.h"
#include "net/proxy_protocol.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gatehouse::net;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto whole = parse_proxy_header(bytes);
  if (whole && *whole) {
    if ((*whole)->bytes > size || (*whole)->bytes > 16 + kProxyHeaderMax) std::abort();
    if ((*whole)->client && !parse_ip((*whole)->client->ip)) std::abort();
  }
  for (std::size_t part = 0; part < size; ++part) {
    const auto early = parse_proxy_header(bytes.substr(0, part));
    if (early && !*early) continue;                                   // more is needed: fine
    if (early.has_value() != whole.has_value()) std::abort();         // a verdict that the rest changed
    if (early && (*early)->bytes != (*whole)->bytes) std::abort();
    break;
  }
  return 0;
}
