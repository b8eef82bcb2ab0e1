#include "signin/door.h"

#include "signin/browser.h"

namespace gatehouse::signin {
namespace {

std::optional<Secret> binding_of(const net::Request& request, std::string_view handle) {
  auto value = request.cookie(binding_cookie_name(handle, request.tls));
  if (!value) return std::nullopt;
  return Secret(std::string(*value));
}

std::string next_place(const Transaction& transaction, std::string_view handle) {
  const bool done = next_step(transaction.so_far, transaction.policy) == Step::done;
  return done ? Transactions::destination(transaction, handle) : "/signin/" + std::string(handle);
}

}  // namespace

Task<Session> Door::session_of(const net::Request& request) {
  auto cookie = session_cookie_of(request);
  if (!cookie) co_return failure(Fault::unauthenticated, "Please sign in.");
  co_return co_await needs_.sessions.find(*std::move(cookie));
}

Task<net::Reply> Door::begin(const net::Request& request, NewTransaction ask) {
  GH_CO_TRY(auto begun, co_await needs_.transactions.begin(std::move(ask)));
  const std::string handle(begun.handle.reveal());
  auto reply = net::Reply::redirect("/signin/" + handle);
  reply.with("Cache-Control", "no-store");
  for (auto& cookie : drop_old_bindings(request)) reply.with("Set-Cookie", std::move(cookie));
  reply.with("Set-Cookie", set_binding_cookie(handle, begun.binding, request.tls, kTransactionLife));
  co_return reply;
}

Task<Transaction> Door::transaction_of(const net::Request& request, std::string handle) {
  auto found = co_await needs_.transactions.find(handle, binding_of(request, handle));
  if (!found && found.error().fault() == Fault::missing) {
    events::Event event;
    event.type = "user.authentication.sign_in_refused";
    event.message = "A sign-in that is not open in this browser was refused";
    event.outcome = events::Outcome::deny;
    event.reason = "transaction unknown, expired, finished or of another browser";
    event.origin = origin_of(request);
    GH_CO_DO(co_await needs_.log.record(org_, std::move(event)));
  }
  co_return found;
}

net::Reply Door::onward_from_form(const net::Request& request, const Transaction& transaction, std::string_view handle) {
  return after_form(request, next_place(transaction, handle));
}

net::Reply Door::onward(const Transaction& transaction, std::string_view handle) {
  auto reply = net::Reply::redirect(next_place(transaction, handle));
  reply.with("Cache-Control", "no-store");
  return reply;
}

Task<void> Door::end_session(const net::Request& request) {
  auto session = co_await session_of(request);
  if (!session && session.error().fault() == Fault::unauthenticated) co_return Result<void>();
  if (!session) co_return std::unexpected(std::move(session.error()));
  co_return co_await needs_.sessions.end(session->id, origin_of(request));
}

Task<void> Door::check_form(const net::Request& request, std::optional<Secret> holder, std::string purpose, std::string token) {
  auto same = check_same_origin(request);
  if (same && holder && is_form_token(*holder, purpose, token)) co_return Result<void>();
  events::Event event;
  event.type = "security.request.blocked";
  event.message = "A form that did not come from our own page was refused";
  event.outcome = events::Outcome::deny;
  event.reason = same ? "form token missing or wrong" : "sent from another site";
  event.origin = origin_of(request);
  GH_CO_DO(co_await needs_.log.record(org_, std::move(event)));
  if (!same) co_return std::unexpected(std::move(same.error()));
  co_return failure(Fault::denied, "This form is not from a page of this browser, or the page is too old. Please open it again and retry.");
}

}  // namespace gatehouse::signin
