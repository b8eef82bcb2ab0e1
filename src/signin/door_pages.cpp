// The handlers behind the door's pages.
#include "signin/browser.h"
#include "signin/door.h"
#include "signin/pages.h"

namespace gatehouse::signin {
namespace {

constexpr std::string_view kNeutral = "Unable to sign in. Check your username and password.";
constexpr std::string_view kThrottled = "Too many attempts. Please wait a moment and try again.";

struct PasswordForm {
  std::string username;
  Secret password;
  std::string token;
  static Result<PasswordForm> read(net::Form form) {
    return PasswordForm{form.get("username").value_or(""), Secret(form.get("password").value_or("")), form.get("token").value_or("")};
  }
};
struct ConsentForm {
  std::string answer, token;
  static Result<ConsentForm> read(net::Form form) {
    return ConsentForm{form.get("answer").value_or(""), form.get("token").value_or("")};
  }
};
struct TokenForm {
  std::string token;
  static Result<TokenForm> read(net::Form form) { return TokenForm{form.get("token").value_or("")}; }
};

std::optional<Secret> binding_cookie(const net::Request& request, std::string_view handle) {
  auto value = request.cookie(binding_cookie_name(handle, request.tls));
  if (!value) return std::nullopt;
  return Secret(std::string(*value));
}

std::string token_for(const net::Request& request, std::string_view handle) {
  const auto binding = binding_cookie(request, handle);
  return binding ? form_token(*binding, handle) : "";
}

PasswordView password_view(const net::Request& request, const Transaction& transaction, const std::string& handle) {
  PasswordView view;
  view.action = "/signin/" + handle;
  view.token = token_for(request, handle);
  view.app_label = transaction.app_label;
  view.login = transaction.login_hint;
  view.form_target = transaction.form_target;
  return view;
}

// The tail of the path, once the row has matched it.
std::string handle_of(const net::Call& call) { return call.path_value("transaction"); }

net::Reply with_session(net::Reply reply, const Secret& cookie, bool tls) {
  reply.with("Set-Cookie", set_session_cookie(cookie, tls));
  return reply;
}

}  // namespace

Task<net::Reply> show_step(Door& door, const net::Call& call) {
  const auto handle = handle_of(call);
  GH_CO_TRY(auto transaction, co_await door.transaction_of(call.request, handle));
  switch (next_step(transaction.so_far, transaction.policy)) {
    case Step::password: co_return password_page(password_view(call.request, transaction, handle));
    case Step::consent: {
      GH_CO_TRY(auto user, co_await door.needs().users.find(*transaction.user));
      co_return consent_page({"/signin/" + handle + "/consent", token_for(call.request, handle), transaction.app_label, user.profile.login,
                              transaction.form_target, transaction.consent});
    }
    case Step::done: break;
  }
  co_return Door::onward(transaction, handle);
}

// A refused password: the same words whatever the reason, the login name stays.
static Task<net::Reply> refuse_password(Door& door, const net::Call& call, Transaction transaction, std::string login, Fault fault) {
  const auto handle = handle_of(call);
  auto view = password_view(call.request, transaction, handle);
  view.login = std::move(login);
  view.alert = std::string(fault == Fault::limited ? kThrottled : kNeutral);
  view.status = fault == Fault::limited ? 429 : 401;
  GH_CO_DO(co_await door.needs().transactions.failed(std::move(transaction)));
  co_return password_page(view);
}

Task<net::Reply> take_password(Door& door, const net::Call& call, PasswordForm ask) {
  const auto handle = handle_of(call);
  const auto& request = call.request;
  GH_CO_TRY(auto transaction, co_await door.transaction_of(request, handle));
  GH_CO_DO(co_await door.check_form(request, binding_cookie(request, handle), handle, ask.token));
  if (next_step(transaction.so_far, transaction.policy) != Step::password) co_return Door::onward_from_form(call.request, transaction, handle);
  if (transaction.failures >= kTransactionFailuresMax)
    co_return failure(Fault::limited, "Too many attempts for this sign-in. Please start again.");

  auto& needs = door.needs();
  auto user = co_await needs.users.check_password(ask.username, std::move(ask.password), origin_of(request));
  if (!user) {
    const auto fault = user.error().fault();
    if (fault == Fault::upstream || fault == Fault::internal) co_return std::unexpected(std::move(user.error()));
    co_return co_await refuse_password(door, call, std::move(transaction), std::move(ask.username), fault);
  }
  // Whoever was here before is not any more, and nothing of that session lives on: no id, no cookie (fixation).
  GH_CO_DO(co_await door.end_session(request));
  std::vector<std::string> amr;
  amr.emplace_back("pwd");
  GH_CO_TRY(auto started, co_await needs.sessions.start(user->id, std::move(amr), origin_of(request)));
  GH_CO_DO(co_await needs.transactions.proved(transaction, started.session));
  transaction.so_far.password_at = started.session.auth_time;
  transaction.so_far.consent = Consent::open;
  transaction.session_id = started.session.id;
  auto reply = with_session(Door::onward_from_form(request, transaction, handle), started.cookie, request.tls);
  if (transaction.purpose.is_null()) {   // nobody waits for it: this was all
    GH_CO_DO(co_await needs.transactions.finish(transaction));
    reply.with("Set-Cookie", clear_binding_cookie(handle, request.tls));
  }
  co_return reply;
}

Task<net::Reply> take_consent(Door& door, const net::Call& call, ConsentForm ask) {
  const auto handle = handle_of(call);
  GH_CO_TRY(auto transaction, co_await door.transaction_of(call.request, handle));
  GH_CO_DO(co_await door.check_form(call.request, binding_cookie(call.request, handle), handle, ask.token));
  if (next_step(transaction.so_far, transaction.policy) != Step::consent) co_return Door::onward_from_form(call.request, transaction, handle);
  // The answer counts only from the person who proved to be here.
  auto session = co_await door.session_of(call.request);
  if (!session || session->id != transaction.session_id) {
    GH_CO_DO(co_await door.needs().transactions.start_over(transaction));
    co_return net::Reply::redirect("/signin/" + handle);
  }
  if (ask.answer != "allow" && ask.answer != "deny") co_return failure(Fault::invalid, "Please choose Allow or Deny.");
  const auto answer = ask.answer == "allow" ? Consent::given : Consent::denied;
  GH_CO_DO(co_await door.needs().transactions.answered(transaction, answer));
  transaction.so_far.consent = answer;
  co_return Door::onward_from_form(call.request, transaction, handle);
}

Task<net::Reply> login_page(Door& door, const net::Call& call) {
  NewTransaction ask;
  if (auto from = call.query("fromURI"); from && !from->empty()) {
    GH_CO_TRY(ask.return_to, ReturnTo::parse(*from));
  }
  if (auto hint = call.query("username")) ask.login_hint = *std::move(hint);
  auto session = co_await door.session_of(call.request);
  if (session) co_return net::Reply::redirect(ask.return_to.str());
  if (session.error().fault() != Fault::unauthenticated) co_return std::unexpected(std::move(session.error()));
  co_return co_await door.begin(call.request, std::move(ask));
}

Task<net::Reply> home(Door& door, const net::Call& call) {
  auto session = co_await door.session_of(call.request);
  if (!session && session.error().fault() == Fault::unauthenticated) {
    NewTransaction ask;
    co_return co_await door.begin(call.request, std::move(ask));
  }
  if (!session) co_return std::unexpected(std::move(session.error()));
  HomeView view{.user = {.id = session->user, .status = {}, .profile = {}, .created = {}, .updated = {}, .activated = {}, .status_changed = {},
                         .last_login = {}, .password_changed = {}},
                .apps = {},
                .token = form_token(*session_cookie_of(call.request), "signout")};
  GH_CO_TRY(view.user, co_await door.needs().users.find(session->user));
  GH_CO_TRY(view.apps, co_await door.needs().apps.of_user(session->user));
  co_return home_page(view);
}

Task<net::Reply> ask_sign_out(Door& door, const net::Call& call) {
  auto session = co_await door.session_of(call.request);
  if (!session && session.error().fault() == Fault::unauthenticated) co_return signed_out_page();
  if (!session) co_return std::unexpected(std::move(session.error()));
  GH_CO_TRY(auto user, co_await door.needs().users.find(session->user));
  SignOutView view;
  view.action = "/signout";
  view.token = form_token(*session_cookie_of(call.request), "signout");
  view.login = user.profile.login;
  co_return sign_out_page(view);
}

Task<net::Reply> sign_out(Door& door, const net::Call& call, TokenForm ask) {
  auto cookie = session_cookie_of(call.request);
  if (cookie) {
    GH_CO_DO(co_await door.check_form(call.request, cookie, "signout", ask.token));
    GH_CO_DO(co_await door.end_session(call.request));
  }
  auto reply = net::Reply::redirect("/signed-out");
  reply.with("Set-Cookie", clear_session_cookie(call.request.tls));
  co_return reply;
}

Task<net::Reply> signed_out(Door&, const net::Call&) { co_return signed_out_page(); }

std::span<const net::Endpoint<Door>> door_rows() {
  using net::Method;
  static constexpr auto kPage = net::everyone("a page: it looks at the session cookie itself");
  static constexpr auto kBound = net::everyone("a sign-in page: bound to its browser by a cookie");
  static constexpr net::Endpoint<Door> rows[] = {
      net::on<show_step>(Method::get, "/signin/{transaction}", kBound),
      net::on<take_password>(Method::post, "/signin/{transaction}", kBound),
      net::on<take_consent>(Method::post, "/signin/{transaction}/consent", kBound),
      net::on<login_page>(Method::get, "/login/login.htm", kPage),
      net::on<home>(Method::get, "/", kPage),
      net::on<home>(Method::get, "/app/UserHome", kPage),
      net::on<ask_sign_out>(Method::get, "/login/signout", kPage),
      net::on<sign_out>(Method::post, "/signout", kPage),
      net::on<signed_out>(Method::get, "/signed-out", kPage),
  };
  return rows;
}

}  // namespace gatehouse::signin
