#include "gateway/stages/answer_layer.h"

#include <algorithm>

#include "core/text.h"
#include "gateway/names.h"

namespace gatehouse::gateway {
namespace {

constexpr std::string_view kOfTheHop[] = {"connection",        "keep-alive",          "proxy-connection", "te",     "trailer",
                                          "transfer-encoding", "upgrade",             "content-length",   "expect", "proxy-authenticate",
                                          "proxy-authorization", "http2-settings",    "proxy-authentication-info"};

bool is_of_the_hop(std::string_view name) {
  return std::ranges::any_of(kOfTheHop, [&](auto own) { return equal_ignoring_case(own, name); });
}

}  // namespace

void remove_header(net::Reply& head, std::string_view name) {
  std::erase_if(head.headers, [&](const auto& header) { return equal_ignoring_case(header.first, name); });
}

void remove_headers_with_prefix(net::Reply& head, std::string_view prefix) {
  std::erase_if(head.headers, [&](const auto& header) {
    return header.first.size() >= prefix.size() && equal_ignoring_case(std::string_view(header.first).substr(0, prefix.size()), prefix);
  });
}

void set_header(net::Reply& head, std::string_view name, std::string_view value) {
  remove_header(head, name);
  head.headers.emplace_back(name, value);
}

const std::string* find_header(const net::Reply& head, std::string_view name) {
  const auto found = std::ranges::find_if(head.headers, [&](const auto& header) { return equal_ignoring_case(header.first, name); });
  return found == head.headers.end() ? nullptr : &found->second;
}

bool has_header_word(const net::Reply& head, std::string_view name, std::string_view word) {
  for (const auto& [other, value] : head.headers) {
    if (!equal_ignoring_case(other, name)) continue;
    for (const auto part : split(value, ','))
      if (equal_ignoring_case(trim(part), word)) return true;
  }
  return false;
}

void add_vary(net::Reply& head, std::string_view name) {
  if (has_header_word(head, "Vary", name) || has_header_word(head, "Vary", "*")) return;
  head.headers.emplace_back("Vary", name);
}

bool may_set_in_answer(std::string_view name) {
  return is_field_name(name) && name.size() <= kManagedNameMax && !is_of_the_hop(name) && !equal_ignoring_case(name, "date") &&
         !equal_ignoring_case(name, "set-cookie") && !equal_ignoring_case(name, "content-encoding");
}

bool may_set_in_request(std::string_view name) {
  return is_field_name(name) && name.size() <= kManagedNameMax && !is_of_the_hop(name) && !equal_ignoring_case(name, "host") &&
         !equal_ignoring_case(name, "via") && !equal_ignoring_case(name, "content-encoding");
}

}  // namespace gatehouse::gateway
