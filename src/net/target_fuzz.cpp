// Targets and hosts: what comes out is canonical, stays the same when read again, and has no dot segment however spelled.
#include <algorithm>
#include <cstdlib>

#include "core/text.h"
#include "net/message.h"

namespace {

using namespace gatehouse;

void check(bool fine) {
  if (!fine) std::abort();
}

void check_path(const std::string& path) {
  if (path == "*") return;
  check(path.starts_with('/') && path.find("//") == std::string::npos);
  const auto decoded = percent_decode(path);
  check(decoded.has_value() && is_utf8(*decoded));
  for (const auto part : split(*decoded, '/')) {
    const auto plain = part.substr(0, part.find(';'));
    check(plain != "." && plain != "..");
  }
  // No escape hides structure: decoding changes neither slashes nor backslashes nor percent signs.
  check(std::ranges::count(*decoded, '/') == std::ranges::count(path, '/'));
  check(decoded->find('\\') == std::string::npos && decoded->find('%') == std::string::npos);
  for (const char c : path) check(c > 0x20 && c < 0x7f && c != '#' && c != '?' && c != '\\');
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto target = net::parse_target(text)) {
    check_path(target->path);
    const auto again = net::parse_target(target->has_query ? target->path + "?" + target->query : target->path);
    check(again && again->path == target->path && again->query == target->query && again->has_query == target->has_query);
  }
  if (const auto authority = net::parse_authority(text)) {
    const bool v6 = authority->host.find(':') != std::string::npos;
    auto written = v6 ? "[" + authority->host + "]" : authority->host;
    if (authority->port) written += ":" + std::to_string(*authority->port);
    const auto again = net::parse_authority(written);
    check(again && again->host == authority->host && again->port == authority->port);
    for (const char c : authority->host) check(c > 0x20 && c < 0x7f && c != '/' && c != '@' && c != ',' && !(c >= 'A' && c <= 'Z'));
  }
  return 0;
}
