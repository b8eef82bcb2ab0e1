#include "gateway/names.h"

#include <algorithm>

#include "core/text.h"

namespace gatehouse::gateway {

namespace {

constexpr std::size_t kValueMax = 8 * 1024;

// Set by us for every request or by nobody. The last rows are names that some frameworks obey when they choose a path or a
// method (CVE-2023-27487, CVE-2026-40575 and kin): a client's word for them must never arrive.
constexpr std::string_view kForwarding[] = {
    "x-forwarded-for",   "x-forwarded-host",   "x-forwarded-proto",      "x-forwarded-port",   "x-forwarded-prefix",
    "x-forwarded-uri",   "x-forwarded-method", "x-forwarded-server",     "x-forwarded-scheme", "x-forwarded-ssl",
    "x-forwarded-user",  "x-forwarded-email",  "x-forwarded-groups",     "x-forwarded-preferred-username",
    "x-forwarded-access-token", "forwarded",   "x-real-ip",              "x-client-ip",        "true-client-ip",
    "x-request-id",      "x-original-url",     "x-original-uri",         "x-original-method",  "x-original-host",
    "x-rewrite-url",     "x-http-method-override", "x-http-method",      "x-method-override",  "x-envoy-original-path",
    "x-envoy-external-address", "x-gatehouse-request-id", "proxy"};

// The message's own: configuring one of these as an identity header would break framing or routing.
constexpr std::string_view kOwnedByTheMessage[] = {
    "host", "content-length", "transfer-encoding", "connection", "keep-alive", "te", "trailer", "upgrade", "expect",
    "cookie", "set-cookie", "content-type", "content-encoding", "via", "date", "proxy-connection", "proxy-authenticate",
    "proxy-authorization", "range", "if-match", "if-none-match"};

constexpr char fold(char c) { return c == '_' || c == '.' || c == ' ' || c == '\t' ? '-' : to_lower(c); }

std::string_view without_trailing_blanks(std::string_view name) {
  while (name.ends_with(' ') || name.ends_with('\t')) name.remove_suffix(1);
  return name;
}

}  // namespace

bool is_field_name(std::string_view name) {
  constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
  return !name.empty() && std::ranges::all_of(name, [&](char c) { return is_alnum(c) || marks.contains(c); });
}

bool is_safe_value(std::string_view value) {
  if (value.size() > kValueMax || !is_utf8(value)) return false;
  for (std::size_t i = 0; i < value.size(); ++i) {
    const auto byte = static_cast<unsigned char>(value[i]);
    if (byte < 0x20 || byte == 0x7F) return false;
    // U+0080..U+009F: some servers read Latin-1 and see NEL or CSI there.
    if (byte == 0xC2 && i + 1 < value.size() && static_cast<unsigned char>(value[i + 1]) < 0xA0) return false;
  }
  return true;
}

ManagedNames::ManagedNames() {
  for (const auto name : kForwarding) insert(name);
}

void ManagedNames::insert(std::string_view name) {
  Name entry{std::string(name), to_lower(name)};
  std::ranges::transform(entry.folded, entry.folded.begin(), fold);
  auto& bucket = by_length_[name.size()];
  if (std::ranges::find(bucket, entry.plain, &Name::plain) == bucket.end()) {
    bucket.push_back(std::move(entry));
    ++count_;
  }
}

Result<void> ManagedNames::add(std::string_view name) {
  if (!is_field_name(name) || name.size() > kManagedNameMax)
    return failure(Fault::invalid, "\"" + std::string(name) + "\" is not a header name of at most 63 characters");
  if (std::ranges::any_of(kOwnedByTheMessage, [&](auto own) { return equal_ignoring_case(own, name); }))
    return failure(Fault::invalid, "the header " + std::string(name) + " belongs to the message itself and cannot be injected");
  if (count_ >= kManagedNamesMax) return failure(Fault::invalid, "at most 500 managed header names");
  insert(name);
  return {};
}

ManagedNames::Match ManagedNames::match(std::string_view name) const {
  const auto bare = without_trailing_blanks(name);
  if (bare.size() > kManagedNameMax) return Match::none;
  const auto& bucket = by_length_[bare.size()];
  auto found = Match::none;
  for (const auto& entry : bucket) {
    if (equal_ignoring_case(entry.plain, name)) return Match::exact;
    std::size_t i = 0;
    while (i < bare.size() && fold(bare[i]) == entry.folded[i]) ++i;
    if (i == bare.size()) found = Match::alias;
  }
  return found;
}

std::string without_cookies(std::string_view header, const std::vector<std::string>& names) {
  std::string kept;
  for (auto part : split(header, ';')) {
    part = trim(part);
    if (part.empty()) continue;
    const auto name = trim(part.substr(0, part.find('=')));
    if (std::ranges::find(names, name) != names.end()) continue;
    if (!kept.empty()) kept += "; ";
    kept += part;
  }
  return kept;
}

}  // namespace gatehouse::gateway
