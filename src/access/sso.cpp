#include "access/sso.h"

#include <algorithm>

#include "access/pages.h"
#include "access/sessions.h"
#include "access/state.h"
#include "access/step_up.h"
#include "core/bytes.h"
#include "core/text.h"
#include "crypto/hash.h"
#include "gateway/gateway.h"
#include "gateway/names.h"
#include "net/form.h"

namespace gatehouse::access {

namespace {

using gateway::Demand;
using gateway::Pass;
using gateway::Verdict;
using net::Reply;
using net::Request;

constexpr std::string_view kCallback = "/.gatehouse/callback", kSignIn = "/.gatehouse/sign-in", kSignOut = "/.gatehouse/sign-out",
                           kSignedOut = "/.gatehouse/signed-out";
constexpr std::size_t kFormMax = 16 * 1024, kBrowserBytes = 32;

// With TLS the name itself keeps other hosts and plain HTTP from planting the cookie (RFC 6265bis §4.1.3.2).
std::string session_cookie(bool tls) { return tls ? "__Host-gh_session" : "gh_session"; }
std::string browser_cookie(bool tls) { return tls ? "__Host-gh_browser" : "gh_browser"; }

std::string cookie_line(const Request& request, const std::string& name, std::string_view value, std::optional<std::int64_t> max_age = {}) {
  net::CookieOptions options;
  options.secure = request.tls;
  options.max_age_seconds = max_age;
  return net::set_cookie(name, value, options);
}

class Sso final : public gateway::Policy {
 public:
  Sso(const SsoNeeds& needs, const OrgId& org, SsoConfig config, std::unique_ptr<oauth::client::CodeFlow> flow, const crypto::Sealer& sealer)
      : clock_(needs.clock),
        random_(needs.random),
        config_(std::move(config)),
        flow_(std::move(flow)),
        key_(needs.master_key.derive("access/" + config_.name)),
        states_(sealer, needs.master_key.derive("access.sign-in/" + config_.name), config_.name),
        sessions_(SessionNeeds{needs.database, needs.clock, needs.random}, config_,
                  SessionStore(SessionNeeds{needs.database, needs.clock, needs.random}, org, sealer), *flow_, needs.log) {}

  std::vector<std::string> managed_headers() const override {
    std::vector<std::string> names;
    for (const auto& header : config_.headers) names.push_back(header.name);
    return names;
  }
  std::vector<std::string> own_cookies() const override {
    return {session_cookie(true), session_cookie(false), browser_cookie(true), browser_cookie(false)};
  }
  bool has_pages() const override { return true; }

  std::optional<Verdict> at_once(const Request& request, const Demand&) override {
    const auto cookie = request.cookie(session_cookie(request.tls));
    if (!cookie) return std::nullopt;
    auto session = sessions_.at_once(*cookie, request.host);
    if (!session) return std::nullopt;
    return pass(std::move(session));
  }

  Task<Verdict> check(net::Exchange& exchange, const Demand&) override {
    const auto& request = exchange.request();
    auto session = co_await session_of(request);
    if (session) co_return pass(*std::move(session));
    if (session.error().fault() != Fault::unauthenticated) co_return std::unexpected(std::move(session.error()));
    if (!is_navigation(request)) co_return not_signed_in(request);
    SignIn sign_in;
    sign_in.return_path = safe_return_path(request.target());
    GH_CO_TRY(auto reply, co_await send_to_issuer(request, std::move(sign_in)));
    co_return reply;
  }

  std::string_view kind() const override { return "sign-on"; }

  Task<Reply> step_up(net::Exchange& exchange, const Demand&, policy::StepUp wanted) override {
    const auto& request = exchange.request();
    if (!is_navigation(request))
      co_return gateway::refusal_page(request, 401, "Sign in again", "This address asks for a stronger or more recent sign-in. Open it in a browser, then repeat what you did.");
    SignIn sign_in;
    sign_in.return_path = safe_return_path(request.target());
    sign_in.acr_values = join(wanted.acr_values, " ");
    sign_in.max_age = wanted.max_age;
    co_return co_await send_to_issuer(request, std::move(sign_in));
  }

  Result<Verdict> imagine(const Request&, const Demand&, std::shared_ptr<const json::object> claims) override {
    auto session = std::make_shared<Session>();
    session->claims = *claims;
    session->subject = find_string(*claims, "sub").value_or("");
    sessions_.dress_imagined(*session);
    return pass(std::move(session));
  }

  Task<Reply> page(net::Exchange& exchange) override {
    const auto& request = exchange.request();
    if (request.path == kCallback) return callback(exchange);
    if (request.path == kSignIn) return begin_page(exchange);
    if (request.path == kSignOut) return sign_out(exchange);
    if (request.path == kSignedOut) return finished(signed_out_page());
    return Policy::page(exchange);
  }

 private:
  static Task<Reply> finished(Reply reply) { co_return reply; }

  static Verdict pass(SessionPtr session) {
    Pass out;
    const auto* raw = session.get();
    out.header_lines = std::shared_ptr<const std::string>(session, &raw->header_lines);
    out.attributes = std::shared_ptr<const json::object>(std::move(session), &raw->claims);
    out.who = raw->login;
    out.shown = Pass::Shown::cookie;
    out.valid_until = raw->expires;
    return out;
  }

  Task<SessionPtr> session_of(const Request& request) {
    const auto cookie = request.cookie(session_cookie(request.tls));
    return sessions_.find(Secret(std::string(cookie.value_or(""))), request.host);
  }

  std::string origin(const Request& request) const { return config_.public_origin.empty() ? request.origin() : config_.public_origin; }

  Reply not_signed_in(const Request& request) const {
    const auto* advice = request.method == net::Method::get || request.method == net::Method::head
                             ? "Sign in with a browser, then try again."
                             : "Your session has ended, so nothing was sent on. Sign in again, then repeat what you did.";
    return gateway::refusal_page(request, 401, "Not signed in", advice);
  }

  // The browser keeps its mark: several tabs may be on their way at once, each with a state of its own.
  Task<Reply> send_to_issuer(const Request& request, SignIn sign_in) {
    const auto name = browser_cookie(request.tls);
    const auto had = request.cookie(name);
    const bool usable = had && had->size() >= 40 && had->size() <= 64;
    const std::string browser = usable ? std::string(*had) : random_token(random_, kBrowserBytes);
    sign_in.id = random_token(random_, 16);
    sign_in.host = request.host;
    sign_in.begun = clock_.now();

    oauth::client::AskForCode ask;
    GH_CO_TRY(ask.state, states_.seal(sign_in, browser));
    ask.redirect_uri = origin(request) + std::string(kCallback);
    ask.nonce = states_.nonce_of(sign_in);
    ask.verifier = states_.verifier_of(sign_in);
    if (!sign_in.acr_values.empty()) ask.more.emplace_back("acr_values", sign_in.acr_values);
    if (sign_in.max_age) ask.more.emplace_back("max_age", std::to_string(sign_in.max_age->count()));
    GH_CO_TRY(auto url, co_await flow_->authorization_url(std::move(ask)));
    auto reply = Reply::redirect(std::move(url), 302);
    if (!usable) reply.with("Set-Cookie", cookie_line(request, name, browser));
    co_return reply;
  }

  Task<Reply> begin_page(net::Exchange& exchange) {
    const auto& request = exchange.request();
    SignIn sign_in;
    sign_in.return_path = "/";
    if (auto form = net::Form::parse(request.query)) sign_in.return_path = safe_return_path(form->get("to").value_or("/"));
    if (!is_navigation(request)) co_return not_signed_in(request);
    co_return co_await send_to_issuer(request, std::move(sign_in));
  }

  struct Answer {
    std::string state, code, error, issuer;
  };
  // Each parameter at most once: "last wins" and "first wins" are two readers (mod_auth_openidc, 2026-08).
  static Result<Answer> read_answer(const Request& request) {
    GH_TRY(auto form, net::Form::parse(request.query));
    Answer answer;
    GH_TRY(auto state, form.only("state"));
    GH_TRY(auto code, form.only("code"));
    GH_TRY(auto error, form.only("error"));
    GH_TRY(auto issuer, form.only("iss"));
    answer.state = state.value_or("");
    answer.code = code.value_or("");
    answer.error = error.value_or("");
    answer.issuer = issuer.value_or("");
    return answer;
  }

  Task<Reply> callback(net::Exchange& exchange) {
    const auto& request = exchange.request();
    if (request.method != net::Method::get) co_return gateway::refusal_page(request, 405, "Method not allowed", "The issuer answers with GET.").with("Allow", "GET");
    auto answer = read_answer(request);
    if (!answer) co_return sign_in_problem_page(400, "Sign-in failed", "The answer of the sign-in service could not be read.", "/");
    const auto browser = request.cookie(browser_cookie(request.tls)).value_or("");
    auto sign_in = states_.open(answer->state, browser, request.host, clock_.now());
    if (!sign_in) co_return co_await begin_again(request, answer->state, "unknown state");

    GH_CO_TRY(auto about, co_await flow_->metadata());
    // RFC 9207 §2.4: an answer of another issuer must not be taken to this one's token endpoint (mix-up).
    if ((!answer->issuer.empty() || about->names_itself_in_answers) && answer->issuer != about->issuer)
      co_return sign_in_problem_page(400, "Sign-in failed", "The answer came from another sign-in service than the one that was asked.", sign_in->return_path);
    if (!answer->error.empty() || answer->code.empty()) {
      exchange.log().info("access.sign_in_refused", {{"error", answer->error}});
      co_return sign_in_problem_page(403, "You were not signed in", "The sign-in service ended this attempt. If you did not cancel it, ask your administrator for access.", sign_in->return_path);
    }
    co_return co_await complete(exchange, *std::move(sign_in), std::move(answer->code), std::move(answer->state));
  }

  Task<Reply> complete(net::Exchange& exchange, SignIn sign_in, std::string code, std::string state) {
    const auto& request = exchange.request();
    auto tokens = co_await flow_->exchange(std::move(code), origin(request) + std::string(kCallback), states_.verifier_of(sign_in));
    if (!tokens && tokens.error().fault() == Fault::unauthenticated) {
      exchange.log().info("access.code_refused", {{"why", tokens.error().message()}});
      co_return co_await begin_again(request, std::move(state), "code refused");   // the back button, mostly
    }
    if (!tokens) co_return std::unexpected(std::move(tokens.error()));
    auto who = co_await flow_->verify_id_token(tokens->id_token, states_.nonce_of(sign_in), tokens->access_token);
    if (!who && who.error().fault() == Fault::unauthenticated) {
      exchange.log().warn("access.id_token_refused", {{"why", who.error().message()}});
      co_return sign_in_problem_page(403, "Sign-in failed", "The sign-in service's statement about you is not valid.", sign_in.return_path);
    }
    if (!who) co_return std::unexpected(std::move(who.error()));
    if (!proves_enough(who->claims, sign_in, clock_.now())) {   // again and again would not make it more
      exchange.log().info("access.proof_too_weak", {{"subject", who->subject()}, {"acr_values", sign_in.acr_values}});
      co_return sign_in_problem_page(403, "Stronger sign-in needed", "The sign-in service did not sign you in the way this address asks for.", "/");
    }
    auto info = co_await flow_->userinfo(tokens->access_token, who->subject());
    if (!info && info.error().fault() == Fault::missing) info = json::object();
    if (!info && info.error().fault() == Fault::unauthenticated)
      co_return sign_in_problem_page(403, "Sign-in failed", "The sign-in service does not vouch for you.", sign_in.return_path);
    if (!info) co_return std::unexpected(std::move(info.error()));

    GH_CO_DO(co_await end_session(request));
    GH_CO_TRY(auto started, co_await sessions_.start(request.host, *std::move(who), *std::move(tokens), *std::move(info)));
    // Absolute, and made of our own origin: nothing in the path can make a browser leave for another host.
    co_return Reply::redirect(origin(request) + sign_in.return_path)
        .with("Set-Cookie", cookie_line(request, session_cookie(request.tls), started.cookie.reveal()));
  }

  // Whoever comes back too late, with another tab's mark, or twice, is not signed in by this answer, but need not notice: a
  // live session goes on, and otherwise a new sign-in of this very browser begins. A stranger's answer (login CSRF) ends here too.
  Task<Reply> begin_again(const Request& request, std::string state, std::string_view why) {
    auto old = states_.open_to_begin_again(state, request.host);
    const auto path = old ? old->return_path : std::string("/");
    auto session = co_await session_of(request);
    if (session && !(old && old->is_step_up())) co_return Reply::redirect(origin(request) + path);
    if (!old || old->attempt >= kSignInAttempts)
      co_return sign_in_problem_page(400, "Sign-in could not be completed",
                                     why == "unknown state" ? "It was begun in another browser, took too long, or cookies are blocked for this site."
                                                            : "The sign-in service did not accept its own answer.", path);
    SignIn next;
    next.return_path = path;
    next.attempt = old->attempt + 1;
    next.acr_values = old->acr_values;
    next.max_age = old->max_age;
    co_return co_await send_to_issuer(request, std::move(next));
  }

  Task<SessionPtr> end_session(const Request& request) {
    const auto cookie = request.cookie(session_cookie(request.tls));
    return sessions_.end(Secret(std::string(cookie.value_or(""))), request.host);
  }

  std::string sign_out_token(const Request& request) const {
    const auto cookie = request.cookie(session_cookie(request.tls)).value_or("");
    return base64url_encode(crypto::hmac_sha256(key_.reveal(), "sign-out/" + cookie_hash(cookie)));
  }

  // Did this very site, or the person at the keyboard, ask for it?
  static bool is_own_wish(const Request& request, const std::string& own_origin) {
    if (const auto site = request.fields.only(net::Header::sec_fetch_site)) return *site == "same-origin" || *site == "none";
    if (request.fields.has(net::Header::sec_fetch_site)) return false;
    if (const auto from = request.fields.only(net::Header::origin)) return *from == own_origin;
    if (const auto from = request.fields.only(net::Header::referer)) return from->starts_with(own_origin + "/");
    return false;
  }

  Task<Reply> sign_out(net::Exchange& exchange) {
    const auto& request = exchange.request();
    const bool is_post = request.method == net::Method::post;
    if (!is_post && request.method != net::Method::get)
      co_return gateway::refusal_page(request, 405, "Method not allowed", "Sign out with POST or GET.").with("Allow", "GET, POST");
    bool wanted = is_own_wish(request, origin(request));
    if (is_post && !wanted) {
      GH_CO_TRY(auto body, co_await exchange.read_all(kFormMax));
      auto form = net::Form::parse(body);
      wanted = form && equal_constant_time(form->get("token").value_or(""), sign_out_token(request));
    }
    if (!wanted) co_return confirm_sign_out_page(sign_out_token(request));

    GH_CO_TRY(auto ended, co_await end_session(request));
    std::string next;
    if (ended) {
      // The issuer may be away; who wants to leave leaves all the same.
      auto url = co_await flow_->end_session_url(ended->tokens.id_token, origin(request) + std::string(kSignedOut));
      if (url) next = *std::move(url);
    }
    auto reply = Reply::redirect(next.empty() ? origin(request) + std::string(kSignedOut) : std::move(next));
    co_return reply.with("Set-Cookie", cookie_line(request, session_cookie(request.tls), "", 0));
  }

  const Clock& clock_;
  Random& random_;
  SsoConfig config_;
  std::unique_ptr<oauth::client::CodeFlow> flow_;
  Secret key_;
  States states_;
  Sessions sessions_;
};

bool has_named(const Request& request, std::string_view name) {
  return std::ranges::any_of(request.fields.all(), [&](const net::Field& field) { return equal_ignoring_case(field.name, name); });
}

Result<void> validate(const SsoConfig& config) {
  const auto where = "policy " + config.name + ": ";
  if (config.name.empty()) return failure(Fault::invalid, "a sign-on policy needs a name");
  if (config.headers.size() > gateway::kInjectionsMax) return failure(Fault::invalid, where + "at most 64 headers");
  for (const auto& header : config.headers)
    if (!gateway::is_field_name(header.name) || header.claim.empty() || header.separator.empty())
      return failure(Fault::invalid, where + "an identity header has a name, a claim and a separator");
  if (config.revalidate < Seconds(2)) return failure(Fault::invalid, where + "revalidate is at least 2 seconds");
  if (config.idle <= Seconds(0) || config.absolute < config.idle) return failure(Fault::invalid, where + "idle is positive and not longer than absolute");
  if (config.issuer_outage_grace < Seconds(0)) return failure(Fault::invalid, where + "issuer_outage_grace is not negative");
  if (!config.public_origin.empty()) {
    auto url = net::Url::parse(config.public_origin);
    if (!url || url->origin() != config.public_origin) return failure(Fault::invalid, where + "public_origin is scheme://host[:port]");
  }
  return {};
}

}  // namespace

bool is_navigation(const Request& request) {
  if (request.method != net::Method::get && request.method != net::Method::head) return false;
  if (request.upgrade != net::Upgrade::none || request.fields.has(net::Header::upgrade) || has_named(request, "x-requested-with")) return false;
  if (request.fields.has(net::Header::sec_fetch_mode)) return request.fields.only(net::Header::sec_fetch_mode) == "navigate";
  const auto accept = request.fields.only(net::Header::accept);
  if (accept && accept->contains("text/html")) return true;
  // Browsers say text/html when they navigate, so a browser that does not is running a script. Others (curl) may follow.
  const auto agent = request.fields.only(net::Header::user_agent).value_or("");
  return !agent.starts_with("Mozilla/") && (!accept || accept->contains("*/*"));
}

Result<std::unique_ptr<gateway::Policy>> make_sso(SsoNeeds needs, OrgId org, SsoConfig config) {
  GH_DO(validate(config));
  auto flow = oauth::client::CodeFlow::make(oauth::client::CodeFlowNeeds{needs.http, needs.clock}, config.issuer);
  if (!flow) return std::unexpected(std::move(flow.error()).while_doing("policy " + config.name));
  GH_TRY(auto sealer, needs.master_key.sealer(needs.random));
  return std::make_unique<Sso>(needs, org, std::move(config), *std::move(flow), sealer);
}

}  // namespace gatehouse::access
