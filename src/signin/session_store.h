// The only file that knows the table `sessions`.
#pragma once

#include "signin/sessions.h"

namespace gatehouse::signin {

store::Statement insert_session(const OrgId& org, const Session& session, std::string_view cookie_hash);
Task<Session> select_session_by_cookie(store::Database& database, OrgId org, std::string cookie_hash);  // Fault::missing
Task<Session> select_session(store::Database& database, OrgId org, std::string id);                     // Fault::missing
Task<std::vector<std::string>> select_session_ids(store::Database& database, OrgId org, directory::UserId user);
// Only if nobody else did it since `least`.
store::Statement touch_session(const OrgId& org, std::string_view id, Timestamp now, Timestamp least);
store::Statement delete_session(const OrgId& org, std::string_view id);
store::Statement delete_sessions_of(const OrgId& org, const directory::UserId& user);

}  // namespace gatehouse::signin
