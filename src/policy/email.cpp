#include "policy/email.h"

#include <algorithm>

#include "core/text.h"

namespace gatehouse::policy {

namespace {

constexpr std::size_t kLocalMax = 64, kDomainMax = 253, kLabelMax = 63;   // RFC 5321 §4.5.3.1, RFC 1035 §2.3.4

// RFC 5322 §3.2.3 dot-atom; beyond ASCII as RFC 6531 has it would be a second reading for many servers.
bool is_local(char c) { return is_alnum(c) || std::string_view(".!#$%&'*+-/=?^_`{|}~").contains(c); }

bool is_label(std::string_view label) {
  return !label.empty() && label.size() <= kLabelMax && !label.starts_with('-') && !label.ends_with('-') &&
         std::ranges::all_of(label, [](char c) { return is_alnum(c) || c == '-'; });
}

}  // namespace

std::optional<std::string_view> email_domain(std::string_view address) {
  const auto at = address.find('@');
  if (at == std::string_view::npos || at != address.rfind('@')) return std::nullopt;
  const auto local = address.substr(0, at), domain = address.substr(at + 1);
  if (local.empty() || local.size() > kLocalMax || !std::ranges::all_of(local, is_local)) return std::nullopt;
  if (domain.empty() || domain.size() > kDomainMax || !std::ranges::all_of(split(domain, '.'), is_label)) return std::nullopt;
  return domain;
}

}  // namespace gatehouse::policy
