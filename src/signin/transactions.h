// Sign-ins under way. Somebody (the authorization endpoint, the home page) asks for a person; the transaction keeps what
// was asked and what has been proven so far, in the store, so that nothing is trusted that comes back from a browser.
// The handle stands in the URL, its binding in a cookie of the browser that began: one without the other opens nothing.
// Knows nothing of OAuth: `purpose` is the asker's own business. docs/decisions/007-signin-transactions.md
#pragma once

#include "core/secret.h"
#include "signin/next_step.h"
#include "signin/return_to.h"
#include "signin/sessions.h"

namespace gatehouse::signin {

inline constexpr Seconds kTransactionLife{30 * 60};
inline constexpr int kTransactionFailuresMax = 20;           // wrong passwords before one must begin again
inline constexpr std::size_t kPurposeMax = 32 * 1024;        // bytes of JSON

struct NewTransaction {
  ReturnTo return_to = ReturnTo::home();
  json::value purpose;                   // not null: the handle is added to return_to as a last path segment
  std::string app_label;                 // whom the person signs in to; empty: the org itself
  std::string form_target;               // Content-Security-Policy source of where the asker will go on to; or empty
  std::string login_hint;
  Timestamp password_since{};
  std::vector<std::string> consent;      // scopes to be asked for; empty: no question
  std::optional<Session> session;        // who is already here
};

struct Transaction {
  std::string id;                        // hash of the handle: fit for logs
  Timestamp created, expires;
  ReturnTo return_to;
  json::value purpose;
  std::string app_label, form_target, login_hint;
  std::vector<std::string> consent;
  SignIn so_far;
  Policy policy;
  std::optional<directory::UserId> user;
  std::string session_id;
  int failures = 0;
};

struct TransactionNeeds {
  store::Database& database;
  const Clock& clock;
  Random& random;
};

class Transactions {
 public:
  Transactions(TransactionNeeds needs, OrgId org) : needs_(needs), org_(std::move(org)) {}

  struct Begun {
    Secret handle, binding;
  };
  Task<Begun> begin(NewTransaction ask);
  // Fault::missing, always with the same words: unknown, expired, finished, or of another browser.
  Task<Transaction> find(std::string handle, std::optional<Secret> binding);

  // Each is one compare-and-set on a transaction that is still open; Fault::conflict when it is not.
  Task<void> proved(Transaction transaction, Session session);       // also forgets an answer about consent
  Task<void> failed(Transaction transaction);                        // counts a wrong password
  Task<void> ask_consent(Transaction transaction, std::vector<std::string> scopes);
  Task<void> answered(Transaction transaction, Consent answer);
  Task<void> start_over(Transaction transaction);                    // the session is gone: prove again
  // For the unit that gives something for it: of any number of callers exactly one finishes it.
  store::Statement finish_statement(const Transaction& transaction);
  Task<void> finish(Transaction transaction);

  // Where the browser goes when all is proven.
  static std::string destination(const Transaction& transaction, std::string_view handle);

 private:
  Task<void> change(store::Statement statement);

  TransactionNeeds needs_;
  OrgId org_;
};

}  // namespace gatehouse::signin
