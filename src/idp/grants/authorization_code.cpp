// RFC 6749 §4.1.3 with RFC 7636: a code is redeemed once, by the client it was made for, with the verifier it was asked with.
#include "idp/code_data.h"
#include "idp/grants.h"
#include "oauth/error.h"
#include "oauth/pkce.h"

namespace gatehouse::idp {
namespace {

std::unexpected<Error> no_good() {
  return oauth::refusal(oauth::Code::invalid_grant, "The authorization code is invalid or has expired.");
}

// Somebody has a code who should not, or sends it again: it is spent now, and what it gave is gone.
Task<void> burn(Provider& provider, TokenCall call, Secret code, Killed why) {
  auto& handles = provider.needs().handles;
  auto spent = co_await handles.spend(provider.org(), kCode, code);
  if (spent) co_return Result<void>();   // nothing had been given for it
  auto data = co_await handles.data_of_spent(provider.org(), kCode, std::move(code));
  if (!data) co_return Result<void>();
  GH_CO_TRY(auto stood_for, CodeData::from_json(*data));
  co_return co_await kill_grant(provider, call.server, stood_for.grant_id, call.app.client_id, why, call.origin);
}

Result<void> check_proof(const CodeData& data, const oauth::Params& params) {
  const auto verifier = params.get("code_verifier");
  if (data.challenge.empty()) {
    // RFC 9700 §4.8.2: a verifier without a challenge is a sign of a downgrade.
    if (verifier) return oauth::refusal(oauth::Code::invalid_grant, "A code_verifier was sent, but the code was asked for without a code_challenge.");
    return {};
  }
  GH_TRY(auto challenge, oauth::Challenge::parse(data.challenge, "S256"));
  if (!verifier || !challenge.met_by(*verifier)) return oauth::refusal(oauth::Code::invalid_grant, "PKCE verification failed.");
  return {};
}

class AuthorizationCode final : public Grant {
 public:
  std::string_view type() const override { return type_name; }

  Task<oauth::TokenResponse> redeem(Provider& provider, TokenCall call) const override {
    auto& needs = provider.needs();
    GH_CO_TRY(auto text, call.params.required("code"));
    Secret code(std::move(text));
    auto peeked = co_await needs.handles.peek(provider.org(), kCode, code);
    if (!peeked) {
      const auto fault = peeked.error().fault();
      if (fault == Fault::upstream || fault == Fault::internal || fault == Fault::limited) co_return std::unexpected(std::move(peeked.error()));
      if (fault == Fault::conflict) GH_CO_DO(co_await burn(provider, call, code, Killed::by_reuse));
      co_return no_good();
    }
    GH_CO_TRY(auto data, CodeData::from_json(*peeked));
    if (data.client_id != call.app.client_id || data.server_id != call.server.id) {
      GH_CO_DO(co_await burn(provider, call, code, Killed::by_stranger));
      co_return no_good();
    }
    auto fits = check_redirect(data, call.params);
    if (fits) fits = check_proof(data, call.params);
    if (!fits) {
      GH_CO_DO(co_await burn(provider, call, code, Killed::by_stranger));
      co_return std::unexpected(std::move(fits.error()));
    }
    co_return co_await give(provider, std::move(call), std::move(code), std::move(data));
  }

 private:
  static constexpr std::string_view type_name = "authorization_code";

  static Result<void> check_redirect(const CodeData& data, const oauth::Params& params) {
    if (params.text("redirect_uri") == data.redirect_uri) return {};
    return oauth::refusal(oauth::Code::invalid_grant, "The redirect_uri is not the one of the authorization request.");
  }

  // Spends the code and keeps what it gives in one unit; signs afterwards. If signing fails the code is spent: better a
  // second sign-in than a second token.
  static Task<oauth::TokenResponse> give(Provider& provider, TokenCall call, Secret code, CodeData data) {
    auto& needs = provider.needs();
    GH_CO_TRY(auto user, co_await person_for(provider, call.app, data.user));
    AccessAsk asked{call.app.client_id, std::string(type_name), data.scopes, AccessAsk::Scopes::as_asked, Asker{data.user.str(), {}}};
    GH_CO_TRY(auto access, co_await access_for(provider, call.server, std::move(asked)));
    const auto now = needs.clock.now();
    const bool offline = data.scopes.has("offline_access");
    const auto idle = access.family_life() ? std::min(access.refresh_idle(), *access.family_life()) : access.refresh_idle();
    const auto life = access.family_life().value_or(std::max(idle, access.access_life()));
    GrantRow grant{data.grant_id, call.server.id, call.app.client_id, data.user, data.session_id, data.scopes, data.auth_time, data.amr,
                   now, now + (offline ? life : access.access_life()), false, std::string(type_name), offline && !access.family_life()};
    std::optional<NewRefresh> refresh;
    GH_CO_TRY(auto spend, needs.handles.spend_statement(provider.org(), kCode, code));
    store::Unit unit;
    unit.push_back(std::move(spend));
    if (offline) refresh = first_refresh(needs.random, grant.id);
    const RefreshLife refresh_life{now, now + idle};
    unit.push_back(refresh ? insert_grant(provider.org(), grant, refresh->hash, refresh_life) : insert_grant(provider.org(), grant));
    unit.push_back(needs.log.statement(provider.org(), granted_event(call.server, "token.grant.access_token", call.app, user, data.scopes, call.origin)));
    auto done = co_await needs.database.write(std::move(unit));
    if (!done) {
      if (done.error().fault() != Fault::conflict) co_return std::unexpected(std::move(done.error()));
      GH_CO_DO(co_await burn(provider, call, std::move(code), Killed::by_reuse));
      co_return no_good();
    }
    Mint ask{call.server, call.base, call.app, data.scopes, Person{std::move(user), data.auth_time, data.amr}, grant.id, data.nonce, std::move(access), call.bound_to};
    GH_CO_TRY(auto answer, co_await mint(provider, std::move(ask)));
    if (refresh) answer.refresh_token = std::string(refresh->token.reveal());
    co_return answer;
  }
};

}  // namespace

const Grant& authorization_code_grant() {
  static const AuthorizationCode grant;
  return grant;
}

}  // namespace gatehouse::idp
