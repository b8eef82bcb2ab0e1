#include "signin/transaction_store.h"

#include "core/text.h"

namespace gatehouse::signin {
namespace {

std::string_view name_of(Consent consent) {
  switch (consent) {
    case Consent::open: return "";
    case Consent::given: return "given";
    case Consent::denied: return "denied";
  }
  return "";
}

Consent consent_named(std::string_view name) {
  if (name == "given") return Consent::given;
  return name == "denied" ? Consent::denied : Consent::open;
}

std::optional<std::string> user_text(const std::optional<directory::UserId>& user) {
  return user ? std::optional(user->str()) : std::nullopt;
}

Result<BoundTransaction> from_row(const store::Row& row) {
  GH_TRY(auto return_to, ReturnTo::parse(row.text(3)));
  GH_TRY(auto purpose, parse_json(row.text(7)));
  Transaction found{row.text(0), row.time(1), row.time(2), std::move(return_to), std::move(purpose), row.text(4), row.text(5), row.text(6),
                    split_words(row.text(9)), {}, {}, {}, {}, 0};
  found.policy.password_since = row.time(8);
  found.policy.needs_consent = !found.consent.empty();
  if (!row.is_null(10)) found.user = row.id<directory::UserId>(10);
  found.session_id = row.maybe_text(11).value_or("");
  found.so_far.password_at = row.maybe_time(12);
  found.so_far.consent = consent_named(row.text(13));
  found.failures = static_cast<int>(row.number(14));
  return BoundTransaction{std::move(found), row.text(15), !row.is_null(16)};
}

}  // namespace

std::vector<std::string_view> transaction_tables() {
  return {"create table signin_transactions (org_id text not null, id text not null, binding_hash text not null, created bigint not null,"
          " expires bigint not null, return_to text not null, app_label text not null, form_target text not null, login_hint text not null,"
          " purpose text not null, password_since bigint not null, consent_scopes text not null, user_id text, session_id text,"
          " password_at bigint, consent text not null, failures bigint not null, finished_at bigint, primary key (org_id, id))",
          "create index signin_transactions_by_expiry on signin_transactions (expires)"};
}

store::Statement insert_transaction(const OrgId& org, const Transaction& t, std::string_view binding_hash) {
  return store::Statement(
      "insert into signin_transactions (org_id, id, binding_hash, created, expires, return_to, app_label, form_target, login_hint, purpose,"
      " password_since, consent_scopes, user_id, session_id, password_at, consent, failures)"
      " values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, 0)",
      {org, t.id, binding_hash, t.created, t.expires, t.return_to.str(), t.app_label, t.form_target, t.login_hint, to_text(t.purpose),
       t.policy.password_since, join(t.consent, " "), user_text(t.user), t.session_id, t.so_far.password_at, name_of(t.so_far.consent)});
}

Task<BoundTransaction> select_transaction(store::Database& database, OrgId org, std::string id) {
  store::Statement select(
      "select id, created, expires, return_to, app_label, form_target, login_hint, purpose, password_since, consent_scopes, user_id,"
      " session_id, password_at, consent, failures, binding_hash, finished_at from signin_transactions where org_id = $1 and id = $2",
      {org, id});
  GH_CO_TRY(auto rows, co_await database.read(std::move(select)));
  if (rows.empty()) co_return failure(Fault::missing, "transaction: not found");
  co_return from_row(rows.front());
}

store::Statement update_proof(const OrgId& org, std::string_view id, const Session& session, Timestamp now) {
  return store::Statement(
      "update signin_transactions set user_id = $3, session_id = $4, password_at = $5, consent = ''"
      " where org_id = $1 and id = $2 and finished_at is null and expires > $6",
      {org, id, session.user, session.id, session.auth_time, now});
}

store::Statement update_failures(const OrgId& org, std::string_view id, Timestamp now) {
  return store::Statement(
      "update signin_transactions set failures = failures + 1 where org_id = $1 and id = $2 and finished_at is null and expires > $3",
      {org, id, now});
}

store::Statement update_question(const OrgId& org, std::string_view id, const std::vector<std::string>& scopes, Timestamp now) {
  return store::Statement(
      "update signin_transactions set consent_scopes = $3, consent = '' where org_id = $1 and id = $2 and finished_at is null and expires > $4",
      {org, id, join(scopes, " "), now});
}

store::Statement update_answer(const OrgId& org, std::string_view id, Consent answer, Timestamp now) {
  return store::Statement(
      "update signin_transactions set consent = $3 where org_id = $1 and id = $2 and finished_at is null and expires > $4"
      " and password_at is not null and consent_scopes <> ''",
      {org, id, name_of(answer), now});
}

store::Statement update_start_over(const OrgId& org, std::string_view id, Timestamp now) {
  return store::Statement(
      "update signin_transactions set user_id = null, session_id = null, password_at = null, consent_scopes = '', consent = ''"
      " where org_id = $1 and id = $2 and finished_at is null and expires > $3",
      {org, id, now});
}

store::Statement update_finished(const OrgId& org, std::string_view id, std::string_view session_id, Timestamp now) {
  return store::Statement(
      "update signin_transactions set finished_at = $4 where org_id = $1 and id = $2 and finished_at is null and expires > $4"
      " and session_id = $3",
      {org, id, session_id, now});
}

}  // namespace gatehouse::signin
