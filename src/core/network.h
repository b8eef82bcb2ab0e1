// Numeric addresses and networks, as values. Knows nothing of sockets and names.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"

namespace gatehouse {

// 16 bytes, IPv4 as IPv4-mapped, so that one comparison does for both.
using IpBytes = std::array<unsigned char, 16>;
std::optional<IpBytes> parse_ip(std::string_view text);
std::string ip_text(const IpBytes& ip);  // IPv4-mapped as IPv4

class Networks {
 public:
  static Result<Networks> parse(const std::vector<std::string>& texts);  // "10.0.0.0/8", "::1"
  bool contains(const IpBytes& ip) const;
  bool empty() const { return networks_.empty(); }

 private:
  struct Network {
    IpBytes ip{};
    int bits = 128;
  };
  std::vector<Network> networks_;
};

}  // namespace gatehouse
