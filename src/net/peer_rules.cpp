// Which addresses are public: the IANA special-purpose registries (RFC 6890 and its updates), read from the safe side.
#include <algorithm>

#include "core/text.h"
#include "net/client.h"
#include "net/network.h"

namespace gatehouse::net {

namespace {

struct V4Network {
  std::uint32_t address;
  int bits;
};
constexpr std::uint32_t v4(std::uint32_t a, std::uint32_t b, std::uint32_t c, std::uint32_t d) {
  return a << 24 | b << 16 | c << 8 | d;
}

constexpr V4Network kNotPublic4[] = {
    {v4(0, 0, 0, 0), 8},        // "this network"; Linux connects 0.0.0.0 to itself
    {v4(10, 0, 0, 0), 8},       // RFC 1918
    {v4(100, 64, 0, 0), 10},    // carrier NAT, RFC 6598; some clouds' metadata
    {v4(127, 0, 0, 0), 8},      // loopback
    {v4(168, 63, 129, 16), 32}, // looks public, but is the host agent of every Azure machine
    {v4(169, 254, 0, 0), 16},   // link-local; metadata of most clouds
    {v4(172, 16, 0, 0), 12},    // RFC 1918
    {v4(192, 0, 0, 0), 24},     // protocol assignments
    {v4(192, 0, 2, 0), 24},     // documentation
    {v4(192, 88, 99, 0), 24},   // 6to4 relays, RFC 7526
    {v4(192, 168, 0, 0), 16},   // RFC 1918
    {v4(198, 18, 0, 0), 15},    // benchmarks
    {v4(198, 51, 100, 0), 24},  // documentation
    {v4(203, 0, 113, 0), 24},   // documentation
    {v4(224, 0, 0, 0), 4},      // multicast
    {v4(240, 0, 0, 0), 4},      // reserved, and broadcast
};

bool is_public(std::uint32_t address) {
  return std::ranges::none_of(kNotPublic4, [address](const V4Network& net) {
    return (address ^ net.address) >> (32 - net.bits) == 0;
  });
}

bool begins_with(const IpBytes& address, std::initializer_list<std::uint8_t> prefix) {
  return std::equal(prefix.begin(), prefix.end(), address.begin());
}
std::uint32_t embedded(const IpBytes& address, std::size_t at) {
  return v4(address[at], address[at + 1], address[at + 2], address[at + 3]);
}

// Only 2000::/3 is handed out for the public (RFC 4291 §2.4, IANA); in it and beside it some ranges lead elsewhere.
bool is_public(const IpBytes& a) {
  if (begins_with(a, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff})) return is_public(embedded(a, 12));        // IPv4
  if (begins_with(a, {0x00, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0})) return is_public(embedded(a, 12));  // NAT64, RFC 6052
  if ((a[0] & 0xe0) != 0x20) return false;   // ::, ::1, v4-compatible, ULA, fe80::, fec0::, multicast, 64:ff9b:1::, 100:: …
  if (begins_with(a, {0x20, 0x01}) && a[2] < 2) return false;               // 2001::/23: Teredo, ORCHID, benchmarks …
  if (begins_with(a, {0x20, 0x01, 0x0d, 0xb8})) return false;               // documentation
  if (begins_with(a, {0x3f, 0xff}) && a[2] < 0x10) return false;            // documentation, RFC 9637
  if (begins_with(a, {0x20, 0x02})) return is_public(embedded(a, 2));       // 6to4
  if ((a[8] & 0xfd) == 0 && a[9] == 0 && a[10] == 0x5e && a[11] == 0xfe) return is_public(embedded(a, 12));  // ISATAP, RFC 5214
  return true;
}

std::string host_key(std::string_view host, std::uint16_t port) {
  const bool bare_v6 = host.contains(':') && !host.starts_with('[');
  return (bare_v6 ? "[" + std::string(host) + "]" : to_lower(host)) + ":" + std::to_string(port);
}

}  // namespace

PeerRules PeerRules::public_only() { return PeerRules(); }

PeerRules PeerRules::anyone() {
  PeerRules rules;
  rules.anyone_ = true;
  return rules;
}

PeerRules& PeerRules::allow_host(std::string host_and_port) {
  hosts_.insert(to_lower(host_and_port));
  return *this;
}

Result<void> PeerRules::allow_network(std::string_view cidr) {
  GH_TRY(auto network, Networks::parse({std::string(cidr)}));
  networks_.push_back(std::move(network));
  return {};
}

Result<void> PeerRules::check(std::string_view host, std::uint16_t port, std::string_view ip) const {
  const auto address = parse_ip(ip);
  if (!address) return failure(Fault::denied, host_key(host, port) + ": not an IP address: " + std::string(ip));
  if (anyone_ || is_public(*address) || hosts_.contains(host_key(host, port))) return {};
  for (const auto& network : networks_)
    if (network.contains(*address)) return {};
  return failure(Fault::denied, host_key(host, port) + " is at " + std::string(ip) +
                                    ", which is not a public address; an administrator can allow the host or its network");
}

}  // namespace gatehouse::net
