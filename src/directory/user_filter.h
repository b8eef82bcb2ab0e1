// Okta's SCIM-like filter on users, compiled to a condition on the users table (alias u). For this room's own files only.
//
//   status eq "ACTIVE" and (profile.lastName eq "Lovelace" or lastUpdated gt "2026-01-01T00:00:00.000Z")
//
// Attributes: id, status (eq); profile.login, .email, .firstName, .lastName (eq, sw, co, pr; any case of letters);
// created, activated, statusChanged, lastUpdated (eq, gt, ge, lt, le, pr). Operators and words in any case; attributes not.
// `and` binds closer than `or`; `not (…)`; no `ne`, as at Okta. Values never become SQL text: they are parameters.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "store/database.h"

namespace gatehouse::directory {

inline constexpr std::size_t kFilterBytesMax = 4096, kFilterDepthMax = 8, kFilterComparisonsMax = 200;

struct Condition {
  std::string sql;
  std::vector<store::Param> params;
};
// `first_param` is the number of the first parameter that the condition may use. Fault::invalid: what and at which byte.
Result<Condition> compile_user_filter(std::string_view text, std::size_t first_param);

}  // namespace gatehouse::directory
