// Which addresses are public: the IANA special-purpose registries (RFC 6890 and its updates), read from the safe side.
#include <algorithm>
#include <array>
#include <boost/asio/ip/address.hpp>
#include <span>

#include "core/text.h"
#include "net/client.h"

namespace gatehouse::net {

namespace {

namespace ip = boost::asio::ip;

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

using Bytes16 = std::array<std::uint8_t, 16>;

bool begins_with(const Bytes16& address, std::initializer_list<std::uint8_t> prefix) {
  return std::equal(prefix.begin(), prefix.end(), address.begin());
}
std::uint32_t embedded(const Bytes16& address, std::size_t at) {
  return v4(address[at], address[at + 1], address[at + 2], address[at + 3]);
}

// Only 2000::/3 is handed out for the public (RFC 4291 §2.4, IANA); in it and beside it some ranges lead elsewhere.
bool is_public(const Bytes16& a) {
  if (begins_with(a, {0x00, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0})) return is_public(embedded(a, 12));  // NAT64, RFC 6052
  if ((a[0] & 0xe0) != 0x20) return false;   // ::, ::1, v4-compatible, ULA, fe80::, fec0::, multicast, 64:ff9b:1::, 100:: …
  if (begins_with(a, {0x20, 0x01}) && a[2] < 2) return false;               // 2001::/23: Teredo, ORCHID, benchmarks …
  if (begins_with(a, {0x20, 0x01, 0x0d, 0xb8})) return false;               // documentation
  if (begins_with(a, {0x3f, 0xff}) && a[2] < 0x10) return false;            // documentation, RFC 9637
  if (begins_with(a, {0x20, 0x02})) return is_public(embedded(a, 2));       // 6to4
  if ((a[8] & 0xfd) == 0 && a[9] == 0 && a[10] == 0x5e && a[11] == 0xfe) return is_public(embedded(a, 12));  // ISATAP, RFC 5214
  return true;
}

// 4 or 16 bytes; IPv4-mapped is IPv4. Nothing when it is no address or carries a zone.
std::string raw_bytes(std::string_view text) {
  boost::system::error_code wrong;
  auto address = ip::make_address(std::string(text), wrong);
  if (wrong || text.contains('%')) return {};
  if (address.is_v6() && address.to_v6().is_v4_mapped()) address = ip::make_address_v4(ip::v4_mapped, address.to_v6());
  if (address.is_v4()) {
    const auto bytes = address.to_v4().to_bytes();
    return std::string(bytes.begin(), bytes.end());
  }
  const auto bytes = address.to_v6().to_bytes();
  return std::string(bytes.begin(), bytes.end());
}

bool is_public(std::string_view raw) {
  if (raw.size() == 4) {
    const auto at = [raw](std::size_t i) { return static_cast<std::uint8_t>(raw[i]); };
    return is_public(v4(at(0), at(1), at(2), at(3)));
  }
  Bytes16 bytes{};
  if (raw.size() != bytes.size()) return false;
  std::ranges::copy(raw, bytes.begin());
  return is_public(bytes);
}

bool same_prefix(std::string_view a, std::string_view b, int bits) {
  if (a.size() != b.size()) return false;
  const auto whole = static_cast<std::size_t>(bits / 8);
  if (a.substr(0, whole) != b.substr(0, whole)) return false;
  const int rest = bits % 8;
  if (rest == 0) return true;
  return ((static_cast<unsigned>(a[whole]) ^ static_cast<unsigned>(b[whole])) & 0xffU) >> (8 - rest) == 0;
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
  const auto wrong = [cidr] { return failure(Fault::invalid, "not a network like 10.0.0.0/8 or fd00::/8: " + std::string(cidr)); };
  const auto slash = cidr.find('/');
  const auto raw = raw_bytes(cidr.substr(0, slash));
  if (raw.empty() || (raw.size() == 4 && cidr.contains(':'))) return wrong();   // a prefix length of ::ffff:… would be ambiguous
  const auto full = static_cast<std::int64_t>(raw.size() * 8);
  std::int64_t bits = full;
  if (slash != std::string_view::npos) {
    const auto given = parse_int(cidr.substr(slash + 1));
    if (!given || *given < 0 || *given > full) return wrong();
    bits = *given;
  }
  networks_.emplace_back(raw, static_cast<int>(bits));
  return {};
}

Result<void> PeerRules::check(std::string_view host, std::uint16_t port, std::string_view ip) const {
  const auto raw = raw_bytes(ip);
  if (raw.empty()) return failure(Fault::denied, host_key(host, port) + ": not an IP address: " + std::string(ip));
  if (anyone_ || is_public(std::string_view(raw)) || hosts_.contains(host_key(host, port))) return {};
  for (const auto& [network, bits] : networks_)
    if (same_prefix(raw, network, bits)) return {};
  return failure(Fault::denied, host_key(host, port) + " is at " + std::string(ip) +
                                    ", which is not a public address; an administrator can allow the host or its network");
}

}  // namespace gatehouse::net
