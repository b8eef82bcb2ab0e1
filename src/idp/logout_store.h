// The only file that knows the table `logout_tokens`: clients that are still to be told that a session has ended. A row is
// written in the unit that ends the session, so that no crash in between leaves a client believing in it.
#pragma once

#include "directory/types.h"
#include "store/database.h"

namespace gatehouse::idp {

struct LogoutRow {
  std::string session_id, server_id, client_id;
  directory::UserId user;
  std::int64_t attempts = 0;      // begun so far
  Timestamp due;
};

// One row for each client and server that gave or got anything in this session.
store::Statement insert_logouts(const OrgId& org, std::string_view session_id, Timestamp now, Timestamp expires);
Task<std::vector<LogoutRow>> select_logouts(store::Database& database, OrgId org, Timestamp now, int limit);
// Takes an attempt: one row, or none when another node was faster. Until `next` nobody else tries.
store::Statement update_logout_taken(const OrgId& org, const LogoutRow& row, Timestamp next);
store::Statement delete_logout(const OrgId& org, const LogoutRow& row);

store::Migration logout_tables(int version);
store::Sweep logout_sweep();

}  // namespace gatehouse::idp
