// GET|POST /v1/authorize: from a client's question to a code, by way of the door when nobody suitable is there yet.
//
// The request goes into a sign-in transaction as it came, and is read again when the browser is back: a client that was
// disabled, an address that was removed, a person who was suspended meanwhile are noticed, because nothing is remembered.
#include "idp/authorize.h"

#include <algorithm>

#include "idp/authorize_answer.h"
#include "idp/clients.h"
#include "idp/code_data.h"
#include "idp/gift.h"
#include "idp/pushed_request.h"
#include "oauth/redirect_uri.h"
#include "signin/browser.h"

namespace gatehouse::idp {
namespace {

using oauth::Code;

constexpr std::string_view kImplicit = "implicit";   // the grant type of what comes through the browser

// The oldest proof of a password that will do.
Timestamp password_since(const AuthorizeRequest& ask, Timestamp now) {
  if (ask.prompt == Prompt::login) return now;
  return ask.max_age ? now - *ask.max_age : Timestamp();
}

// One authorization under way, with everything that is known of it. Lives in the frame of its handler.
class Visit {
 public:
  Visit(Provider& provider, const net::Call& call, Server server, std::string base, oauth::Params params)
      : provider_(provider), call_(call), server_(std::move(server)), base_(std::move(base)), params_(std::move(params)) {}
  void continues(signin::Transaction transaction, std::string handle) {
    transaction_ = std::move(transaction);
    handle_ = std::move(handle);
  }
  Task<net::Reply> run();

 private:
  Task<net::Reply> decide();
  Task<std::optional<signin::Session>> session();
  Task<bool> fits_hint(signin::Session session);
  Task<std::vector<std::string>> open_questions(directory::UserId user);
  Task<directory::User> person(directory::UserId user);
  Task<net::Reply> send_to_door(std::vector<std::string> consent, std::optional<signin::Session> session);
  Task<void> ask_policy(directory::UserId user);
  Task<net::Reply> give_answer(signin::Session session, directory::User user);
  Result<std::string> add_code(store::Unit& unit, const signin::Session& session, const directory::User& user);
  Task<oauth::TokenResponse> give_tokens(store::Unit unit, std::string code, signin::Session session, directory::User user);
  oauth::Scopes front_scopes() const;
  Task<void> open_claims(directory::UserId user);
  Task<bool> may_open(std::string name, directory::UserId user);
  oauth::Scopes told_scopes() const;
  Task<void> write_refusal(Error error);
  // The transaction goes round once more, to its first page.
  net::Reply round_again() const;
  bool in_frame() const;
  bool consent_is(signin::Consent answer) const { return transaction_ && transaction_->so_far.consent == answer; }

  Provider& provider_;
  const net::Call& call_;
  Server server_;
  std::string base_;
  oauth::Params params_;
  std::optional<Target> target_;                     // once it is known
  AuthorizeRequest ask_;
  oauth::Scopes claim_scopes_;                       // that open claims which are asked for by name
  std::optional<signin::Transaction> transaction_;   // absent: the browser has come straight from the client
  std::string handle_;                               // of the transaction
};

// Pages where somebody is asked for a password are in no frame. A client that frames this gets an answer instead of an empty one.
bool Visit::in_frame() const {
  const auto dest = call_.request.fields.only(net::Header::sec_fetch_dest);
  return target_->mode.by == ResponseMode::By::post_message && (dest == "iframe" || dest == "frame");
}

net::Reply Visit::round_again() const {
  auto reply = net::Reply::redirect("/signin/" + handle_);
  reply.with("Cache-Control", "no-store");
  return reply;
}

Task<net::Reply> Visit::send_to_door(std::vector<std::string> consent, std::optional<signin::Session> session) {
  if (ask_.prompt == Prompt::none || in_frame())
    co_return oauth::refusal(consent.empty() ? Code::login_required : Code::consent_required,
                             "The person has to be asked, and the client wants no prompt or has framed the request.");
  GH_CO_TRY(auto back, signin::ReturnTo::parse(server_.path() + "/v1/authorize"));
  json::object purpose;
  purpose["server"] = server_.id;
  purpose["base"] = base_;
  purpose["query"] = params_.form().encode();
  signin::NewTransaction fresh;
  fresh.return_to = std::move(back);
  fresh.purpose = std::move(purpose);
  fresh.app_label = target_->app.label;
  fresh.form_target = oauth::csp_source_of(target_->redirect_uri);
  fresh.login_hint = ask_.login_hint;
  fresh.password_since = session ? Timestamp() : password_since(ask_, provider_.needs().clock.now());
  fresh.consent = std::move(consent);
  fresh.session = std::move(session);
  co_return co_await provider_.needs().door.begin(call_.request, std::move(fresh));
}

Task<std::optional<signin::Session>> Visit::session() {
  auto found = co_await provider_.needs().door.session_of(call_.request);
  if (!found && found.error().fault() != Fault::unauthenticated) co_return std::unexpected(std::move(found.error()));
  if (!found) co_return std::optional<signin::Session>();
  bool fits = false;
  if (transaction_) {
    // The session must be the one of this very sign-in.
    fits = transaction_->session_id == found->id && transaction_->user == found->user &&
           found->auth_time >= transaction_->policy.password_since;
  } else {
    fits = ask_.prompt != Prompt::login && found->auth_time >= password_since(ask_, provider_.needs().clock.now());
  }
  co_return fits ? std::optional(*std::move(found)) : std::nullopt;
}

// A hint names somebody: another person at the door does not fit.
Task<bool> Visit::fits_hint(signin::Session session) {
  if (!ask_.only.empty() && ask_.only != session.user.str()) co_return false;
  if (ask_.id_token_hint.empty()) co_return true;
  auto hint = co_await verify_own(provider_, server_, TokenUse::id, ask_.id_token_hint, jose::Expect::Expiry::ignored);
  if (!hint && hint.error().fault() != Fault::unauthenticated) co_return std::unexpected(std::move(hint.error()));
  if (!hint) co_return oauth::refusal(Code::invalid_request, "The id_token_hint is not an ID token of this server.");
  co_return find_string(*hint, "sub") == session.user.str();
}

Task<std::vector<std::string>> Visit::open_questions(directory::UserId user) {
  const bool again = ask_.prompt == Prompt::consent;
  if (consent_is(signin::Consent::given) || (!target_->app.consent_required && !again)) co_return std::vector<std::string>();
  GH_CO_TRY(auto given, co_await select_consent(provider_.needs().database, provider_.org(), user, target_->app.client_id, server_.id));
  const auto told = told_scopes();
  if (!again && told.within(given)) co_return std::vector<std::string>();
  co_return told.words();
}

// Who may use this client; Code::access_denied otherwise.
Task<directory::User> Visit::person(directory::UserId user) {
  auto found = co_await person_for(provider_, target_->app, user);
  if (!found && found.error().code() == oauth::name_of(Code::invalid_grant)) co_return oauth::refusal(Code::access_denied, found.error().message());
  if (!found || server_.kind() != ServerKind::org || !ask_.scopes.text().contains("okta.")) co_return found;
  GH_CO_TRY(const bool admin, co_await provider_.needs().admins.is_admin(user));
  if (!admin) co_return oauth::refusal(Code::access_denied, "Only administrators may be asked for okta scopes.");
  co_return found;
}

// Of what comes through the browser.
oauth::Scopes Visit::front_scopes() const {
  auto scopes = ask_.scopes;
  scopes.remove("offline_access");
  return scopes;
}

// Every way by which something is given is asked for. Scopes are cut down to what fits.
Task<void> Visit::ask_policy(directory::UserId user) {
  const auto& type = target_->type;
  if (type.code) {
    AccessAsk asked{target_->app.client_id, "authorization_code", ask_.scopes, ask_.how, Asker{user.str(), {}}};
    GH_CO_TRY(const auto access, co_await access_for(provider_, server_, std::move(asked)));
    ask_.scopes = access.scopes();
  }
  if (type.front_channel()) {
    AccessAsk asked{target_->app.client_id, std::string(kImplicit), front_scopes(), ask_.how, Asker{user.str(), {}}};
    if (asked.scopes.empty()) co_return oauth::refusal(Code::invalid_scope, "There is no scope for a token from the authorization endpoint.");
    GH_CO_TRY(const auto access, co_await access_for(provider_, server_, std::move(asked)));
    if (type.id_token && !access.scopes().has("openid")) co_return oauth::refusal(Code::invalid_scope, "An ID token needs the scope 'openid'.");
    if (!type.code) ask_.scopes = access.scopes();
  }
  co_return Result<void>();
}

// What the person agrees to.
oauth::Scopes Visit::told_scopes() const {
  auto scopes = ask_.scopes;
  for (const auto& scope : claim_scopes_.words()) scopes.add(scope);
  return scopes;
}

// A claim is asked for like the scope that it belongs to: where the rules give that one, and with the person's consent.
Task<bool> Visit::may_open(std::string name, directory::UserId user) {
  const auto* claim = claims_of(server_).standard_claim(name);
  if (claim == nullptr) co_return false;
  const auto told = told_scopes();
  const auto opens = [&](const std::string& scope) { return told.has(scope); };
  if (claim->scopes.empty() || std::ranges::any_of(claim->scopes, opens)) co_return true;
  const auto scope = claim->scopes.front();
  AccessAsk asked{target_->app.client_id, target_->type.code ? "authorization_code" : std::string(kImplicit), ask_.scopes, AccessAsk::Scopes::as_asked, Asker{user.str(), {}}};
  asked.scopes.add(scope);
  const auto access = co_await access_for(provider_, server_, std::move(asked));
  if (!access && access.error().code().empty()) co_return std::unexpected(access.error());
  if (access) claim_scopes_.add(scope);
  co_return access.has_value();
}

// None of it is an error: what cannot be told is not told (OpenID Connect Core §5.5.1).
Task<void> Visit::open_claims(directory::UserId user) {
  for (auto* names : {&ask_.asked.id_token, &ask_.asked.userinfo}) {
    std::vector<std::string> open;
    for (const auto& name : *names) {
      GH_CO_TRY(const bool may, co_await may_open(name, user));
      if (may) open.push_back(name);
    }
    *names = std::move(open);
  }
  co_return Result<void>();
}

Result<std::string> Visit::add_code(store::Unit& unit, const signin::Session& session, const directory::User& user) {
  auto& needs = provider_.needs();
  const auto& app = target_->app;
  CodeData data{server_.id, app.client_id, target_->redirect_uri, ask_.nonce, ask_.challenge, session.id, new_id(needs.random, "oar"),
                user.id, ask_.scopes, session.auth_time, session.amr, ask_.dpop_key, ask_.asked};
  GH_TRY(auto issued, needs.handles.issue_statement(provider_.org(), kCode, data.to_json()));
  unit.push_back(std::move(issued.statement));
  const auto event = granted_event(server_, "authorize.code", app, user, ask_.scopes, signin::origin_of(call_.request));
  unit.push_back(needs.log.statement(provider_.org(), event));
  return std::string(issued.handle.reveal());
}

// A grant of its own, so that revocation reaches what it holds; never a refresh token.
Task<oauth::TokenResponse> Visit::give_tokens(store::Unit unit, std::string code, signin::Session session, directory::User user) {
  const auto& type = target_->type;
  TokenCall call{server_, provider_.issuer_base(server_, base_), target_->app, params_, signin::origin_of(call_.request)};
  Gift gift{new_id(provider_.needs().random, "oar"), std::string(kImplicit), std::move(user), front_scopes(), session.auth_time, session.amr, session.id, ask_.nonce, ask_.how};
  gift.spend = std::move(unit);
  gift.asked = ask_.asked;
  gift.wanted = Wanted{type.token, type.id_token, std::move(code)};
  gift.event = type.token ? "authorize.implicit.access_token" : "authorize.implicit.id_token";
  return give(provider_, std::move(call), std::move(gift));
}

void add_tokens(net::Form& parameters, const oauth::TokenResponse& tokens) {
  if (tokens.id_token) parameters.add("id_token", *tokens.id_token);
  if (tokens.access_token.empty()) return;
  parameters.add("access_token", tokens.access_token);
  parameters.add("token_type", "Bearer");
  parameters.add("expires_in", std::to_string(tokens.expires_in.count()));
  parameters.add("scope", tokens.scope.text());
}

// Everything is proven: one unit finishes the transaction, remembers the consent and keeps what is given.
Task<net::Reply> Visit::give_answer(signin::Session session, directory::User user) {
  auto& needs = provider_.needs();
  const auto& type = target_->type;
  store::Unit unit;
  if (transaction_) unit.push_back(needs.transactions.finish_statement(*transaction_));
  if (consent_is(signin::Consent::given))
    unit.push_back(upsert_consent(provider_.org(), user.id, target_->app.client_id, server_.id, told_scopes(), needs.clock.now()));
  net::Form parameters;
  std::string code;
  if (type.code) {
    GH_CO_TRY(code, add_code(unit, session, user));
    parameters.add("code", code);
  }
  Result<void> done;
  if (type.front_channel()) {
    auto tokens = co_await give_tokens(std::move(unit), std::move(code), std::move(session), std::move(user));
    if (tokens) add_tokens(parameters, *tokens);
    else done = std::unexpected(std::move(tokens.error()));
  } else {
    auto written = co_await needs.database.write(std::move(unit));
    if (!written) done = std::unexpected(std::move(written.error()));
  }
  if (!done && done.error().fault() == Fault::conflict)
    co_return failure(Fault::conflict, "This sign-in has already been finished. Please go back to the application.");
  if (!done) co_return std::unexpected(std::move(done.error()));
  GH_CO_TRY(auto reply, co_await answer(provider_, server_, *target_, std::move(parameters)));
  if (transaction_) reply.with("Set-Cookie", signin::clear_binding_cookie(handle_, call_.request.tls));
  co_return reply;
}

// Errors of this go back to the client.
Task<net::Reply> Visit::decide() {
  auto& transactions = provider_.needs().transactions;
  GH_CO_TRY(ask_, co_await read_request(server_, *target_, params_));
  GH_CO_TRY(auto here, co_await session());
  bool suits = here.has_value();
  if (here) {
    GH_CO_TRY(suits, co_await fits_hint(*here));
  }
  if (!suits && transaction_) {
    GH_CO_DO(co_await transactions.start_over(*transaction_));
    co_return round_again();
  }
  if (!suits) co_return co_await send_to_door({}, std::nullopt);

  if (consent_is(signin::Consent::denied))
    co_return oauth::refusal(Code::access_denied, "The resource owner or authorization server denied the request.");
  GH_CO_TRY(auto user, co_await person(here->user));
  GH_CO_DO(co_await ask_policy(user.id));
  GH_CO_DO(co_await open_claims(user.id));
  GH_CO_TRY(auto questions, co_await open_questions(user.id));
  if (!questions.empty() && transaction_) {
    GH_CO_DO(co_await transactions.ask_consent(*transaction_, std::move(questions)));
    co_return round_again();
  }
  if (!questions.empty()) co_return co_await send_to_door(std::move(questions), std::move(here));
  co_return co_await give_answer(*std::move(here), std::move(user));
}

Task<void> Visit::write_refusal(Error error) {
  return provider_.refused(server_, "authorize", params_.text("client_id"), std::move(error), signin::origin_of(call_.request));
}

// What goes back to the client, and what is for a page: a transaction that is over is nobody's but the browser's.
bool is_for_page(const Error& error) { return error.code().empty() && error.fault() == Fault::conflict; }

Task<net::Reply> Visit::run() {
  auto target = co_await find_target(provider_, server_, base_, params_);
  if (!target) {
    GH_CO_DO(co_await write_refusal(target.error()));
    co_return std::unexpected(std::move(target.error()));
  }
  target_ = *std::move(target);
  auto reply = co_await decide();
  if (reply) co_return reply;
  GH_CO_DO(co_await write_refusal(reply.error()));
  if (is_for_page(reply.error())) co_return std::unexpected(std::move(reply.error()));
  // The transaction ends with the refusal: the same answer is not given twice.
  if (transaction_) {
    auto finished = co_await provider_.needs().transactions.finish(*transaction_);
    if (!finished && finished.error().fault() != Fault::conflict) co_return std::unexpected(std::move(finished.error()));
  }
  co_return co_await answer_error(provider_, server_, *target_, std::move(reply.error()));
}

}  // namespace

Task<net::Reply> authorize(Provider& provider, const net::Call& call, RawForm ask) {
  GH_CO_TRY(auto server, co_await server_of(provider, call));
  GH_CO_TRY(auto base, provider.base_of(call.request));
  auto params = oauth::Params::of(std::move(ask.form));
  if (!params) {   // in doubt about a parameter there is no address to trust
    GH_CO_DO(co_await provider.refused(server, "authorize", "", params.error(), signin::origin_of(call.request)));
    co_return std::unexpected(std::move(params.error()));
  }
  const auto client_id = params->text("client_id");
  auto whole = co_await settled(provider, server, *std::move(params));
  if (!whole) {
    GH_CO_DO(co_await provider.refused(server, "authorize", client_id, whole.error(), signin::origin_of(call.request)));
    co_return std::unexpected(std::move(whole.error()));
  }
  Visit visit(provider, call, std::move(server), std::move(base), *std::move(whole));
  co_return co_await visit.run();
}

// A client may POST, from its own site; session cookies (SameSite=Lax) do not come with that. The redirect makes a GET of it.
Task<net::Reply> authorize_posted(Provider& provider, const net::Call& call, RawForm ask) {
  GH_CO_TRY(auto server, co_await server_of(provider, call));
  auto query = ask.form.encode();
  if (query.size() > kPostedMax) co_return failure(Fault::limited, "The request is too long.");
  co_return net::Reply::redirect(server.path() + "/v1/authorize?" + query);
}

Task<net::Reply> authorize_continued(Provider& provider, const net::Call& call) {
  const auto& handle = call.path_value("transaction");
  GH_CO_TRY(auto server, co_await server_of(provider, call));
  GH_CO_TRY(auto base, provider.base_of(call.request));
  GH_CO_TRY(auto transaction, co_await provider.needs().door.transaction_of(call.request, handle));
  const auto asked_server = find_string(transaction.purpose, "server"), asked_base = find_string(transaction.purpose, "base");
  const auto query = find_string(transaction.purpose, "query");
  if (!query || asked_server != server.id || asked_base != base) co_return failure(Fault::invalid, "This sign-in is for something else.");
  if (signin::next_step(transaction.so_far, transaction.policy) != signin::Step::done) co_return signin::Door::onward(transaction, handle);
  GH_CO_TRY(auto form, net::Form::parse(*query));
  GH_CO_TRY(auto params, oauth::Params::of(std::move(form)));
  Visit visit(provider, call, std::move(server), std::move(base), std::move(params));
  visit.continues(std::move(transaction), handle);
  co_return co_await visit.run();
}

}  // namespace gatehouse::idp
