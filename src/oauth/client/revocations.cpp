#include "oauth/client/revocations.h"

namespace gatehouse::oauth::client {

void Revocations::forget_old(Timestamp now) {
  std::erase_if(at_, [&](const auto& entry) { return now - entry.second > kRevocationKeep; });
}

Result<void> Revocations::add(std::string issuer, Revoked what, std::string value, Timestamp now) {
  if (value.empty()) return failure(Fault::invalid, "revocation: names nothing");
  {
    const std::lock_guard lock(mutex_);
    if (at_.size() >= kRevocationsMax) forget_old(now);
    if (at_.size() >= kRevocationsMax) return failure(Fault::limited, "revocation: there are more than 100000");
    at_.insert_or_assign(Name(std::move(issuer), what, std::move(value)), now);
  }
  version_.fetch_add(1, std::memory_order_acq_rel);
  return {};
}

bool Revocations::covers(const std::string& issuer, const TokenFacts& facts) const {
  const std::lock_guard lock(mutex_);
  if (at_.empty()) return false;
  if (!facts.id.empty() && at_.contains(Name(issuer, Revoked::token, facts.id))) return true;
  // What was issued afterwards stands: somebody signed in again. A token that does not say when it was issued does not. `iat` has
  // whole seconds, so one of the same second is taken for older.
  const auto is_over = [&](Revoked what, const std::string& value) {
    if (value.empty()) return false;
    const auto found = at_.find(Name(issuer, what, value));
    return found != at_.end() && (!facts.issued || *facts.issued <= found->second);
  };
  return is_over(Revoked::subject, facts.subject) || is_over(Revoked::session, facts.session);
}

}  // namespace gatehouse::oauth::client
