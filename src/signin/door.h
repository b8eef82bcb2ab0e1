// The door of the org: the pages under /signin, the home page, signing out. Joins transactions, sessions and the
// directory; next_step() decides which page comes. Knows nothing of OAuth: whoever asked gets the browser back at the
// transaction's destination.
#pragma once

#include <span>

#include "core/log.h"
#include "directory/apps.h"
#include "signin/page.h"
#include "signin/transactions.h"

namespace gatehouse::signin {

struct DoorNeeds {
  Sessions& sessions;
  Transactions& transactions;
  directory::Users& users;
  directory::Apps& apps;
  events::SystemLog& log;
};

class Door {
 public:
  Door(DoorNeeds needs, OrgId org) : needs_(needs), org_(std::move(org)) {}

  // The signed-in person of a browser. Fault::unauthenticated: nobody.
  Task<Session> session_of(const net::Request& request);
  // Begins a transaction for this browser: the answer sends it to the first page and binds it.
  Task<net::Reply> begin(const net::Request& request, NewTransaction ask);
  // The transaction behind a handle in this browser; what is wrong is written to the System Log.
  Task<Transaction> transaction_of(const net::Request& request, std::string handle);
  // On to the next page, or to the destination; for answers to a GET and to a form.
  static net::Reply onward(const Transaction& transaction, std::string_view handle);
  static net::Reply onward_from_form(const net::Request& request, const Transaction& transaction, std::string_view handle);
  // Ends this browser's session: in the store, and in the cookie of the reply.
  Task<void> end_session(const net::Request& request);
  // Fault::denied unless the form came from a page that this browser got from us. `holder` is its binding or session.
  Task<void> check_form(const net::Request& request, std::optional<Secret> holder, std::string purpose, std::string token);

  DoorNeeds& needs() { return needs_; }
  const OrgId& org() const { return org_; }

 private:
  DoorNeeds needs_;
  OrgId org_;
};

std::span<const net::Endpoint<Door>> door_rows();   // with PageStyle

}  // namespace gatehouse::signin
