#include "signin/transactions.h"

#include "core/bytes.h"
#include "crypto/hash.h"
#include "signin/transaction_store.h"

namespace gatehouse::signin {
namespace {

constexpr std::string_view kHandlePrefix = "ght_";
constexpr std::size_t kHandleLength = 4 + 43;   // prefix and 32 random bytes
constexpr std::size_t kHintMax = 256;

std::string hash_of(std::string_view text) { return base64url_encode(crypto::sha256(text)); }

std::unexpected<Error> gone() {
  return failure(Fault::missing, "This sign-in has expired, is already finished, or was started in another browser. Please start again.");
}

}  // namespace

Task<Transactions::Begun> Transactions::begin(NewTransaction ask) {
  if (to_text(ask.purpose).size() > kPurposeMax) co_return failure(Fault::limited, "The request is too large.");
  Begun begun{Secret(std::string(kHandlePrefix) + random_token(needs_.random, 32)), Secret(random_token(needs_.random, 32))};
  const auto now = needs_.clock.now();
  if (ask.login_hint.size() > kHintMax) ask.login_hint.clear();
  Transaction t{hash_of(begun.handle.reveal()), now, now + kTransactionLife, std::move(ask.return_to), std::move(ask.purpose),
                std::move(ask.app_label), std::move(ask.form_target), std::move(ask.login_hint), std::move(ask.consent), {}, {}, {}, {}, 0};
  t.policy.password_since = ask.password_since;
  if (ask.session) {
    t.user = ask.session->user;
    t.session_id = ask.session->id;
    t.so_far.password_at = ask.session->auth_time;
  }
  store::Unit unit;
  unit.push_back(insert_transaction(org_, t, hash_of(begun.binding.reveal())));
  GH_CO_DO(co_await needs_.database.write(std::move(unit)));
  co_return begun;
}

Task<Transaction> Transactions::find(std::string handle, std::optional<Secret> binding) {
  if (handle.size() != kHandleLength || !handle.starts_with(kHandlePrefix) || !binding) co_return gone();
  auto found = co_await select_transaction(needs_.database, org_, hash_of(handle));
  if (!found && found.error().fault() == Fault::missing) co_return gone();
  if (!found) co_return std::unexpected(std::move(found.error()));
  if (found->finished || needs_.clock.now() >= found->transaction.expires) co_return gone();
  if (!equal_constant_time(found->binding_hash, hash_of(binding->reveal()))) co_return gone();
  co_return std::move(found->transaction);
}

Task<void> Transactions::change(store::Statement statement) {
  const Error late(Fault::conflict, gone().error().message());
  store::Unit unit;
  unit.push_back(std::move(statement).expect(1, late));
  GH_CO_DO(co_await needs_.database.write(std::move(unit)));
  co_return Result<void>();
}

Task<void> Transactions::proved(Transaction transaction, Session session) {
  co_return co_await change(update_proof(org_, transaction.id, session, needs_.clock.now()));
}

Task<void> Transactions::failed(Transaction transaction) {
  co_return co_await change(update_failures(org_, transaction.id, needs_.clock.now()));
}

Task<void> Transactions::ask_consent(Transaction transaction, std::vector<std::string> scopes) {
  co_return co_await change(update_question(org_, transaction.id, scopes, needs_.clock.now()));
}

Task<void> Transactions::answered(Transaction transaction, Consent answer) {
  co_return co_await change(update_answer(org_, transaction.id, answer, needs_.clock.now()));
}

Task<void> Transactions::start_over(Transaction transaction) {
  co_return co_await change(update_start_over(org_, transaction.id, needs_.clock.now()));
}

store::Statement Transactions::finish_statement(const Transaction& transaction) {
  const Error late(Fault::conflict, gone().error().message());
  return update_finished(org_, transaction.id, transaction.session_id, needs_.clock.now()).expect(1, late);
}

Task<void> Transactions::finish(Transaction transaction) {
  store::Unit unit;
  unit.push_back(finish_statement(transaction));
  GH_CO_DO(co_await needs_.database.write(std::move(unit)));
  co_return Result<void>();
}

std::string Transactions::destination(const Transaction& transaction, std::string_view handle) {
  if (transaction.purpose.is_null()) return transaction.return_to.str();
  return transaction.return_to.str() + "/" + std::string(handle);
}

}  // namespace gatehouse::signin
