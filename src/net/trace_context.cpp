#include "net/trace_context.h"

#include <algorithm>

#include "core/bytes.h"
#include "core/text.h"

namespace gatehouse::net {
namespace {

constexpr std::size_t kLength = 55;   // of version 00: 2 + 1 + 32 + 1 + 16 + 1 + 2
constexpr std::string_view kParent = "traceparent", kState = "tracestate";

// Lower-case digits only, §3.2.2.
template <std::size_t size>
bool read_hex(std::string_view text, std::array<std::byte, size>& out) {
  const auto digit = [](char c) { return is_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; };
  for (std::size_t i = 0; i < size; ++i) {
    const int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    out[i] = static_cast<std::byte>(high * 16 + low);
  }
  return true;
}

template <std::size_t size>
bool is_zero(const std::array<std::byte, size>& id) {
  return std::ranges::all_of(id, [](std::byte b) { return b == std::byte{0}; });
}

template <std::size_t size>
std::string hex_of(const std::array<std::byte, size>& id) {
  return hex_encode({reinterpret_cast<const char*>(id.data()), id.size()});
}

template <class Id>
Id fresh(Random& random) {
  Id id{};
  do random.fill(id);
  while (is_zero(id));
  return id;
}

bool is_key_char(char c) { return (c >= 'a' && c <= 'z') || is_digit(c) || c == '_' || c == '-' || c == '*' || c == '/' || c == '@'; }
bool is_value_char(char c) { return c >= 0x20 && c <= 0x7e && c != ',' && c != '='; }

bool is_member(std::string_view member) {
  const auto equals = member.find('=');
  if (equals == std::string_view::npos) return false;
  const auto key = member.substr(0, equals), value = member.substr(equals + 1);
  if (key.empty() || key.size() > 256 || value.empty() || value.size() > 256) return false;
  return std::ranges::all_of(key, is_key_char) && std::ranges::all_of(value, is_value_char);
}

}  // namespace

Result<TraceParent> parse_traceparent(std::string_view text) {
  const auto bad = [] { return failure(Fault::invalid, "traceparent: it is not as W3C Trace Context has it"); };
  if (text.size() < kLength || text[2] != '-' || text[35] != '-' || text[52] != '-') return bad();
  std::array<std::byte, 1> version{}, flags{};
  TraceParent parent;
  if (!read_hex(text, version) || version[0] == std::byte{0xff}) return bad();
  // A later version may say more, after a further dash.
  if (text.size() > kLength && (version[0] == std::byte{0} || text[kLength] != '-')) return bad();
  if (!read_hex(text.substr(3), parent.trace) || !read_hex(text.substr(36), parent.span) || !read_hex(text.substr(53), flags)) return bad();
  if (is_zero(parent.trace) || is_zero(parent.span)) return bad();
  parent.sampled = (flags[0] & std::byte{1}) != std::byte{0};
  return parent;
}

std::string hex(const TraceId& id) { return hex_of(id); }
std::string hex(const SpanId& id) { return hex_of(id); }
std::string to_text(const TraceParent& parent) { return "00-" + hex(parent.trace) + "-" + hex(parent.span) + (parent.sampled ? "-01" : "-00"); }

std::optional<TraceParent> traceparent_of(const Fields& fields) {
  const auto text = fields.only(kParent);
  if (!text) return std::nullopt;
  auto parent = parse_traceparent(*text);
  return parent ? std::optional(*parent) : std::nullopt;
}

std::string tracestate_of(const Fields& fields) {
  std::string state;
  std::size_t members = 0;
  for (const auto& field : fields.all()) {
    if (!equal_ignoring_case(field.name, kState)) continue;
    for (const auto part : split(field.value, ',')) {
      const auto member = trim(part);
      if (member.empty()) continue;   // §3.3.1.1 allows them
      if (!is_member(member) || ++members > kTraceStateMembers || state.size() + member.size() + 1 > kTraceStateMax) return {};
      if (!state.empty()) state += ',';
      state += member;
    }
  }
  return state;
}

TraceId new_trace_id(Random& random) { return fresh<TraceId>(random); }
SpanId new_span_id(Random& random) { return fresh<SpanId>(random); }

}  // namespace gatehouse::net
