// The management API of one org, /api/v1/…, as Okta's clients know it: requests, handlers, answers and tables of rows,
// a file per resource. Owns nothing: it speaks to the directory and the System Log in Okta's words.
// Must not know tables, SQL, passwords' hashes, or how a caller proved who it is.
#pragma once

#include <span>

#include "directory/apps.h"
#include "directory/groups.h"
#include "directory/users.h"
#include "events/event.h"
#include "net/endpoint.h"
#include "okta/style.h"

namespace gatehouse::orgapi {

// Borrowed for as long as an Org lives; app/ owns them all.
struct Org {
  OrgId id;
  std::string name;      // companyName
  Timestamp created;
  directory::Users& users;
  directory::Groups& groups;
  directory::Apps& apps;
  directory::ApiTokens& tokens;
  directory::Admins& admins;
  events::SystemLog& log;
  const Clock& clock;
  Random& random;
};

using Rows = std::span<const net::Endpoint<Org>>;
Rows user_rows();
Rows user_life_rows();
Rows group_rows();
Rows app_rows();
Rows app_assignment_rows();
Rows app_grant_rows();
Rows app_credential_rows();
Rows client_rows();
Rows log_rows();
Rows org_rows();
Rows token_rows();
std::vector<Rows> all_rows();
void serve(net::Router& router, Org& org, net::Style& style);

// Answers okta::ApiStyle from the directory: a good token of an administrator may do everything ("*").
class DirectoryTokens final : public okta::ApiTokenCheck {
 public:
  DirectoryTokens(directory::ApiTokens& tokens, directory::Users& users) : tokens_(tokens), users_(users) {}
  Task<net::Principal> check(Secret token) override;

 private:
  directory::ApiTokens& tokens_;
  directory::Users& users_;
};

}  // namespace gatehouse::orgapi
