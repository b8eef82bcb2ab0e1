// The tables of API tokens and administrators, for this room's own files only.
#pragma once

#include <optional>

#include "directory/apps.h"

namespace gatehouse::directory {

store::Statement insert_token(const OrgId& org, const ApiToken& token, std::string_view hash);
// The token with what decides whether it may be used now.
struct FoundToken {
  ApiToken token;
  Status owner_status;
  bool owner_is_admin;
};
Task<std::optional<FoundToken>> select_token(store::Database& database, OrgId org, std::string hash);
Task<std::optional<ApiToken>> select_token_by_id(store::Database& database, OrgId org, std::string id);
Task<std::vector<ApiToken>> select_tokens(store::Database& database, OrgId org, Timestamp now);
store::Statement touch_token(const OrgId& org, std::string_view id, Timestamp now, Timestamp expires);
store::Statement delete_token(const OrgId& org, std::string_view id, Error otherwise);

store::Statement insert_admin(const OrgId& org, const UserId& user, Timestamp now);
Task<bool> select_is_admin(store::Database& database, OrgId org, UserId user);

}  // namespace gatehouse::directory
