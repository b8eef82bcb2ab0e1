#include "core/network.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "core/text.h"

namespace gatehouse {
namespace {
constexpr IpBytes kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0};
constexpr std::size_t kMappedPrefix = 12;
}  // namespace

std::optional<IpBytes> parse_ip(std::string_view text) {
  std::array<char, INET6_ADDRSTRLEN> copy{};
  if (text.empty() || text.size() >= copy.size()) return std::nullopt;
  std::ranges::copy(text, copy.begin());
  auto ip = kMapped;
  if (::inet_pton(AF_INET, copy.data(), ip.data() + kMappedPrefix) == 1) return ip;
  if (::inet_pton(AF_INET6, copy.data(), ip.data()) == 1) return ip;
  return std::nullopt;
}

std::string ip_text(const IpBytes& ip) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const bool v4 = std::memcmp(ip.data(), kMapped.data(), kMappedPrefix) == 0;
  return ::inet_ntop(v4 ? AF_INET : AF_INET6, ip.data() + (v4 ? kMappedPrefix : 0), text.data(), text.size());
}

Result<Networks> Networks::parse(const std::vector<std::string>& texts) {
  Networks networks;
  for (const auto& text : texts) {
    const auto slash = text.find('/');
    const auto address = std::string_view(text).substr(0, slash);
    const auto ip = parse_ip(address);
    const int room = address.find(':') == std::string_view::npos ? 32 : 128;
    const auto bits = slash == std::string::npos ? std::optional<std::int64_t>(room) : parse_int(std::string_view(text).substr(slash + 1));
    if (!ip || !bits || *bits < 0 || *bits > room)
      return failure(Fault::invalid, fmt::format("'{}' is not a network; write one like 10.0.0.0/8 or ::1", text));
    networks.networks_.push_back({.ip = *ip, .bits = static_cast<int>(*bits) + 128 - room});
  }
  return networks;
}

bool Networks::contains(const IpBytes& ip) const {
  return std::ranges::any_of(networks_, [&ip](const Network& network) {
    const auto whole = static_cast<std::size_t>(network.bits / 8);
    if (std::memcmp(ip.data(), network.ip.data(), whole) != 0) return false;
    const int rest = network.bits % 8;
    return rest == 0 || (ip[whole] ^ network.ip[whole]) >> (8 - rest) == 0;
  });
}

}  // namespace gatehouse
