// The domain of an e-mail address that can be read in one way only. "a@evil.com@corp.com" has none (CVE-2026-40574).
#pragma once

#include <optional>
#include <string_view>

namespace gatehouse::policy {

// One '@', a local part of 1 to 64 plain characters without quotes and comments, a host name of at most 253; nullopt otherwise.
std::optional<std::string_view> email_domain(std::string_view address);

}  // namespace gatehouse::policy
