// The only file that knows the table `signin_transactions`.
#pragma once

#include "signin/transactions.h"

namespace gatehouse::signin {

std::vector<std::string_view> transaction_tables();
store::Statement insert_transaction(const OrgId& org, const Transaction& transaction, std::string_view binding_hash);
struct BoundTransaction {
  Transaction transaction;
  std::string binding_hash;
  bool finished = false;
};
Task<BoundTransaction> select_transaction(store::Database& database, OrgId org, std::string id);   // Fault::missing
// Each changes one open transaction or none.
store::Statement update_proof(const OrgId& org, std::string_view id, const Session& session, Timestamp now);
store::Statement update_failures(const OrgId& org, std::string_view id, Timestamp now);
store::Statement update_question(const OrgId& org, std::string_view id, const std::vector<std::string>& scopes, Timestamp now);
store::Statement update_answer(const OrgId& org, std::string_view id, Consent answer, Timestamp now);
store::Statement update_start_over(const OrgId& org, std::string_view id, Timestamp now);
store::Statement update_finished(const OrgId& org, std::string_view id, std::string_view session_id, Timestamp now);

}  // namespace gatehouse::signin
