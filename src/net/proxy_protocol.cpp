#include "net/proxy_protocol.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "core/text.h"
#include "net/network.h"

namespace gatehouse::net {
namespace {

using Parsed = std::expected<std::optional<ProxyHeader>, Refusal>;
constexpr std::string_view kSignature1 = "PROXY ", kSignature2{"\r\n\r\n\0\r\nQUIT\n", 12};
constexpr std::size_t kFixed2 = 16;
constexpr std::size_t kPartsMax = 6;

std::unexpected<Refusal> refuse(std::string_view why) { return std::unexpected(Refusal{.status = 400, .why = why}); }

// A port as §2.1 writes it: digits without leading zeros.
std::optional<std::uint16_t> port_of(std::string_view text) {
  if (text.empty() || text.size() > 5 || (text.size() > 1 && text.front() == '0') || !std::ranges::all_of(text, is_digit)) return std::nullopt;
  const auto value = parse_int(text);
  if (!value || *value > 65535) return std::nullopt;
  return static_cast<std::uint16_t>(*value);
}

std::optional<Address> address_of(std::string_view ip, std::string_view port, bool v6) {
  const auto bytes = parse_ip(ip);
  const auto number = port_of(port);
  if (!bytes || !number || ip.contains(':') != v6) return std::nullopt;
  return Address{.ip = ip_text(*bytes), .port = *number};
}

Parsed parse_line(std::string_view bytes) {
  const auto end = bytes.substr(0, kProxyLineMax).find('\n');
  if (end == std::string_view::npos) {
    if (bytes.size() >= kProxyLineMax) return refuse("PROXY: the line is too long");
    return std::nullopt;
  }
  if (end == 0 || bytes[end - 1] != '\r') return refuse("PROXY: the line ends without CR");
  const auto line = bytes.substr(0, end - 1);
  ProxyHeader header{.bytes = end + 1, .client = std::nullopt};
  // §2.1: "the receiver must ignore anything presented before the CRLF is found" behind UNKNOWN.
  if (line == "PROXY UNKNOWN" || line.starts_with("PROXY UNKNOWN ")) return header;
  const auto parts = split(line, ' ');
  const bool v6 = parts.size() == kPartsMax && parts[1] == "TCP6";
  if (parts.size() != kPartsMax || (!v6 && parts[1] != "TCP4")) return refuse("PROXY: malformed line");
  header.client = address_of(parts[2], parts[4], v6);
  if (!header.client || !address_of(parts[3], parts[5], v6)) return refuse("PROXY: malformed address");
  return header;
}

std::size_t number_at(std::string_view bytes, std::size_t at) {
  return static_cast<std::size_t>(static_cast<unsigned char>(bytes[at])) << 8 | static_cast<unsigned char>(bytes[at + 1]);
}

// The source address; both families begin with it.
Address source_of(std::string_view bytes, std::size_t size) {
  IpBytes ip{};
  if (size == 4) ip[10] = ip[11] = 0xFF;   // IPv4-mapped
  std::memcpy(ip.data() + ip.size() - size, bytes.data() + kFixed2, size);
  return {.ip = ip_text(ip), .port = static_cast<std::uint16_t>(number_at(bytes, kFixed2 + 2 * size))};
}

Parsed parse_binary(std::string_view bytes) {
  if (bytes.size() < kFixed2) return std::nullopt;
  const auto version = static_cast<unsigned char>(bytes[12]), family = static_cast<unsigned char>(bytes[13]);
  const auto length = number_at(bytes, 14);
  if (version != 0x20 && version != 0x21) return refuse("PROXY: unknown version or command");
  if (length > kProxyHeaderMax) return refuse("PROXY: the header is too long");
  const std::size_t address = family == 0x11 ? 4 : family == 0x21 ? 16 : 0;   // TCP over IPv4, over IPv6
  const bool known = address != 0 || family == 0x00;
  if (version == 0x21 && (!known || length < 2 * address + (address != 0 ? 4 : 0))) return refuse("PROXY: the addresses are not of a connection over TCP");
  if (bytes.size() < kFixed2 + length) return std::nullopt;
  ProxyHeader header{.bytes = kFixed2 + length, .client = std::nullopt};
  if (version == 0x21 && address != 0) header.client = source_of(bytes, address);
  return header;
}

void append_number(std::string& out, std::size_t number) {
  out += static_cast<char>(number >> 8 & 0xFF);
  out += static_cast<char>(number & 0xFF);
}

}  // namespace

std::string write_proxy_header(ProxyProtocol version, const Address& client, const Address& to) {
  const auto from = parse_ip(client.ip);
  const bool v6 = client.ip.contains(':');
  auto target = parse_ip(to.ip);
  if (!target || to.ip.contains(':') != v6) target = parse_ip(v6 ? "::" : "0.0.0.0");
  if (version == ProxyProtocol::v1) {
    if (!from) return "PROXY UNKNOWN\r\n";
    return fmt::format("PROXY {} {} {} {} {}\r\n", v6 ? "TCP6" : "TCP4", ip_text(*from), ip_text(*target), client.port, to.port);
  }
  std::string header(kSignature2);
  header += from ? '\x21' : '\x20';   // PROXY, LOCAL
  header += !from ? '\0' : v6 ? '\x21' : '\x11';
  if (!from) return header.append(2, '\0');
  const std::size_t size = v6 ? 16 : 4;
  append_number(header, 2 * size + 4);
  for (const auto& ip : {*from, *target}) header.append(reinterpret_cast<const char*>(ip.data()) + ip.size() - size, size);
  append_number(header, client.port);
  append_number(header, to.port);
  return header;
}

Parsed parse_proxy_header(std::string_view bytes) {
  const auto begins = [bytes](std::string_view signature) { return bytes.substr(0, signature.size()) == signature.substr(0, bytes.size()); };
  if (begins(kSignature1)) return bytes.size() < kSignature1.size() ? Parsed(std::nullopt) : parse_line(bytes);
  if (begins(kSignature2)) return parse_binary(bytes);
  return refuse("PROXY: the header is missing");
}

}  // namespace gatehouse::net
